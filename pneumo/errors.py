"""The old name of ``pneumo.base.errors``, for programs written for 0.1; it goes with 0.3."""

from pneumo.base.errors import (
    PneumoError,
    RadiographError,
)

__all__ = ["PneumoError", "RadiographError"]
