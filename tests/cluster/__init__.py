"""A cluster on one machine, without containers: what a site has on many, each part as a process.

PostgreSQL, Redis, an S3 server, MLflow, Airflow with CeleryExecutor, and workers that share
nothing but these. Read in this order: ``layout.py`` (places, ports, secrets), ``stores.py``
(PostgreSQL, Redis, S3), ``base/settings.py`` (what Airflow and MLflow are told), ``parts.py`` (the
command of each part), ``cluster.py`` (all of them up, one of them lost, none left).
"""

from tests.cluster.cluster import Cluster

__all__ = ["Cluster"]
