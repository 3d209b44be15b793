"""What tests of stages use, too."""

from tests.stages.conftest import prepared  # noqa: F401
