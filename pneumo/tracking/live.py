"""The MLflow run of one training, told by a thread of its own, so that training never waits.

What the server does not take is kept and sent later; what it never took, ``promote`` completes
from the training's files. The same thread samples the machine: processor, memory, GPUs.
"""

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pneumo.base.files import write_text
from pneumo.tracking.runs import (
    client,
    describe,
    find_run,
    now_ms,
    start_run,
    take_up,
    training_tags,
)

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient
    from PIL.Image import Image

RETRY_SECONDS = 30.0
SAMPLE_SECONDS = 15.0
"""Between two looks at the machine."""

LAST_SECONDS = 20.0
"""How long the end of a training waits for the server."""

MOST_SAMPLES = 1_000
"""Figures of the machine that are kept while the server is away; the oldest go first."""

Figure = tuple[str, float, int, int]
"""Name, value, milliseconds since 1970, step."""


class NetworkRun:
    """The run of one training. No method raises, or waits long, when the server is away.

    ``note`` is a file for the run's id, kept as long as the training can go on after a kill: the
    one that goes on takes up this run, whatever became of it.
    """

    def __init__(
        self,
        model: str,
        profile: Mapping[str, Any],
        params: Mapping[str, Any],
        note: Path | None = None,
    ) -> None:
        self.tags = training_tags(model, profile, params)
        self._model, self._profile, self._params, self._note = model, profile, params, note
        self._run_id, self._started_ms = "", 0
        self._figures: list[Figure] = []
        self._samples: deque[Figure] = deque(maxlen=MOST_SAMPLES)
        self._end: Callable[[MlflowClient, str], None] | None = None
        self._ended = False
        self._known: set[int] = set()  # epochs that the server had when the run was taken up
        self._lock, self._wake = threading.Lock(), threading.Event()
        self._retry_at = 0.0
        self._thread = threading.Thread(target=self._tell, name="mlflow", daemon=True)
        if os.environ.get("MLFLOW_TRACKING_URI"):
            self._thread.start()

    def epoch(self, number: int, metrics: Mapping[str, float]) -> None:
        """Hand over the figures of one epoch."""
        now = now_ms()
        with self._lock:
            self._figures += [(key, float(value), now, number) for key, value in metrics.items()]
        self._wake.set()

    def finish(
        self,
        summary: Mapping[str, float],
        tags: Mapping[str, str] | None = None,
        pictures: "Mapping[str, Image] | None" = None,
    ) -> None:
        """Send what is left and end the run as finished; ``tags`` name its files' hashes."""

        def end(server: "MlflowClient", run_id: str) -> None:
            for name, picture in (pictures or {}).items():
                server.log_image(run_id, picture, key=name, step=int(summary["best_epoch"]))
            for key, value in (tags or {}).items():
                server.set_tag(run_id, key, value)
            server.set_terminated(run_id)

        self.epoch(0, summary)
        self._close(end, LAST_SECONDS)

    def fail(self) -> None:
        """End the run as failed, so that a retry can take it up again."""
        self._close(lambda server, run_id: server.set_terminated(run_id, "FAILED"), 5.0)

    def _close(self, end: "Callable[[MlflowClient, str], None]", seconds: float) -> None:
        if self._thread.ident:
            self._end = end
            self._wake.set()
            self._thread.join(seconds)
            if not self._ended:
                print(f"{self._model}: MLflow is away; `pneumo promote` completes the run")

    def _tell(self) -> None:
        """The thread: look at the machine, send, wait; once more when the training has ended."""
        from pneumo.tracking._machine import Machine  # here, since MLflow takes seconds to load

        machine = Machine()
        while True:
            end = self._end
            now = now_ms()
            self._samples += [(key, value, now, 0) for key, value in machine.look().items()]
            if end or time.monotonic() >= self._retry_at:
                self._try(end)
            if end:
                return
            self._wake.wait(SAMPLE_SECONDS)
            self._wake.clear()

    def _try(self, end: "Callable[[MlflowClient, str], None] | None") -> None:
        try:
            if server := client():
                self._send(server)
                if end:
                    end(server, self._run_id)
                    self._ended = True
        except Exception as error:  # MLflow raises many kinds; none may stop a training
            self._retry_at = time.monotonic() + RETRY_SECONDS
            self._run_id = ""  # what was sent may have arrived: ask again what the server has
            reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
            print(f"MLflow is away, training goes on: {reason}", file=sys.stderr)

    def _send(self, server: "MlflowClient") -> None:
        from mlflow.entities import Metric

        if not self._run_id:
            self._run_id = self._find_or_start(server)
        figures, samples = list(self._figures), list(self._samples)
        new = [figure for figure in figures if figure[3] not in self._known]
        since = [(k, v, at, (at - self._started_ms) // 1000) for k, v, at, _ in samples]
        server.log_batch(self._run_id, metrics=[Metric(*figure) for figure in new + since])
        with self._lock:
            del self._figures[: len(figures)]
        for _ in samples:
            self._samples.popleft()

    def _find_or_start(self, server: "MlflowClient") -> str:
        run = find_run(server, self.tags)
        noted = self._note.read_text() if self._note and self._note.exists() else ""
        if run and (run.info.status != "FINISHED" or run.info.run_id == noted):
            self._known = take_up(server, run)
        else:
            run = server.get_run(start_run(server, self._model, self.tags, self._params))
        describe(server, run, self._params, self._profile)
        self._started_ms = run.info.start_time
        if self._note:
            write_text(self._note, run.info.run_id)
        return run.info.run_id


@contextmanager
def network_run(
    model: str, profile: Mapping[str, Any], params: Mapping[str, Any], note: Path | None = None
) -> Iterator[NetworkRun]:
    """Track one training: send epochs while it runs, end the run as failed on an error.

    ``profile`` is the prepared data's ``profile.json``, ``params`` the training's settings. A
    training that is tried again with the same data and settings takes up its unfinished run.
    """
    run = NetworkRun(model, profile, params, note)
    try:
        yield run
    except BaseException:
        run.fail()
        raise
