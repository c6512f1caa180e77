PYTHON ?= python3
SCENARIO ?= scenarios/cart.toml
CONSTRAINTS ?= constraints.txt
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Where nothing is compiled for keeps, each of the many processes of the tests compiles what it imports anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup compare demo test test-comparing test-others faults stacks fleet fleet-bench servers lint format fuzz soak truth foresight validity bench clean

help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## make the virtual environment, when it is not up to date

$(READY): pyproject.toml $(CONSTRAINTS)
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	PIP_CONSTRAINT=$(CONSTRAINTS) $(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev,fleet]'
	@touch $@

compare: $(READY) ## compare one process with clusters: make compare [SCENARIO=file]
	$(BIN)/harness compare $(SCENARIO)

demo: $(READY) ## print each form of a report, of rehearsed runs: nothing is measured
	$(BIN)/python -m tests.rehearsal

marked = $$(grep --recursive --files-with-matches --include='test_*.py' mark.$(1) tests)

# Four at a time keep two cores busy, since most tests wait for servers; of those that compare, a machine allows one.
test: $(READY) ## run the tests: those that measure alone, the others four at a time
	@$(MAKE) --no-print-directory --jobs=2 --output-sync test-comparing test-others
	$(BIN)/pytest -m "alone and not faults and not stacks" $(call marked,alone)

test-comparing: $(READY)
	$(BIN)/pytest -m "compares and not alone and not faults and not stacks" $(call marked,compares)

test-others: $(READY)
	$(BIN)/pytest -m "not compares and not alone and not servers and not faults and not stacks" --numprocesses=3 --dist=loadfile

faults: $(READY) ## kill and stop whoever takes part, fill disks and spoil run folders (five minutes)
	$(BIN)/pytest -m faults $(call marked,faults)

stacks: $(READY) ## run the scenarios that need databases and fronts, in short (two minutes)
	$(BIN)/pytest -m stacks $(call marked,stacks)

fleet: $(READY) ## run on three hosts made of namespaces, and lose them in every way (seven minutes)
	$(BIN)/pytest -m fleet tests/fleet

fleet-bench: $(READY) ## requests/s against generator hosts, and rounds/hour against rigs: make fleet-bench FLEET=file [SCENARIO=file]
	$(BIN)/python -m bench.fleet $(FLEET) $(SCENARIO)

servers: $(READY) ## measure the servers that people run, and write docs/servers.md (a quarter of an hour)
	tests/real_servers/install
	$(BIN)/python -m tests.real_servers

lint: $(READY) ## check style, types and the walls between the rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY) ## put the code into the common style
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

fuzz: $(READY) ## try hostile servers and edited run folders for longer than the tests do
	$(BIN)/pytest tests/generator/test_hostile.py tests/generator/test_framing.py --hypothesis-profile=fuzz --timeout=3600
	$(BIN)/python -m tests.report.campaign

soak: $(READY) ## 208 trials in a row with faults drawn at random, and 100 comparisons struck anywhere (half an hour)
	$(BIN)/python -m tests.soak
	$(BIN)/python -m tests.soak.campaign

truth: $(READY) ## check what the load generator says against servers that know better (15 minutes)
	$(BIN)/python -m bench.truth

foresight: $(READY) ## check what is said of capacities, beside servers whose law is known (an hour)
	$(BIN)/python -m bench.capacity

validity: $(READY) ## check how often verdicts are right, by simulation, and limits told, on real trials (45 minutes)
	$(BIN)/python -m bench.validity
	$(BIN)/python -m bench.validity.limits

bench: $(READY) ## CPU per request of the load generator, and many connections, beside wrk and others, replicas and reloads (22 minutes)
	$(BIN)/python -m bench.peers
	$(BIN)/python -m bench.crowds
	$(BIN)/python -m bench.dealing
	$(BIN)/python -m bench.events

clean: ## remove what make made, but no results
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
