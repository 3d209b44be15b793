"""An object as a file: the same bytes for the same object, read back before it has its name."""

import hashlib
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from pneumo.base.errors import PneumoError
from pneumo.base.files import whole
from pneumo.base.safe import printable
from pneumo.findings._uids import uid_of

if TYPE_CHECKING:
    from pydicom import Dataset

IMPLEMENTATION = "PNEUMO_1"


def file_name(sop_instance_uid: str) -> str:
    """A name with nothing in it that anybody chose."""
    return f"{hashlib.sha256(sop_instance_uid.encode()).hexdigest()[:32]}.dcm"


def encoded(dataset: "Dataset") -> bytes:
    """The file of an object, in Explicit VR Little Endian (PS3.10 7.1)."""
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(uid_of("implementation"))
    meta.ImplementationVersionName = IMPLEMENTATION
    dataset.file_meta = meta
    file = BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def put_file(path: Path, data: bytes) -> bool:
    """Let ``path`` hold ``data``; whether it was written now. What is there already stays.

    Raises PneumoError where the disk gives back other bytes than were written.
    """
    if path.is_file() and path.read_bytes() == data:
        return False
    with whole(path) as new:
        new.write_bytes(data)
        if new.read_bytes() != data:
            raise PneumoError(f"{printable(path)}: the disk gives back other bytes than it got")
    return True
