"""What a training needs to go on after it was killed: written after its epochs, the last two kept.

Where epochs take less than ten times as long as the writing, as on a GPU with few images, not every
one is followed by it. A checkpoint is an ``.npz`` of the network's and the optimizer's variables
with the history so far. Order and augmentation follow from seed and epoch alone, so that a training
which goes on ends with the weights of an undisturbed one. A torn checkpoint is passed over for the
one before.
"""

import hashlib
import json
import time
import zipfile
import zlib
from pathlib import Path
from typing import Any

import keras
import numpy as np

from pneumo.base.code import code_sum
from pneumo.base.files import sha256_of, unless_unread, whole
from pneumo.training._averaging import means_of

Figures = dict[str, float]
KEPT = 2
WRITING_SHARE = 0.1
"""Of the time since a training began, the most that writing checkpoints may take."""


class Checkpoints:
    """The checkpoints of one training in ``folder``; ``key`` names data, settings and code.

    Checkpoints of another key are not used.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self._folder, self._key = folder, key
        self._held: tuple[Path, list[np.ndarray]] | None = None
        self._written: Path | None = None

    def restore(self, trainer: keras.Model) -> list[Figures]:
        """Give a compiled ``trainer`` the state of the newest whole checkpoint.

        Returns the history up to it, a row per epoch; an empty one where nothing can be used. What
        cannot be used, torn or of another key, is removed.
        """
        for path in sorted(self._folder.glob("epoch-*.npz"), reverse=True):
            facts = _facts(path)
            if facts.get("key") == self._key and self._has_best(facts["history"]):
                if not trainer.optimizer.built:
                    trainer.optimizer.build(trainer.trainable_variables)
                _load(path, trainer.network.variables + trainer.optimizer.variables)
                return list(facts["history"])
            path.unlink()
        for path in self._folder.glob("best-*.npz"):
            path.unlink()
        return []

    def save(self, trainer: keras.Model, history: list[Figures]) -> None:
        """Keep the state after the last epoch of ``history``, and the best weights so far."""
        self._folder.mkdir(parents=True, exist_ok=True)
        facts = {"key": self._key, "history": history}
        self.hold(trainer, history)
        if self._held and self._held[0] != self._written:
            _save(*self._held, facts)
            self._written = self._held[0]
        path = self._folder / f"epoch-{len(history):05}.npz"
        _save(path, copies(trainer.network.variables + trainer.optimizer.variables), facts)
        self._forget(history)

    def hold(self, trainer: keras.Model, history: list[Figures]) -> None:
        """Keep in memory the weights after the last epoch of ``history`` if it is the best."""
        if best_row(history) is history[-1]:
            self._held = (self._best(history), averaged(trainer))

    def load_best(self, trainer: keras.Model, history: list[Figures]) -> None:
        """Give the network the weights after the epoch with the lowest validation loss."""
        path = self._best(history)
        if self._held and self._held[0] == path:
            for variable, value in zip(trainer.network.variables, self._held[1], strict=True):
                variable.assign(value)
        else:
            _load(path, trainer.network.variables)

    def _best(self, history: list[Figures]) -> Path:
        return self._folder / f"best-{best_row(history)['epoch']:05.0f}.npz"

    def _has_best(self, history: list[Figures]) -> bool:
        return _facts(self._best(history)).get("key") == self._key

    def _forget(self, history: list[Figures]) -> None:
        """Remove what the last ``KEPT`` checkpoints do not need."""
        kept = sorted(self._folder.glob("epoch-*.npz"))[-KEPT:]
        kept += [self._best(history[: int(path.stem[6:])]) for path in kept]
        for path in self._folder.glob("*.npz"):
            if path not in kept:
                path.unlink()


def averaged(trainer: keras.Model) -> list[np.ndarray]:
    """Copies of the network's variables, trained ones as their moving averages where there are any.

    Copies, since the backend reuses the memory of the variables.
    """
    means = means_of(trainer)
    return copies([means.get(id(variable), variable) for variable in trainer.network.variables])


def copies(variables: list[Any]) -> list[np.ndarray]:
    """The values of variables; under JAX all are on their way from the device at once."""
    if keras.backend.backend() == "jax":
        import jax

        return [np.array(value) for value in jax.device_get([v.value for v in variables])]
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def key_of(network: keras.Model, module: str, *decides: Any) -> str:
    """The sum of what decides a training: first weights, the code of ``module``, ``decides``.

    ``module`` names the one that trains; ``decides`` is put into JSON.
    """
    first = hashlib.sha256()
    for variable in network.variables:
        first.update(np.asarray(variable).tobytes())
    versions = [keras.__version__, keras.backend.backend()]
    return sha256_of([first.hexdigest(), *decides, code_sum(module), versions])


class KeepGoing(keras.callbacks.Callback):
    """Saves checkpoints after epochs, and ends a training that no longer improves.

    ``history`` grows by a row per epoch before this callback sees it. Nothing is written as long as
    that has taken more than ``WRITING_SHARE`` of the time. The training ends when ``patience``
    epochs, of those ``after`` the first that do not count, have brought no lower validation loss.
    """

    def __init__(
        self, checkpoints: Checkpoints, history: list[Figures], patience: int, *, after: int = 0
    ) -> None:
        super().__init__()
        self._after = after
        self._checkpoints, self._history, self._patience = checkpoints, history, patience
        self._began, self._writing = time.monotonic(), 0.0

    def is_over(self) -> bool:
        """Whether the last epochs brought nothing."""
        best = best_row(self._history)["epoch"] if self._history else 0
        return len(self._history) - max(best, self._after) >= self._patience

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Save, and stop when it is over."""
        now = time.monotonic()
        if self._writing <= WRITING_SHARE * (now - self._began):
            self._checkpoints.save(self.model, self._history)
            self._writing += time.monotonic() - now
        else:
            self._checkpoints.hold(self.model, self._history)
        self.model.stop_training = self.is_over()


def best_row(history: list[Figures]) -> Figures:
    """The figures of the epoch with the lowest validation loss, the first if several."""
    return min(history, key=lambda row: row["val_loss"])


def _save(path: Path, values: list[np.ndarray], facts: dict[str, Any]) -> None:
    arrays = {f"v{n}": value for n, value in enumerate(values)}
    note = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    with whole(path) as aside, aside.open("wb") as file:
        np.savez(file, facts=note, **arrays)  # type: ignore[arg-type]


def _load(path: Path, variables: list[Any]) -> None:
    with np.load(path, allow_pickle=False) as arrays:
        for n, variable in enumerate(variables):
            variable.assign(arrays[f"v{n}"])


def _facts(path: Path) -> dict[str, Any]:
    """The facts of a checkpoint whose checksums hold, else nothing.

    TransientError for one that cannot be read: it may be whole.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is None:
                return json.loads(np.load(path, allow_pickle=False)["facts"].tobytes())
    except OSError as error:
        unless_unread(error, path)
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError):
        pass
    return {}
