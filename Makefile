# Everything a person runs here; `make` alone lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
UV := $(shell command -v uv || echo .uv/bin/uv)
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export UV_PYTHON_DOWNLOADS := never
# Compiled once, here: else each start compiles thousands of files where Python may write none.
SYNC = UV_COMPILE_BYTECODE=1 "$(UV)" sync --locked
READY := .venv/.ready
# A file's tests stay on one worker, the slow files' come first (tests/conftest.py). Three on two
# cores, since many wait for a server.
PYTEST := pytest -n 3 --dist loadfile --no-loadscope-reorder

# The programs of .venv name the folder they were installed in, so it cannot be moved.
OWNER := $(shell cat $(READY) 2>/dev/null || true)
MOVED := $(shell [ ! -e $(READY) ] || [ "$$(cat $(READY))" = "$$(pwd -P)" ] || \
	grep -qsF "$$(pwd -P)/.venv" .venv/bin/activate || echo yes)
ifdef MOVED
.PHONY: $(READY)
ifeq ($(filter help setup,$(or $(MAKECMDGOALS),help)),)
$(error .venv belongs to another folder $(and $(OWNER),($(OWNER))); run make setup)
endif
endif

.PHONY: help
help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.PHONY: demo
demo: $(READY)  ## Run the whole chain on this machine, to a promoted model
	@pneumo launch

.PHONY: pacs-demo
pacs-demo: $(READY)  ## After demo: a PACS on this machine, ten radiographs there and back
	@pneumo pacs demo

.PHONY: up
up: $(READY)  ## Start the servers of this checkout
	@pneumo up

.PHONY: stop
stop:  ## Stop the servers and whatever they run
	@[ ! -x .venv/bin/pneumo ] || pneumo down

.PHONY: test
test: $(READY)  ## Run all tests but the cluster's and the outages'
	@$(PYTEST) -m "not cluster and not outage"

.PHONY: test-all
test-all: $(READY)  ## Run all tests, as CI does
	@$(PYTEST)

.PHONY: quick
quick: $(READY)  ## Run the quick tests: three minutes on two cores
	@$(PYTEST) -m "not slow"

.PHONY: bench-prepare
bench-prepare: $(READY)  ## Time and memory of `prepare` at 26,684 files
	@python bench/prepare.py

.PHONY: bench-evaluate
bench-evaluate: $(READY)  ## Time of all figures with intervals, 3,000 test images
	@python bench/evaluate.py

.PHONY: bench-train
bench-train: $(READY)  ## Time of steps and epochs, and the wait for data, per network and backend
	@python bench/training.py --steps 25 --mlflow

.PHONY: mutate
mutate: $(READY)  ## Read 10,000 damaged radiographs
	@PNEUMO_MUTANTS=10000 pytest -q -s tests/dicom/test_mutants.py

.PHONY: bench-score
bench-score: $(READY)  ## Measure how fast radiographs are scored
	@python bench/scoring.py $(ARGS)

.PHONY: bench-scale
bench-scale: $(READY)  ## Plan and publish 100,000 files: time, memory, bytes
	@python bench/scale.py

.PHONY: bench-first
bench-first: $(READY)  ## Measure how soon `pneumo score` has its first result
	@python bench/first.py

.PHONY: bench-memory
bench-memory: $(READY)  ## Measure the memory of `pneumo score` for 200 and 2,000 files
	@python bench/memory.py

.PHONY: bench-monitor
bench-monitor: $(READY)  ## False alarms and power of the monitor on PNEUMO_SHARED, and a year of it
	@python bench/monitor.py

.PHONY: bench-dag
bench-dag: $(READY)  ## Run the DAG pneumonia_score on 1,000 radiographs and time its tasks
	@python bench/dag.py

.PHONY: kills
kills: $(READY)  ## Kill scoring 50 times, a training 20 times, a promotion at every step
	@PNEUMO_KILLS=50 pytest -q -s tests/scoring/test_survival.py
	@PNEUMO_KILLS=20 pytest -q --timeout 3600 tests/stages/test_train_again.py
	@PNEUMO_KILL_EVERY=1 pytest -q tests/registry/test_promote_kills.py tests/pacs/test_kills.py

.PHONY: cluster-test
cluster-test: $(READY)  ## Run a cluster on this machine through six outages, and print what each cost
	@PNEUMO_OUTAGES="$$PWD/reports/outages.md" pytest -q -s tests/cluster

.PHONY: bench
bench: $(READY)  ## Measure how fast radiographs are read, `tune` searches, commands start; or WHAT=score alone, with ARGS
	@for what in $(patsubst score,scoring,$(or $(WHAT),reading tuning startup)); do python bench/$$what.py $(ARGS); done

.PHONY: bench-pacs
bench-pacs: $(READY)  ## Objects/s written, sent, fetched, confirmed, received, beside dcmtk's storescu
	@python bench/pacs.py

.PHONY: bench-tune
bench-tune: $(READY)  ## Measure the metric and the search of `tune`
	@python bench/tuning.py

.PHONY: docs
docs: $(READY)  ## Write the pages on settings, commands and rooms anew from the code
	@python docs/make.py

.PHONY: lint
lint: $(READY)  ## Check style and types
	@ruff check . && ruff format --check . && mypy

.PHONY: chart
chart: docker-tools  ## Check the values for Kubernetes against Airflow's chart, unpacked in CHART
	@[ -f "$(CHART)/values.schema.json" ] || { echo "name the chart: helm pull --untar apache-airflow/airflow; make chart CHART=airflow" >&2; exit 2; }
	@PNEUMO_CHART_SCHEMA=$(CHART)/values.schema.json pytest -q tests/containers/test_chart.py
	@for more in "" "-f docker/kubernetes/values-kubernetes-executor.yaml"; do \
	  helm template airflow $(CHART) -f docker/kubernetes/values.yaml $$more > .venv-docker/chart.yaml && \
	  .venv-docker/bin/kubernetes-validate --strict .venv-docker/chart.yaml; done

.PHONY: docker-tools
docker-tools: .venv-docker/.ready  ## Install what the tests of docker/ check it with

.venv-docker/.ready: $(READY)
	@UV_PROJECT_ENVIRONMENT=.venv-docker $(SYNC) --only-group docker
	@touch $@

.PHONY: site
site: .venv-site/.ready  ## Make the pages a site with a search: dist/site
	@mkdir -p dist && python docs/site.py dist/site .venv-site/bin/mkdocs

.venv-site/.ready: $(READY)
	@UV_PROJECT_ENVIRONMENT=.venv-site $(SYNC) --only-group site
	@touch $@

.PHONY: images
images: $(READY)  ## Build the images but the GPU's with buildah, and look into them
	@bash docker/images.sh

.PHONY: sbom
sbom: $(READY)  ## Write what a worker holds, from uv.lock, as CycloneDX: dist/pneumo.cdx.json
	@mkdir -p dist && "$(UV)" export --locked --quiet --no-dev --format cyclonedx1.5 \
	  --extra tensorflow --extra int8 --extra workflow --extra cluster --extra kubernetes --extra pacs \
	  -o dist/pneumo.cdx.json

.PHONY: setup
setup: $(READY)  ## Install everything from uv.lock into .venv

$(READY): pyproject.toml uv.lock
	@[ -x "$(UV)" ] || { echo "Installing uv into .uv"; python3 -m venv .uv && .uv/bin/pip install --quiet uv; }
	@$(if $(MOVED),rm -rf .venv .pneumo/env)
	@$(SYNC) --extra tensorflow --extra workflow --extra jax --extra cluster --extra int8 --extra pacs
	@mkdir -p .dvc && printf '[core]\n    site_cache_dir = "%s"\n' "$$(pwd -P)/.pneumo/dvc" > .dvc/config.local
	@[ -e .git ] || echo '    no_scm = true' >> .dvc/config.local
	@pwd -P > $@
