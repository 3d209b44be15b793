"""What tests of networks use, too."""

from tests.nets.conftest import _seeded, radiographs  # noqa: F401
