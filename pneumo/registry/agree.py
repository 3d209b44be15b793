"""A version's faster precisions are compared with float32 on this processor; it keeps the figures.

A promotion does it unasked; `pneumo registry agree` does it where another processor scores, and
`pneumo registry quantise` makes a graph in int8 first.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pneumo.base.errors import RegistryError
from pneumo.engines.choose import choose
from pneumo.engines.graphs import graph
from pneumo.engines.processor import processor, why_not_in
from pneumo.registry import agreement, store
from pneumo.registry.graphs import graph_in_int8
from pneumo.registry.judging import Seat, test_data
from pneumo.registry.precisions import FASTER, INT8, graph_of, is_known, kept, tag_of, wanted

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from pneumo.base.settings import ScoreSettings


def asked_here(score: "ScoreSettings") -> tuple[str, ...]:
    """What a promotion compares for these settings: nothing where Keras scores, as on a GPU."""
    engine = choose() if score.engine == "auto" else score.engine
    return wanted(score.precision) if engine == "openvino" else ()


def computed_here(precisions: Sequence[str]) -> list[str]:
    """Those of which a comparison computes something: bfloat16 may be refused without."""
    return [name for name in precisions if not why_not_in(name)]


def comparable(version: "ModelVersion") -> tuple[str, ...]:
    """What can be compared where nothing quantises: int8 if its graph is registered already."""
    return FASTER if graph_of(version.tags) else tuple(n for n in FASTER if n != INT8)


@contextmanager
def graph_ahead(seat: Seat, version: "ModelVersion", precisions: Sequence[str]) -> Iterator[None]:
    """Convert in the meantime, in a process beside this one, what ``agree`` is about to need.

    Half of what a comparison takes is this. Should it fail, ``agree`` tries again and says why. The
    block ends when both are done.
    """
    with ThreadPoolExecutor(1) as beside:
        if computed_here(_missing(version, precisions)):
            with suppress(RegistryError):  # of damaged files, which the gate names
                beside.submit(graph, seat.packages.of(version))
        yield


def _missing(version: "ModelVersion", precisions: Sequence[str]) -> list[str]:
    """Those of ``precisions`` that were not compared on this processor by the rules of today."""
    here = processor()
    known = kept(version.tags, here)
    return [name for name in precisions if not is_known(known, name, here)]


def agree(
    seat: Seat,
    version: "ModelVersion",
    precisions: Sequence[str],
    exact: Callable[[], agreement.Calls] | None = None,
) -> dict[str, Any]:
    """What ``precisions`` call beside float32 on the test images; kept as a tag of this processor.

    What is known of it by the rules of today is not computed again. ``exact`` gives what float32
    calls on them, where somebody has computed it already. A version has one graph in int8: the
    first that ``passed`` on any processor, quantised with the validation images, registered with
    the version and named by ``sha256``. DataError when the prepared data hold another test set,
    PneumoError when a graph must be quantised and nothing that does is installed.
    """
    here, missing = processor(), _missing(version, precisions)
    if not missing:
        return kept(version.tags, here)
    data = test_data(seat.prepared, version, version.tags["pneumo.test_set"])
    package, digest = seat.packages.of(version), graph_of(version.tags)

    def in_int8() -> Path:
        from pneumo.engines import int8

        if digest:
            return graph_in_int8(digest, lambda: (seat.server, version))
        return int8.quantised(package, np.asarray(data.images[data.rows("validation")]))

    rows = data.rows("test")
    measured = agreement.measure(
        package.folder,
        np.asarray(data.images[rows]),
        data.truth(rows),
        data.frames(rows),
        missing,
        quantise=in_int8 if INT8 in missing else None,
        exact=exact() if exact else None,
    )
    now = seat.server.get_model_version(store.ENSEMBLE, version.version)  # others may have compared
    if INT8 in measured and graph_of(now.tags) != digest:
        del measured[INT8]  # another processor's graph is the version's: the next call compares it
    if measured.get(INT8, {}).get("passed"):
        measured[INT8]["sha256"] = digest or store.save_graph(seat.server, version, in_int8())
    known = kept(now.tags, here) | measured
    ours = {name: figures for name, figures in known.items() if figures.get("processor") == here}
    store.tag(seat.server, version, {tag_of(here): json.dumps(ours)})
    return known
