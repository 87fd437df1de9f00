# Promptmill. Every target does its own set-up; `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BOOTSTRAP_PYTHON ?= python3
KNOWN_PYTHON := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON := .venv/bin/python
UV := .venv/bin/uv
UV_VERSION = $(shell sed -n 's/^uv==\([^ ]*\).*/\1/p' requirements.lock)
MINISTACK := .local/ministack
CHECKOV := .local/checkov
CHECKOV_VERSION := 3.3.30
export SAM_CLI_TELEMETRY := 0

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: setup ## Run the product end to end on this machine and show what happens
	@$(PYTHON) -m local demo

.PHONY: test
test: setup ## Run all tests
	@$(PYTHON) -m pytest

.PHONY: check
check: .venv/.ready $(CHECKOV)/.ready-$(CHECKOV_VERSION) ## Formatting, lint, types, import lines, template, security, documents
	@$(PYTHON) -m local.code_checks

.PHONY: up
up: setup ## Start the local stack and leave it running; FRESH=1 starts empty
	@$(PYTHON) -m local up $(if $(filter 1 yes true,$(FRESH)),--fresh)

.PHONY: down
down: setup ## Stop the local stack; its state is kept
	@$(PYTHON) -m local down

.PHONY: deploy
deploy: setup ## Build and deploy to the AWS account of your credentials; STAGE=dev|staging|prod
	$(PYTHON) -m local.account $(or $(STAGE),dev)

.PHONY: bench
bench: setup ## Measure latency, cold starts, calls and cost; writes benchmarks/results/
	@$(PYTHON) -m benchmarks

.PHONY: format
format: setup ## Format the code and write the generated documents
	@$(PYTHON) -m ruff check --fix-only --quiet .
	@$(PYTHON) -m ruff format --quiet .
	@PYTHONPATH=layers/core $(PYTHON) -m promptmill.http.openapi > docs/openapi.json
	@cp docs/openapi.json layers/core/promptmill/http/openapi.json
	@PYTHONPATH=layers/core $(PYTHON) -m promptmill.events.documents .

.PHONY: lock
lock: setup ## Resolve the dependencies of pyproject.toml again
	$(UV) pip compile --quiet pyproject.toml --group dev --group local --universal --python-version 3.11 \
	  --generate-hashes --no-header --output-file requirements.lock
	$(UV) pip compile --quiet pyproject.toml --constraint requirements.lock --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-annotate --output-file layers/core/requirements.txt

.PHONY: setup
setup: .venv/.ready $(MINISTACK)/.ready

# One environment from one lock; uv itself comes from the same lock.
.venv/.ready: requirements.lock pyproject.toml
	@echo "Setting up .venv"
	@$(BOOTSTRAP_PYTHON) -c '$(KNOWN_PYTHON)' || \
	  { echo "Promptmill needs Python 3.11 to 3.13, this is $$($(BOOTSTRAP_PYTHON) --version): set BOOTSTRAP_PYTHON"; exit 1; }
	@$(PYTHON) -c 'import pip; $(KNOWN_PYTHON)' 2> /dev/null || { rm -rf .venv; $(BOOTSTRAP_PYTHON) -m venv .venv; }
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"
	@$(UV) pip sync --quiet --python $(PYTHON) requirements.lock
	@$(UV) pip install --quiet --python $(PYTHON) --no-deps --no-build-isolation --editable .
	@touch $@

# MiniStack's own interpreter: Lambda code sees boto3 there and what the layer ships, nothing else. The SAM translator
# is beside it, for MiniStack's process alone, and what its Cognito signs tokens with.
$(MINISTACK)/.ready: Makefile requirements.lock .venv/.ready
	@echo "Setting up MiniStack"
	@mkdir -p $(MINISTACK)
	@$(UV) venv --quiet --clear --python $(PYTHON) $(MINISTACK)/env
	@$(UV) pip install --quiet --python $(MINISTACK)/env/bin/python --constraint requirements.lock ministack boto3
	@$(UV) pip install --quiet --python $(MINISTACK)/env/bin/python --constraint requirements.lock \
	  --target $(MINISTACK)/translator aws-sam-translator cryptography
	@touch $@

# Checkov's dependencies do not resolve with the project's, so it has an environment of its own.
$(CHECKOV)/.ready-$(CHECKOV_VERSION): .venv/.ready
	@echo "Setting up checkov"
	@mkdir -p $(CHECKOV)
	@$(UV) venv --quiet --clear --python $(PYTHON) $(CHECKOV)/env
	@$(UV) pip install --quiet --python $(CHECKOV)/env/bin/python "checkov==$(CHECKOV_VERSION)"
	@touch $@
