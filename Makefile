# Every target sets itself up: Python >= 3.11, make and the package registries are all it needs.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready
# one process more than there are cores: many tests wait for sockets
JOBS   ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) + 1 )))
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup demo test coverage interop scenario check lint types contracts format conformance bench peers generate clean

help:            ## list the targets
	@grep -E '^[a-z-]+: .*##|^[a-z-]+:  +##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

setup: $(STAMP)  ## make .venv with the project and its tools
demo: $(STAMP)   ## the main job on simulators: control box, EMS, devices
	$(BIN)/ems demo $(ARGS)
test: $(STAMP)   ## the fast tests
	$(BIN)/python -m pytest -n $(JOBS) -m 'not interop and not scenario and not bench' $(ARGS)
coverage: $(STAMP)  ## lines and branches that the fast tests reach
	$(BIN)/python -m pytest -q -n $(JOBS) -m 'not interop and not scenario and not bench' --cov --cov-branch --cov-report=term:skip-covered $(ARGS)
interop: $(STAMP) peers  ## foreign control boxes in a network namespace
	$(BIN)/python -m pytest -m interop tests/interop $(ARGS)
scenario: $(STAMP)  ## the story of the demo, judged by the simulator's physics
	$(BIN)/python -m pytest -m scenario tests/scenario $(ARGS)
lint: $(STAMP)   ## ruff
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
types: $(STAMP)  ## mypy and pyright, both strict
	$(BIN)/mypy && $(BIN)/pyright
contracts: $(STAMP)  ## who may import whom
	$(BIN)/lint-imports
check: lint types contracts  ## every static check
format: $(STAMP) ## reformat
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .
conformance: $(STAMP)  ## official test cases, table in docs/conformance.md
	$(BIN)/python tools/conformance_report.py
bench: $(STAMP)  ## figures for docs/benchmarks.md
	$(BIN)/python -m tests.bench $(ARGS)
peers:           ## build the foreign EEBUS stacks (Go, Rust)
	@tools/build_peers.sh || { [ "$${CI:-}" != true ] && echo "peers: what is missing is left out, its tests are skipped"; }
generate: $(STAMP)  ## SPINE model from protocol/spine-model.json, docs/configuration.md from the schema
	$(BIN)/python tools/generate_spine_model.py
	$(BIN)/ems config reference > docs/configuration.md
clean:           ## remove what was built
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist *.egg-info
