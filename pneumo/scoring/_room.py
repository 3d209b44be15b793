"""Whether an error says that the disk is full, which is no fault of the file being read."""

import errno

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def is_full(error: BaseException | None) -> bool:
    """Whether ``error`` says that there is no room for what was written."""
    return isinstance(error, OSError) and error.errno in FULL
