import errno

import pytest

from pneumo.scoring._room import is_full


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), True),
        (OSError(errno.EFBIG, "File too large"), True),
        (OSError(errno.EIO, "Input/output error"), False),
        (PermissionError(errno.EACCES, "Permission denied"), False),
        (ValueError("No space left on device"), False),  # a word of a file's, no fault of a disk
        (None, False),
    ],
)
def test_a_full_disk_is_known_by_its_number(error, full):
    assert is_full(error) == full
