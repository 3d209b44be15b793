"""How busy a machine is: processor, memory, disk, network, GPUs, by MLflow's monitors.

MLflow's own thread asks the server every ten seconds whether the run is still there, and gives up
at the first answer that does not come; so its monitors are used here without it.
"""

from contextlib import suppress

from mlflow.system_metrics.metrics.base_metrics_monitor import BaseMetricsMonitor
from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor


class Machine:
    """Looks at the machine; the figures carry the names under which MLflow's page shows them."""

    def __init__(self) -> None:
        self._monitors: list[BaseMetricsMonitor] = []
        for kind in (CPUMonitor, DiskMonitor, NetworkMonitor, GPUMonitor):
            with suppress(Exception):  # no network, no driver, nvidia-ml-py is not installed
                self._monitors.append(kind())
        self.look()  # the share of the processor is that since the last look

    def look(self) -> dict[str, float]:
        """The figures of now, those of the processor since the last look."""
        figures: dict[str, float] = {}
        for monitor in self._monitors:
            with suppress(Exception):  # a machine that hides a figure trains all the same
                monitor.collect_metrics()
                figures |= monitor.aggregate_metrics()
            monitor.clear_metrics()
        return {f"system/{name}": float(value) for name, value in figures.items()}
