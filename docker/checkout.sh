#!/bin/sh
# Gets this machine's checkout of PNEUMO_ORIGIN, or brings it up to date, and becomes the command.
# Airflow parses its dags/, tasks run in it or in clones of it. A start may be killed at any moment.
set -eu
umask 077
cd /srv/pneumo
# `.git` comes last, when all files are there. With --git-dir git looks in no folder above.
if ! git --git-dir=.git rev-parse --verify --quiet HEAD > /dev/null 2>&1; then
    rm -rf .git .clone
    git clone --quiet --no-checkout "$PNEUMO_ORIGIN" .clone
    git --git-dir=.clone/.git --work-tree=. reset --quiet --hard
    mv .clone/.git .git
    rmdir .clone
else
    # Killed in an update: git's lock, and files of two commits.
    if [ -e .git/index.lock ]; then
        rm .git/index.lock
        to=HEAD
        if git merge-base --is-ancestor HEAD '@{upstream}'; then to='@{upstream}'; fi
        git reset --quiet --hard "$to"
    fi
    git pull --quiet --ff-only || {
        echo "$PNEUMO_ORIGIN: not reached, or not a successor of this checkout;" \
            "going on with $(git rev-parse --short HEAD)" >&2
    }
fi
git config user.name pneumo
git config user.email pneumo@localhost
# Where a worker may not write to the origin, branches of runs go to a repository of their own.
if [ -n "${PNEUMO_RUNS:-}" ]; then
    git remote set-url --push origin "$PNEUMO_RUNS"
fi
# Airflow's log-in for one machine opens this file for writing: a copy would have the secret's mode.
if [ -r /run/secrets/airflow_passwords ]; then
    rm -f "$AIRFLOW_HOME/passwords.json"
    cat /run/secrets/airflow_passwords > "$AIRFLOW_HOME/passwords.json"
fi
exec "$@"
