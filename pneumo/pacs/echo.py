"""Whether peers answer, asked by a person; a peer that had refused us is asked again."""

from collections.abc import Iterator

from pneumo.base.errors import PneumoError
from pneumo.pacs._reach import link_to, open_again
from pneumo.pacs.ledger import opened
from pneumo.pacs.peers import Site, is_read_on_the_way


def echo(site: Site, only: str = "") -> Iterator[str]:
    """A line per peer and way. Raises DeniedError or AwayError for the first that does not."""
    if only and only not in site.peers:
        raise PneumoError(f"{only}: is no peer; there are {', '.join(site.peers)}")
    for name in [only] if only else site.peers:
        peer = site.peers[name]
        ways = [False] * (peer.dicomweb is not None) + [True] * (peer.host is not None)
        for dimse in ways:
            with link_to(site, name, dimse=dimse) as link:
                yield f"{name}: {link.echo()}"
        if is_read_on_the_way(peer):
            yield f"{name}: warning: its credentials go unencrypted; give it an https:// address"
        with opened(site.path()) as ledger:
            open_again(ledger, name)
