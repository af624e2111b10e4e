# Every command sets up what it needs in .venv; only Python 3.13, make, git and npm have to be there.
STAGE ?= dev
PYTHON ?= python3.13
TESTS ?= make test
BIN := .venv/bin
# sam looks for pip and python3.13 on the PATH; UV must not fetch a Python of its own.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export UV_PYTHON_DOWNLOADS := never
export SAM_CLI_TELEMETRY := 0
# Each process of a test run would compile all that it imports, once more.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPATH := functions
# Several processes at once, each with a cloud of its own; a file's tests stay together, in order.
WORKERS ?= auto
PYTEST = $(BIN)/pytest --dist loadfile --no-loadscope-reorder -n $(WORKERS)

.PHONY: help setup check demo up down test bare unit workflow e2e mutants bench bench-docs quick-lint lint lint-types lint-template lint-machines audit format formats diagrams pictures deploy smoke delete clean

help: ## show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.venv/ready: pyproject.toml uv.lock local/runtime.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check \
		"uv==$$(sed -n '/^name = "uv"$$/{n;s/.*"\(.*\)"/\1/p;}' uv.lock)"
	@$(BIN)/uv sync --frozen --quiet --compile-bytecode
	@# What functions of the local cloud see beside their package, as on Lambda.
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python .venv/lambda
	@$(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode --python .venv/lambda local/runtime.txt
	@touch $@

setup: .venv/ready ## install what the system lacks for all the others: Samba, browsers
	@$(BIN)/python -m local.system

demo: .venv/ready local/node_modules/ready ## a whole reset and two rotations on a local cloud, told step by step
	@$(BIN)/python -m local demo

up: .venv/ready local/node_modules/ready ## the same local cloud, left running (ACCESS=, TTL_SECONDS=)
	@$(BIN)/python -m local up

down: .venv/ready ## stop it
	@$(BIN)/python -m local down

test: setup ## every test
	$(PYTEST) --cov

bare: .venv/ready ## the commands in a Debian that has nothing yet (TESTS= what to run for the tests; root)
	@$(BIN)/python -m tools.bare --tests "$(TESTS)"

# These do not wait: one process a processor.
unit: WORKERS = logical
unit: .venv/ready ## the quick tests
	$(PYTEST) tests/unit

workflow: setup ## every path of the state machines
	$(PYTEST) tests/workflow

e2e: setup ## the product from outside
	$(PYTEST) tests/e2e

mutants: .venv/ready ## plant faults in the rules (RULES=, else all), and show which the unit tests do not see
	@$(BIN)/python -m tools.mutants $(RULES)

bench: .venv/ready ## what starts, resets and claims cost in time and money (minutes; Linux)
	$(BIN)/python -m bench

bench-docs: .venv/ready ## draw the last figures into docs/performance.md
	$(BIN)/python -m bench.report

# npm's own log stays quiet unless something fails.
%/node_modules/ready: %/package-lock.json
	@npm ci --prefix $* --silent --no-audit --no-fund
	@touch $@

quick-lint: .venv/ready ## what lint says within seconds
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/python -m tools.format_statemachines --check
	$(BIN)/python -m tools.draw_statemachines --check
	$(BIN)/python -m tools.check_operations
	$(BIN)/python -m tools.write_formats --check
	$(BIN)/python -m tools.check_overlay

# Side by side: each has seconds of work, and none needs another.
lint: quick-lint tools/node_modules/ready ## everything that can be said without running it
	@$(MAKE) --no-print-directory --jobs lint-types lint-template lint-machines

lint-types:
	$(BIN)/mypy

lint-template:
	$(BIN)/cfn-lint template.yaml
	$(BIN)/sam validate --lint --region us-east-1

lint-machines:
	$(BIN)/python -m tools.check_statemachines
	$(BIN)/python -m tools.check_expressions

audit: .venv/ready ## have checkov read what CloudFormation gets (a minute; from PyPI, apart from .venv)
	$(BIN)/python -m tools.audit

format: .venv/ready ## put code and definitions in order
	$(BIN)/ruff format
	$(BIN)/ruff check --fix
	$(BIN)/python -m tools.format_statemachines

formats: .venv/ready ## write how each language has dates and numbers, from the CLDR
	$(BIN)/python -m tools.write_formats

diagrams: .venv/ready ## redraw the state machines in the documents
	$(BIN)/python -m tools.draw_statemachines

pictures: setup diagrams ## the same, and the README's screenshots, from a local cloud (a minute)
	$(BIN)/python -m tools.take_screenshots

check: .venv/ready ## what would go wrong in the account, before and after a deployment (STAGE=dev|qa|prod)
	@$(BIN)/python -m cli check --stage $(STAGE)

deploy: .venv/ready ## deploy a stage to AWS (STAGE=dev|qa|prod; GUIDED=1 asks for each parameter first)
	$(BIN)/python -m tools.check_overlay
	$(BIN)/sam build --config-env $(STAGE)
	$(BIN)/python -m tools.compile_build .aws-sam/build
	$(BIN)/sam deploy --config-env $(STAGE) $(if $(GUIDED),--guided)

smoke: .venv/ready ## try a deployed stage with people made for it (STAGE=dev|qa|prod|local, INBOX= where you read mails)
	@$(BIN)/python -m tools.smoke --stage $(STAGE) $(if $(INBOX),--inbox $(INBOX))

delete: .venv/ready ## delete a stage from AWS, and what waits in it (YES=1 does not ask)
	@$(BIN)/python -m tools.delete_stage $(STAGE) $(if $(YES),--yes)

clean: ## remove what the commands made
	rm -rf .venv .aws-sam .local .mutants local/node_modules tests/e2e/node_modules tools/node_modules
