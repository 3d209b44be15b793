"""What a user reads when something cannot be done: where, what was found, what would do."""

from collections.abc import Sequence


class PneumoError(Exception):
    """A fault with a one-line message for the terminal; ``exit_code`` ends the command."""

    exit_code = 2


class SettingsError(PneumoError):
    """``params.yaml`` holds settings that cannot be used; the message lists all of them."""

    def __init__(self, where: str, faults: Sequence[str]):
        count = f"{len(faults)} setting{'s' if len(faults) != 1 else ''}"
        super().__init__(
            "\n".join([f"{where}: {count} cannot be used", *(f"  {f}" for f in faults)])
        )


class DataError(PneumoError):
    """A table or a folder of the data set is missing, malformed or contradicts itself."""


class RadiographError(PneumoError):
    """A file is no radiograph that can be read; ``reason`` is a code for programs."""

    def __init__(self, where: str, reason: str, message: str):
        super().__init__(f"{where}: {message}")
        self.reason = reason


class RegistryError(PneumoError):
    """The model registry has no such version, or what it holds fails its checks."""


class TransientError(PneumoError):
    """Something is away or busy, and another try may find it better; Airflow does try again."""

    exit_code = 1


class ServiceError(TransientError):
    """A server does not start, does not answer, or a run on it failed."""
