"""Reports of ours that the destination has, which later ones name as predecessors."""

from pneumo.pacs.ledger import looked_at
from pneumo.pacs.peers import Site

ASKED = "SELECT sop FROM objects WHERE kind = 'sr' AND state IN ('sent', 'confirmed') ORDER BY sop"


def sent(site: Site) -> list[str]:
    """The SOP Instance UIDs of the reports that were sent."""
    with looked_at(site.path()) as ledger:
        return [row["sop"] for row in ledger.rows(ASKED)]
