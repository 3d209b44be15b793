"""What the objects about one radiograph have in common."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from pneumo.dicom.ours import KINDS, MANUFACTURER, MODEL_NAME
from pneumo.findings._headers import TakenOver, put_into
from pneumo.findings._results import Row
from pneumo.findings._uids import own_uids, uid_of

if TYPE_CHECKING:
    from pydicom import Dataset

WARNING = "For research, not for clinical use"
ALGORITHM = "pneumo opacity ensemble"
SERIES = {"sr": (9101, "SR", "AI findings (research)"), "gsps": (9102, "PR", "AI boxes (research)"),
          "sc": (9103, "OT", "AI picture (research)")}  # fmt: skip
"""Number, modality and description of the series of each kind."""


@dataclass(frozen=True)
class Subject:
    """A radiograph, what is taken over from it, what was found on it, and its data set's sum.

    ``earlier`` are the rows of the index of reports on it that were sent before.
    """

    source: "Dataset"
    taken: TakenOver
    row: Row
    source_sum: str
    earlier: tuple[Mapping[str, str], ...] = ()

    @property
    def version(self) -> str:
        """The model's version, as far as it has one."""
        return self.row.version or "0"

    @property
    def scored_at(self) -> datetime:
        """When it was scored, in the source's own zone, or in UTC where it names none."""
        offset = self.taken.values.get("TimezoneOffsetFromUTC", "")
        if not offset:
            return self.row.scored_at
        sign = -1 if offset[0] == "-" else 1
        minutes = sign * (int(offset[1:3]) * 60 + int(offset[3:]))
        return self.row.scored_at.astimezone(timezone(timedelta(minutes=minutes)))

    @property
    def date(self) -> str:
        """The day of ``scored_at`` (VR DA)."""
        return self.scored_at.strftime("%Y%m%d")

    @property
    def time(self) -> str:
        """The time of ``scored_at`` (VR TM)."""
        return self.scored_at.strftime("%H%M%S")

    def box_uid(self, number: int) -> str:
        """What a box is tracked by."""
        box = self.row.boxes[number]
        facts = [box.x, box.y, box.width, box.height, box.confidence]
        return uid_of("box", self.source_sum, self.row.digest, self.row.software, number, facts)

    def summary(self) -> str:
        """What was found, in a line."""
        count = len(self.row.boxes)
        if not count:
            return "No opacity called"
        return f"{count} {'opacities' if count > 1 else 'opacity'} called"


def begun(subject: Subject, kind: str) -> "Dataset":
    """An object with the modules that all kinds share: patient, study, series, equipment."""
    from pydicom import Dataset

    number, modality, description = SERIES[kind]
    dataset = Dataset()
    put_into(dataset, subject.taken)
    dataset.SOPClassUID = KINDS[kind]
    dataset.Modality, dataset.SeriesNumber, dataset.SeriesDescription = (
        modality,
        number,
        description,
    )
    dataset.SeriesDate, dataset.SeriesTime = subject.date, subject.time
    dataset.InstanceNumber = 1
    dataset.InstanceCreationDate, dataset.InstanceCreationTime = subject.date, subject.time
    dataset.Manufacturer, dataset.ManufacturerModelName = MANUFACTURER, MODEL_NAME
    dataset.DeviceSerialNumber = subject.row.digest or "0"
    dataset.SoftwareVersions = subject.row.software
    return dataset


def reference(subject: Subject) -> "Dataset":
    """The source by class and instance."""
    from pydicom import Dataset

    item = Dataset()
    item.ReferencedSOPClassUID = subject.taken.reference["SOPClassUID"]
    item.ReferencedSOPInstanceUID = subject.taken.reference["SOPInstanceUID"]
    return item


def named(dataset: "Dataset", subject: Subject) -> "Dataset":
    """The object with its UIDs, when all else is said."""
    for keyword, value in own_uids(dataset, subject.source_sum).items():
        setattr(dataset, keyword, value)
    return dataset
