# image-appliance: what a person types. Each target prepares what it needs by itself.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help install run check lint format types imports js test fuzz browser bench lock clean

BIN := .venv/bin
PYTEST := $(BIN)/pytest

# The tests start hundreds of programs: what the first has compiled, the others need not.
unexport PYTHONDONTWRITEBYTECODE

help: ## this list
	@sed -n "s/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p" Makefile | expand -t 18

install: ## make .venv with everything in it
	@.ci/packages install
	@.ci/install

run: install ## start the appliance; options in ARGS="…"
	@.ci/packages run
	@$(BIN)/image-appliance run $(ARGS)

check: prepare lint types imports js test browser ## everything that must hold; below 10 minutes on 2 cores

prepare: install
	@.ci/packages check
.PHONY: prepare

lint: install ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: install ## put the Python code in its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: install ## mypy
	$(BIN)/mypy appliance imaged

imports: install ## who may know whom (docs/architecture.md)
	$(BIN)/lint-imports

node_modules/.package-lock.json: package-lock.json
	npm ci --no-audit --no-fund

js: node_modules/.package-lock.json ## types and tests of the front end
	npx tsc -p tsconfig.json
	node --test tests/js/*.test.js

test: install ## unit and integration tests
	$(PYTEST) -n 4 --ignore tests/browser --ignore tests/e2e

fuzz: install ## random input to every parser; FUZZ_SECONDS=3600 for an hour in all, ARGS="-k nbd" for some
	FUZZ_SECONDS=$${FUZZ_SECONDS:-600} $(PYTEST) --timeout 0 tests/fuzz $(ARGS)

browser: install node_modules/.package-lock.json ## the product as its users have it: Chromium, kills, a virtual machine
	$(PYTEST) -n 4 --dist loadfile --no-loadscope-reorder tests/e2e tests/browser

bench: install ## speed, latency and memory beside nginx and ovirt-imageio, into docs/performance.md; ARGS="--short" for a quick look
	@.ci/packages bench
	$(BIN)/python -m bench $(ARGS)

lock: ## write the lock files anew
	@.ci/lock

clean: ## remove what was made here
	rm -rf .venv node_modules build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
