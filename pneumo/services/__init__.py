"""The servers of one workspace, on this machine only: MLflow and Airflow.

Read in this order: ``identity.py`` (whose a folder of state is), ``config.py`` and
``environment.py`` (what they are told), ``processes.py`` (how a process is found again and ended),
``servers.py``, ``databases.py``, ``api.py`` (Airflow's REST API), ``launch.py`` (all of them up),
``interrupt.py`` (none of them left).
"""

from pneumo.services.interrupt import down, down_on_interrupt
from pneumo.services.launch import Services, Status, status, up

__all__ = ["Services", "Status", "down", "down_on_interrupt", "status", "up"]
