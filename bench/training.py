"""How fast networks train, and what an epoch costs beyond its steps: ``make bench-train``.

Each network, backend, precision and compiler setting in a process of its own, on random images that
lie on disk as ``prepare`` leaves them. The bare loop is Keras' ``fit`` on one batch that stays in
memory, without callbacks, validation or checkpoints; the epoch is that of ``pneumo train``. They
take turns, and ratios are medians over the rounds, since the same step takes up to half as long
again from one minute to the next. With ``--jobs`` several compile at once, and one by one is timed.
"""

import argparse
import fcntl
import itertools
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
NETWORKS = ("unet_resnet152", "unet_densenet121", "unet_vgg19", "aspp_resnet152")
SEED = 1


def main() -> None:
    """Measure every combination asked for, and print one table."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--encoder", choices=["small", "full"], default="small")
    words.add_argument("--sizes", default="64", help="sides in px")
    words.add_argument("--recipe", default="demo")
    words.add_argument("--models", default=",".join(NETWORKS))
    words.add_argument("--backends", default="tensorflow,jax")
    words.add_argument("--precisions", default="float32")
    words.add_argument("--jit", default="auto")
    words.add_argument("--steps", type=int, default=20)
    words.add_argument("--rounds", type=int, default=5)
    words.add_argument("--mlflow", action="store_true", help="a server that never answers")
    words.add_argument("--jobs", type=int, default=1, help="processes that compile at a time")
    words.add_argument("--one", help=argparse.SUPPRESS)
    given = words.parse_args()
    if given.one:
        print(json.dumps(measure(json.loads(given.one))))
        return
    lists = (given.models, given.sizes, given.backends, given.precisions, given.jit)
    table = Table("network", "px", "backend", "precision", "XLA", "first step s", "step s",
                  "images/s", "waiting", "epoch / bare", "rest s", "MiB", box=None)  # fmt: skip
    rows = list(itertools.product(*(item.split(",") for item in lists)))
    with tempfile.NamedTemporaryFile() as turn, ThreadPoolExecutor(given.jobs) as pool:
        started = [pool.submit(elsewhere, vars(given) | {"turn": turn.name}, row) for row in rows]
        for row, future in zip(rows, started, strict=True):
            found = future.result()
            table.add_row(*row, *([f"failed: {found}"] if isinstance(found, str) else cells(found)))
            print(*row, found, file=sys.stderr, flush=True)
    Console(width=160).print(table)
    print(
        f"{given.encoder} encoders, recipe {given.recipe}, {given.steps} steps an epoch, "
        f"{given.rounds} rounds, seed {SEED}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )


def cells(found: dict) -> list[str]:
    """The figures of one row."""
    text = [
        f"{found['first']:.1f}",
        f"{found['step']:.4f}",
        f"{found['rate']:.1f}",
        f"{found['waiting']:.2%}",
        f"{found['epoch']:.3f}",
        f"{found['rest']:.2f}",
        f"{found['mib']:.0f}",
    ]
    if "silent" in found:
        text[4] += f" (MLflow silent: {found['silent']:.3f})"
    return text


def elsewhere(given: dict, row: tuple) -> dict | str:
    """What ``measure`` finds in a process of its own, or the last line of its complaint."""
    model, size, backend, precision, jit = row
    wanted = given | {"model": model, "size": int(size), "precision": precision, "jit": jit}
    environment = os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("MLFLOW_TRACKING_URI", None)
    command = [sys.executable, __file__, "--one", json.dumps(wanted)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["killed"])[-1][:60]
    return json.loads(done.stdout.splitlines()[-1])


def measure(wanted: dict) -> dict:
    """Seconds of the first step, of a bare loop, and of the epochs of a training."""
    from pneumo.base.settings import load_settings
    from pneumo.training.fitting import make_repeatable, make_trainer

    settings = load_settings(ROOT / f"recipes/{wanted['recipe']}.yaml")
    chosen = {"encoder": wanted["encoder"], "encoder_weights": "none", "epochs": 2, "patience": 2}
    chosen |= {"precision": wanted["precision"], "jit_compile": wanted["jit"]}
    train = settings.train.model_copy(update=chosen)
    make_repeatable(train.seed)
    with tempfile.TemporaryDirectory() as folder:
        shown, held_out = batches(Path(folder), wanted, train, settings.augment)
        trainer = make_trainer(
            wanted["model"], wanted["size"], train, steps=wanted["steps"], augmented=True
        )
        parts = (trainer, shown, held_out, train)
        with Path(wanted["turn"]).open() as turn:
            fcntl.flock(turn, fcntl.LOCK_SH)  # nobody is timed before all have compiled
            found = {"first": loop(trainer, shown[0], 1)}
            epochs(*parts, Path(folder) / "warm")
            fcntl.flock(turn, fcntl.LOCK_EX)
            rounds = [
                one_round(Path(folder) / str(n), parts, wanted) for n in range(wanted["rounds"])
            ]
    found |= {name: median(turn[name] for turn in rounds) for name in rounds[0]}
    found["mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found


def one_round(folder: Path, parts: tuple, wanted: dict) -> dict:
    """A bare loop, an epoch, and an epoch whose MLflow is silent, one after another."""
    trainer, shown, *_ = parts
    bare = loop(trainer, shown[0], wanted["steps"])
    found = {"step": bare / wanted["steps"], **epochs(*parts, folder / "kept")}
    found["epoch"] /= bare
    if wanted["mlflow"]:
        with black_hole() as address:
            os.environ["MLFLOW_TRACKING_URI"] = address
            found["silent"] = epochs(*parts, folder / "silent")["epoch"] / bare
            del os.environ["MLFLOW_TRACKING_URI"]
    return found


def batches(folder: Path, wanted: dict, train, augment) -> tuple:
    """Training and validation batches of random images, mapped from disk."""
    import numpy as np

    from pneumo.training.batches import VALIDATION_BATCH_SIZE, Batches

    count = wanted["steps"] * train.batch_size
    chance, size = np.random.default_rng(SEED), wanted["size"]
    held = VALIDATION_BATCH_SIZE
    np.save(folder / "i.npy", chance.integers(0, 256, (count + held, size, size), np.uint8))
    np.save(folder / "m.npy", chance.integers(0, 2, (count + held, size, size), np.uint8))
    images, masks = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in "im")
    shown = Batches(
        images, masks, np.arange(count), train.batch_size, seed=train.seed, augment=augment
    )
    return shown, Batches(images, masks, np.arange(count, count + held), held)


def loop(trainer, batch: tuple, steps: int) -> float:
    """Seconds of ``steps`` on one batch that stays in memory."""
    import keras
    import numpy as np

    from pneumo.training.batches import fed

    class Same(keras.utils.PyDataset):
        def __len__(self) -> int:
            return steps

        def __getitem__(self, index: int) -> tuple:
            return batch

    started = time.perf_counter()
    trainer.fit(fed(Same()), epochs=1, verbose=0, shuffle=False)
    seconds = time.perf_counter() - started
    for variable in trainer.optimizer.variables:  # an average and its weight share their memory
        variable.assign(np.array(keras.ops.convert_to_numpy(variable)))
    return seconds


def epochs(trainer, shown, held_out, train, kept: Path) -> dict:
    """The last epoch of a training, as it tells it; the first one may trace."""
    from pneumo.tracking.live import network_run
    from pneumo.training.checkpoints import Checkpoints
    from pneumo.training.fitting import fit
    from pneumo.training.watch import Watch

    told: list[dict] = []
    profile = {"sha256": {"index.parquet": "0" * 64}}
    with network_run("bench", profile, {"kept": str(kept)}) as run:

        def send(number: int, figures: dict) -> None:
            told.append(figures)
            run.epoch(number, figures)

        watch = Watch("bench", train.epochs, send, shown)
        watch._finite = lambda *_: None  # random masks teach nothing
        fit(trainer, shown, held_out, train, watch, Checkpoints(kept, "bench"))
    last = told[-1]
    seconds = len(shown) * train.batch_size / last["images_per_second"]
    return {
        "epoch": seconds,
        "rest": last["seconds"] - seconds,
        "rate": last["images_per_second"],
        "waiting": last["waiting_share"],
    }


@contextmanager
def black_hole() -> Iterator[str]:
    """The address of a server that takes every connection and never answers."""
    taken = []
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        threading.Thread(
            target=lambda: [taken.append(listener.accept()) for _ in range(64)], daemon=True
        ).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


if __name__ == "__main__":
    main()
