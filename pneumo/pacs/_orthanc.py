"""Orthanc: DICOMweb, and its own list of changes, which says what is new without a search."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from pneumo.pacs._link import RADIOGRAPHS, Instance, Page, UnfitError
from pneumo.pacs._web import Web, _json

PAGE_CHANGES = 1000


class Orthanc(Web):
    """A peer whose changes are read from Orthanc's REST API; the cursor is a change's number."""

    def echo(self) -> str:
        """Ask both interfaces."""
        about = self._rest("GET", "/system")
        return f"{super().echo()}; Orthanc {about.get('Version', '')} answers"

    def pages(self, cursor: str) -> Iterator[Page]:
        """The instances that came since change ``cursor``, a thousand changes at a time."""
        last = int(cursor or 0)
        if int(self._rest("GET", "/changes?last")["Last"]) < last:
            last = 0  # another database than before: what is known is known by its UIDs
        while True:
            told = self._rest("GET", f"/changes?since={last}&limit={PAGE_CHANGES}")
            changes = told["Changes"]
            new = [change["ID"] for change in changes if change["ChangeType"] == "NewInstance"]
            last = int(told["Last"])
            found = list(self._instances(new))
            others = Counter(
                (one.series, one.modality or "unknown")
                for one in found
                if one.sop_class not in RADIOGRAPHS
            )
            wanted = [one for one in found if one.sop_class in RADIOGRAPHS]
            yield Page(str(last), wanted, dict(others), whole=False)
            if told["Done"] or not changes:
                return

    def _instances(self, ids: list[str]) -> Iterator[Instance]:
        """What the numbers of Orthanc stand for; what was deleted since is left out."""
        rows = self._bulk(ids, "Instance")
        above = sorted({row["ParentSeries"] for row in rows})
        series = {row["ID"]: row for row in self._bulk(above, "Series")}
        above = sorted({row["ParentStudy"] for row in series.values()})
        studies = {row["ID"]: row["MainDicomTags"] for row in self._bulk(above, "Study")}
        for row in rows:
            parent = series.get(row["ParentSeries"])
            if parent is None or parent["ParentStudy"] not in studies:
                continue
            yield Instance(
                row["MainDicomTags"]["SOPInstanceUID"],
                row["Metadata"].get("SopClassUid", ""),
                parent["MainDicomTags"]["SeriesInstanceUID"],
                studies[parent["ParentStudy"]]["StudyInstanceUID"],
                parent["MainDicomTags"].get("Modality", ""),
            )

    def _bulk(self, ids: list[str], level: str) -> list[dict[str, Any]]:
        if not ids:
            return []
        asked = {"Resources": ids, "Level": level, "Metadata": level == "Instance"}
        return list(self._rest("POST", "/tools/bulk-content", asked))

    def _rest(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.ask(method, path, base=str(self.peer.orthanc), json=body)
        self.check(answer)
        if (told := _json(answer)) is None:
            said = f"{self.name}: `orthanc` is no address of Orthanc's; correct it"
            raise UnfitError(said, "no_orthanc")
        return told
