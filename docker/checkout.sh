#!/bin/sh
# Gets this machine's checkout of PNEUMO_ORIGIN, or brings it up to date, and becomes the command.
# Airflow parses its dags/, tasks run in it or in clones of it.
set -eu
umask 077
cd /srv/pneumo
if [ ! -e .git ]; then
    git clone --quiet "$PNEUMO_ORIGIN" .
elif ! git pull --quiet --ff-only; then
    echo "$PNEUMO_ORIGIN: not reached, or not a successor of this checkout; going on with $(git rev-parse --short HEAD)" >&2
fi
git config user.name pneumo
git config user.email pneumo@localhost
# Airflow's log-in for one machine writes into this file, and a secret may not be written.
if [ -r /run/secrets/airflow_passwords ]; then
    cp /run/secrets/airflow_passwords "$AIRFLOW_HOME/passwords.json"
fi
exec "$@"
