# Each target is complete by itself: it sets up what it needs, and a second call is quick.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python

.PHONY: test-flink-quick demo-loop soak-log flink flink-down flink-jars spark-jars test-flink help setup demo test soak lint format lock bench benchmark doctor tools clean clean-runs clean-all

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## build .venv from the lock (nothing to do the second time)
	@bash .setup/setup.sh

demo: setup ## train, check and push a model of 336,776 real flights
	@.venv/bin/slipway run flights

demo-loop: setup ## the year 2013 through log, monitor, retraining and rollout, faults planted
	@$(PYTHON) -m benchmarks.year_replayed

test: setup ## run every test
	@$(PYTHON) -m pytest

soak: setup ## 2 million requests with hot swaps against one server: memory flat, none fails
	@$(PYTHON) -m benchmarks.soak

soak-log: setup ## kill a server under load ten times; needs the demo: no logged row twice
	@$(PYTHON) -m benchmarks.prediction_log_kills var/flights/models/flights/1 --kills 10

flink: setup ## start a Flink cluster of this machine's own processes; needs Java and Maven
	@$(PYTHON) -m pipeline.flink_cluster up

flink-down: ## end it
	@$(PYTHON) -m pipeline.flink_cluster down

flink-jars: setup ## get Beam's runner for Flink, for beam.engine: flink and its tests
	@$(PYTHON) -m pipeline.job_servers flink

spark-jars: setup ## get Beam's runner for Spark, for beam.engine: spark and its tests
	@$(PYTHON) -m pipeline.job_servers spark

test-flink: setup ## the flights DAG on a Flink cluster, processes of it killed
	-@$(PYTHON) -m pipeline.job_servers flink
	@$(PYTHON) -m pytest -m flink

test-flink-quick: setup ## its results on a Flink cluster, a TaskManager killed in Transform and in scoring
	@$(PYTHON) -m pytest -m flink tests/e2e/test_flink_cluster.py -k "same or (killed and transform)"

lint: setup ## ruff, mypy and import-linter
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy
	@.venv/bin/lint-imports

format: setup ## let ruff mend and format the code
	@$(PYTHON) -m ruff check --fix .
	@$(PYTHON) -m ruff format .

bench: setup ## time a run beside stock TFX and a plain script (1 hour; BENCH=--quick: 1/2)
	@$(PYTHON) -m benchmarks.pipeline_speed $(BENCH)

benchmark: setup ## compare with scikit-learn: quality of the pushed model, month by month
	@$(PYTHON) -m benchmarks.quality

doctor: setup ## say what this machine can do
	@.venv/bin/slipway doctor

tools: setup ## get grpcurl, for the tests that call the server with it; needs Go
	@test -x .venv/bin/grpcurl || { \
	  go=$$(command -v go || echo /usr/local/go/bin/go); \
	  if test -x "$$go"; \
	  then GOBIN=$(CURDIR)/.venv/bin "$$go" install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4 \
	    || echo "grpcurl could not be had: its tests are skipped."; \
	  else echo "There is no Go: grpcurl is left out, and its tests are skipped."; fi; }

lock: ## renew .setup/py312.txt and py313.txt from setup.py
	@bash .setup/setup.sh --lock

clean: ## remove caches and build folders; keeps .venv and var/
	@rm -rf build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -not -path './.venv/*' -not -path './.runtime/*' -prune -exec rm -rf {} +

clean-runs: ## remove var/: every run, its data and the models it pushed
	@rm -rf var

clean-all: clean clean-runs ## remove the environment as well
	@rm -rf .venv .runtime .runtime.building
