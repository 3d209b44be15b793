#!/usr/bin/env bash
# Builds the images but the GPU's and looks into them: `make images`. Needs buildah, as root or rootless.
# PYTHON_DIGEST pins the base; PYTHON_IMAGE with UNPINNED=yes names another, as docker/base.sh makes.
# PIP_CONF is a file with pip's settings, which no image keeps. TARGETS names some of them. Their sizes
# are written into docs/containers.md, unless SIZES=no.
set -euo pipefail
cd "$(dirname "$0")/.."
limit_mb=1500  # of scorer
fault=0
settings=()  # pip's, for the build alone: they may hold a password
[ -z "${PIP_CONF:-}" ] || settings=(--volume "$(readlink -f "$PIP_CONF"):/etc/pip.conf:ro")

fails() { echo "$1: $2" >&2; fault=1; }

sample=$(mktemp -d)  # radiographs and a registered ensemble
trap 'rm -rf "$sample"' EXIT
chmod 755 "$sample"

scores() {  # scores CONTAINER: 30 synthetic radiographs, by an ensemble as the registry keeps one
  [ -d "$sample/package" ] || .venv/bin/python -m tests.packages "$sample" 2> "$sample/log" || { cat "$sample/log" >&2; exit 1; }
  chmod -R a+rX "$sample"
  buildah run --isolation chroot --volume "$sample:/tmp/sample:ro" "$1" -- sh -c \
    'cd /tmp && cp sample/params.yaml . && HOME=/tmp pneumo score sample/data/stage_2_train_images out --model sample/package --json' \
    2> "$sample/log" | grep -q '"files": 30, "scored": 30, "rejected": 0' || { cat "$sample/log" >&2; return 1; }
}

inside() {  # inside CONTAINER COMMAND...: as the image's user, without its entrypoint
  local container=$1
  shift
  buildah run --isolation chroot "$container" -- "$@"
}

look() {  # look TARGET CONTAINER: who runs, what must not be there, what must work
  local target=$1 container=$2 root
  [ "$(inside "$container" id -u)" != 0 ] || fails "$target" "runs as root"
  root=$(buildah mount "$container")
  for name in opt/venv/.lock src root/.cache home/pneumo/.cache srv/pneumo/.git srv/pneumo/tests run/secrets; do
    [ -z "$(ls -A "$root/$name" 2>/dev/null)" ] || fails "$target" "holds /$name"
  done
  [ ! -s "$root/etc/pip.conf" ] || fails "$target" "holds pip's settings"
  [ -z "$(find "$root/opt" "$root/srv" "$root/home" -name .git -o -name '*.dcm' -path '*pneumo*' | head -1)" ] ||
    fails "$target" "holds git data or radiographs"
  [ -z "$(find "$root/opt/venv" -perm -002 ! -type l | head -1)" ] || fails "$target" "/opt/venv: others may write"
  [ ! -e "$root/var/lib/apt/lists" ] || [ -z "$(ls -A "$root/var/lib/apt/lists")" ] || fails "$target" "holds apt's lists"
  buildah umount "$container" > /dev/null
  if [ "$target" = mlflow ]; then
    inside "$container" mlflow --version > /dev/null || fails mlflow "does not start"
    return
  fi
  inside "$container" env AIRFLOW_HOME=/tmp/airflow airflow version > /dev/null || fails "$target" "airflow does not start"
  inside "$container" pneumo --version | grep -qF "commit $commit" || fails "$target" "does not say its commit"
  if [ "$target" = orchestrator ]; then
    buildah run --isolation chroot --volume "$PWD/dags:/tmp/dags:ro" --volume "$PWD/params.yaml:/tmp/params.yaml:ro" "$container" -- \
      env AIRFLOW_HOME=/tmp/airflow AIRFLOW__CORE__LOAD_EXAMPLES=False python -c '
from airflow.dag_processing.dagbag import DagBag
found = DagBag("/tmp/dags")
assert len(found.dags) == 5 and not found.import_errors, found.import_errors' > /dev/null ||
      fails orchestrator "DAGs do not parse"
  else
    [ "$target" != worker ] || inside "$container" python -c 'import nncf' 2> /dev/null ||
      fails worker "cannot quantise"
    scores "$container" || fails "$target" "does not score"
    [ "$target" != scorer ] || ! inside "$container" python -c 'import tensorflow' 2> /dev/null ||
      fails scorer "holds TensorFlow"
  fi
}

commit=$(git rev-parse --verify --quiet HEAD || echo unknown)
[ -z "$(git status --porcelain 2>/dev/null)" ] || commit+=+
for target in ${TARGETS:-mlflow orchestrator scorer worker}; do
  buildah bud --quiet --isolation chroot --network host --format docker --layers \
    --build-arg PYTHON_IMAGE="${PYTHON_IMAGE:-python:3.11-slim-bookworm}" \
    --build-arg PYTHON_DIGEST="${PYTHON_DIGEST:-}" --build-arg UNPINNED="${UNPINNED:-no}" \
    --build-arg PNEUMO_COMMIT="$commit" "${settings[@]}" \
    --ignorefile docker/Dockerfile.dockerignore --target "$target" -t "pneumo-$target" \
    -f docker/Dockerfile . > /dev/null
  container=$(buildah from "pneumo-$target")
  look "$target" "$container"
  root=$(buildah mount "$container")
  size=$(($(du -sB 1 "$root" | cut -f1) / 1000000))
  buildah umount "$container" > /dev/null
  buildah rm "$container" > /dev/null
  echo "$target: $size MB"
  [ "${SIZES:-}" = no ] || sed -i -E "/^\| \`$target\` /s/image [0-9.]+ [MG]B/image $size MB/" docs/containers.md
  [ "$target" != scorer ] || [ "$size" -le $limit_mb ] || fails scorer "more than $limit_mb MB"
done
exit $fault
