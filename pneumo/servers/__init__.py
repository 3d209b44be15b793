"""The servers of one workspace, on this machine only: MLflow and Airflow.

Read in this order: ``_identity`` (whose a folder of state is), ``config`` and ``environment`` (what
they are told), ``processes`` (how a process is found again and ended), ``programs``,
``_databases``, ``api`` (Airflow's REST API), ``launch`` (all of them up), ``_interrupt`` (none of
them left), ``follow`` (a run of a DAG at the terminal).

Floor 3: imports rooms of floors 2 to 0, no neighbour.
"""

from pneumo.servers._interrupt import down, down_on_interrupt
from pneumo.servers.launch import Services, Status, status, up

__all__ = ["Services", "Status", "down", "down_on_interrupt", "status", "up"]
