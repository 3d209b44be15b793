"""The command that opens the reading page."""

from pathlib import Path
from typing import Annotated

import typer

from pneumo.base.errors import PneumoError


def read(
    folder: Annotated[Path, typer.Argument(help="Results of `pneumo score`, or radiographs.")],
    label: Annotated[
        bool, typer.Option("--label", help="FOLDER holds radiographs to be labelled from scratch.")
    ] = False,
    labels: Annotated[
        Path | None,
        typer.Option(help="Your table of readings; with --label the folder of the data sets."),
    ] = None,
    reader: Annotated[str, typer.Option(help="Your pseudonym. Blank: one for your login.")] = "",
    port: Annotated[
        int, typer.Option(help="0: the last one, or any that is free.", min=0, max=65535)
    ] = 0,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    blind: Annotated[
        bool, typer.Option("--blind/--no-blind", help="Hide the answer until it is asked for.")
    ] = True,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open a browser where there is one.")
    ] = True,
) -> None:
    """Look at radiographs in a browser, say what is there, draw where; ctrl-C ends it.

    Readings are in RESULTS/readings, a table per reader for `pneumo monitor labels`; with --label
    in FOLDER-labels, with a data set in RSNA's format. Example: `pneumo read results`
    """
    from pneumo.reading.read import kept_address, open_session, readings_table, serve

    name = _reader(reader)
    table = readings_table(folder, name, label=label, labels=labels)
    token, port = kept_address(table, name, host, port)
    session = open_session(
        folder, name, label=label, labels=labels, blind=blind, secret=token.encode()
    )
    serve(session, token, host, port, browser=browser)


def _reader(said: str) -> str:
    from getpass import getuser

    from pneumo.monitoring.labels import pseudonym
    from pneumo.site.sitekey import person_of, site_key

    if not said:
        return f"reader-{person_of(getuser(), site_key())[:6]}"
    try:
        name = pseudonym(said)
        if not name[0].isalnum():
            raise ValueError("the reader must begin with a letter or a digit")
    except ValueError as error:
        raise PneumoError(f"--reader: {error}") from None
    return name
