"""What Airflow's chart takes of the values that are used here: each key's place and type.

Compared with all of `chart/values.yaml` of apache/airflow at commit cc50ea08b146, on the way to
chart 1.21, and with the parts of the schema that docs/containers.md names.
"""

from collections.abc import Iterator
from typing import Any

KUBERNETES = object()
"""An object or a list in Kubernetes' own form, which Kubernetes' schema judges."""

WORDS = [str]
SETTINGS = {str: {str: str}}
"""Sections of airflow.cfg: options with values, all as text."""

CHART: dict[str, Any] = {
    "airflowVersion": str,
    "airflowHome": str,
    "uid": int,
    "gid": int,
    "executor": str,
    "images.airflow.repository": str,
    "images.airflow.tag": str,
    "images.airflow.digest": (str, type(None)),
    "images.airflow.pullPolicy": ("Always", "Never", "IfNotPresent"),
    "fernetKeySecretName": str,
    "jwtSecretName": str,
    "apiSecretKeySecretName": str,
    "data.metadataSecretName": str,
    "data.resultBackendSecretName": str,
    "data.brokerUrlSecretName": str,
    # Compared with the table of keys of a chart that has these among its values.
    "enableBuiltInSecretEnvVars.AIRFLOW__CORE__FERNET_KEY": bool,
    "enableBuiltInSecretEnvVars.AIRFLOW__API__SECRET_KEY": bool,
    "enableBuiltInSecretEnvVars.AIRFLOW_CONN_AIRFLOW_DB": bool,
    "env": [{"name": str, "value": str}],
    "volumes": KUBERNETES,
    "volumeMounts": KUBERNETES,
    "config": SETTINGS,
    # Directly under `workers` all of these are deprecated, and a queue there is none.
    "workers.celery.queue": str,
    "workers.celery.args": WORDS,
    "workers.celery.replicas": int,
    "workers.celery.terminationGracePeriodSeconds": int,
    "workers.celery.persistence.enabled": bool,
    "workers.celery.volumeClaimTemplates": KUBERNETES,
    "workers.celery.extraVolumes": KUBERNETES,
    "workers.celery.extraVolumeMounts": KUBERNETES,
    "workers.celery.resources": KUBERNETES,
    "workers.celery.livenessProbe.initialDelaySeconds": int,
    "workers.celery.livenessProbe.periodSeconds": int,
    "workers.celery.livenessProbe.timeoutSeconds": int,
    "workers.celery.livenessProbe.command": WORDS,
    "workers.celery.logGroomerSidecar.enabled": bool,
    "scheduler.replicas": int,
    "scheduler.resources": KUBERNETES,
    "scheduler.startupProbe.failureThreshold": int,
    "scheduler.startupProbe.command": WORDS,
    "scheduler.livenessProbe.command": WORDS,
    "scheduler.logGroomerSidecar.enabled": bool,
    "scheduler.extraVolumes": KUBERNETES,
    "scheduler.extraVolumeMounts": KUBERNETES,
    "apiServer.replicas": int,
    "apiServer.service.type": str,
    "apiServer.resources": KUBERNETES,
    "apiServer.startupProbe.failureThreshold": int,
    "apiServer.env": [{"name": str, "value": str}],
    "apiServer.extraVolumes": KUBERNETES,
    "apiServer.extraVolumeMounts": KUBERNETES,
    "apiServer.networkPolicy.ingress.from": KUBERNETES,
    "dagProcessor.enabled": bool,
    "dagProcessor.resources": KUBERNETES,
    "dagProcessor.livenessProbe.periodSeconds": int,
    "dagProcessor.livenessProbe.timeoutSeconds": int,
    "dagProcessor.livenessProbe.command": WORDS,
    "dagProcessor.logGroomerSidecar.enabled": bool,
    "dagProcessor.env": [{"name": str, "value": str}],
    "triggerer.enabled": bool,
    "migrateDatabaseJob.args": WORDS,
    "migrateDatabaseJob.env": [{"name": str, "value": str}],
    "createUserJob.enabled": bool,
    "postgresql.enabled": bool,
    "redis.enabled": bool,
    "statsd.enabled": bool,
    "ingress.apiServer.enabled": bool,
    "networkPolicies.enabled": bool,
    "logs.persistence.enabled": bool,
    "logs.persistence.size": str,
    "securityContexts.pod": KUBERNETES,
    # In the plural here, in the singular in every part's own `securityContexts`.
    "securityContexts.containers": KUBERNETES,
}


def faults(values: dict, above: str = "") -> Iterator[str]:
    """Every key that the chart does not have, or that has another type there."""
    for key, value in values.items():
        path = f"{above}{key}"
        if path in CHART:
            if not fits(value, CHART[path]):
                yield f"{path}: has another type ({value!r})"
        elif any(known.startswith(f"{path}.") for known in CHART) and isinstance(value, dict):
            yield from faults(value, f"{path}.")
        else:
            yield f"{path}: unknown"


def fits(value: object, form: Any) -> bool:
    """Whether a value has the form: a type, one of several, or members of a form."""
    if form is KUBERNETES:
        return isinstance(value, dict | list)
    if isinstance(form, tuple):
        return any(fits(value, one) if isinstance(one, type) else value == one for one in form)
    if isinstance(form, list):
        return isinstance(value, list) and all(fits(one, form[0]) for one in value)
    if isinstance(form, dict) and str in form:
        return isinstance(value, dict) and all(fits(one, form[str]) for one in value.values())
    if isinstance(form, dict):
        return (
            isinstance(value, dict)
            and set(value) == set(form)
            and all(fits(value[name], one) for name, one in form.items())
        )
    return type(value) is form
