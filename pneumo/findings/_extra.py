"""Whether what this room needs beside the default installation is there."""

from pneumo.base.errors import PneumoError


def needs_extra() -> None:
    """Raise PneumoError where the extra ``pacs`` is not installed."""
    try:
        import highdicom  # noqa: F401
    except ImportError:
        raise PneumoError(
            "DICOM objects need highdicom, which is not installed; install pneumo[pacs], in a "
            "checkout with `uv sync --inexact --extra pacs`"
        ) from None
