"""All parts of a cluster up, one of them lost on purpose, none of them left."""

import contextlib
import signal
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from pneumo.base.errors import ServiceError
from pneumo.servers import api, config, environment, processes, programs
from tests.cluster import layout as layouts
from tests.cluster import parts, settings, stores

RESTART_S = 2.0
"""How long after its end a part is started again, as a site's supervisor does."""


class Cluster:
    """The parts of one cluster, and a thread that starts again what has ended by accident.

    ``checkout`` is what the scheduler reads; ``workers`` has the checkout of the worker of each
    queue, and of as many tasks at a time as ``slots`` says (else one).
    """

    def __init__(
        self, checkout: Path, workers: dict[str, Path], slots: dict[str, int] | None = None
    ) -> None:
        self.layout = layouts.load(checkout, workers)
        self.slots = slots or {}
        self._wanted: set[str] = set()
        self._guard = threading.Lock()
        self._ended = threading.Event()
        self._keeper = threading.Thread(target=self._keep, daemon=True)

    def up(self) -> None:
        """Start everything and wait until it is ready. Raises ServiceError when it is not."""
        chosen = self.layout
        layouts.write(chosen)
        settings.write(chosen)
        environment.write(chosen.config)
        stores.make(chosen)
        self._start_all(layouts.STORES)
        stores.fill(chosen)
        parts.migrate(chosen)
        self._start_all(("mlflow", "api-server", "dag-processor"))
        with self.airflow() as airflow:
            api.ensure_pools(airflow)
        self._start_all(name for name in chosen.names if name not in self._wanted)
        self._keeper.start()

    def airflow(self) -> api.Airflow:
        """A client of Airflow's REST API."""
        chosen = self.layout.config
        return api.Airflow(chosen.airflow_url, config.USER, chosen.secrets["password"])

    def process(self, name: str) -> psutil.Process | None:
        """A part's process while it lives."""
        return programs.process(self.layout.config.workspace, name)

    def is_ready(self, name: str) -> bool:
        """Whether a part does its work now."""
        if name in layouts.STORES:
            return stores.answers(self.layout, name)
        if name in programs.SERVERS:
            return name in programs.ready(self.layout.config)
        return self.process(name) is not None and parts.worker_listens(self.layout, name)

    def wait(self, name: str, seconds: float = programs.START_LIMIT_S) -> None:
        """Return when a part is ready; ServiceError with the end of its log when it takes long."""
        deadline = time.monotonic() + seconds
        while not self.is_ready(name):
            log = parts.log(self.layout, name)
            if time.monotonic() > deadline:
                raise ServiceError(f"{name} is not ready:\n{processes.tail(log)}\nsee {log}")
            time.sleep(0.3)

    def stop(self, name: str) -> None:
        """Stop a part in order; it stays away until ``start``."""
        with self._guard:
            self._wanted.discard(name)
            if process := self.process(name):
                how = signal.SIGINT if name == "postgres" else signal.SIGTERM
                process.send_signal(how)
                with contextlib.suppress(psutil.TimeoutExpired):
                    process.wait(timeout=20)
            processes.end(self.mark, name)

    def start(self, name: str) -> None:
        """Start a part, and from now on again whenever it ends."""
        with self._guard:
            self._wanted.add(name)
            self._start_if_ended(name)

    def kill(self, name: str) -> None:
        """End a part and all its tasks with SIGKILL, as a power cut does; it is started again."""
        with self._guard:
            processes.end(self.mark, name)

    def down(self) -> None:
        """Stop everything; the databases last. What they kept is removed."""
        self._ended.set()
        for name in reversed(self.layout.names):
            self.stop(name)
        processes.end(self.mark)
        stores.remove(self.layout)

    @property
    def mark(self) -> str:
        """The mark that every process of this cluster carries."""
        return config.instance(self.layout.config.workspace)

    def _start_all(self, names: Iterable[str]) -> None:
        begun = list(names)
        for name in begun:
            self.start(name)
        for name in begun:
            self.wait(name)

    def _start_if_ended(self, name: str) -> None:
        if self.process(name) is None:
            processes.end(self.mark, name)  # what it left behind
            parts.start(self.layout, name, self.slots)

    def _keep(self) -> None:
        """Start again what has ended without being told to."""
        while not self._ended.wait(RESTART_S):
            for name in self.layout.names:
                with self._guard:
                    if name in self._wanted:
                        self._start_if_ended(name)
