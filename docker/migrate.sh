#!/bin/sh
# Brings Airflow's tables up to date and gives its pools their sizes; both may be done again.
# PNEUMO_GPU_SLOTS: networks that train at a time; PNEUMO_SCORING_SLOTS: processes that score.
set -eu
pools=$(mktemp -d)/pools.json
trap 'rm -r "${pools%/*}"' EXIT
cat > "$pools" <<END
{"gpu": {"slots": ${PNEUMO_GPU_SLOTS:-1}, "description": "networks that train at a time"},
 "scoring": {"slots": ${PNEUMO_SCORING_SLOTS:-1}, "description": "processes that score at a time"},
 "pacs": {"slots": 1, "description": "steps of the round trip with a PACS at a time"}}
END
airflow db migrate
airflow pools import "$pools"
