# `make` alone lists the targets.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# the bridge is started hundreds of times by the tests: it is compiled once, not each time, whatever the environment says
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help:  ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: install
install: $(INSTALLED)  ## create .venv holding the command `bridge` (editable)

$(INSTALLED): setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 …"; exit 1; }
	@echo "Installing into $(VENV) …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@$(BIN)/python -m compileall -q bridge
	@touch $@

.PHONY: demo
demo: $(INSTALLED)  ## one real alert into local Slack, PagerDuty and GitHub; ONCE=1 ends by itself
	@$(BIN)/bridge demo $(if $(ONCE),--once)

.PHONY: run
run: $(INSTALLED)  ## run the bridge with ./bridge.yml
	@$(BIN)/bridge run

.PHONY: test
test: $(INSTALLED)  ## every check: lint, types, layers, tests
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/pytest -n 4 --dist worksteal

.PHONY: coverage
coverage: $(INSTALLED)  ## the tests once more, saying which lines and branches none of them reaches: slow
	@$(BIN)/pytest -n 4 --dist worksteal --cov --cov-report=term:skip-covered

.PHONY: audit
audit: $(INSTALLED)  ## look for insecure code (bandit) and dependencies (pip-audit)
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[audit]'
	@$(BIN)/bandit --quiet --recursive --configfile pyproject.toml bridge
	@$(BIN)/python tests/audit.py

.PHONY: fuzz
fuzz: $(INSTALLED)  ## read and render mutated bodies: MOST=100000, minutes
	@PYTHONPATH=tests/fuzz $(BIN)/python tests/fuzz/mutations.py $(if $(MOST),--most $(MOST)) $(if $(SEED),--seed $(SEED))

.PHONY: proof
proof: $(INSTALLED)  ## crash it at every act in a simulator, then kill real processes under traffic: minutes
	@PYTHONPATH=tests $(BIN)/python tests/proof/campaign.py $(if $(MOST),--most $(MOST)) $(if $(SEED),--seed $(SEED))
	@PYTHONPATH=tests $(BIN)/python tests/proof/rounds.py --rounds $(or $(ROUNDS),10) $(if $(SEED),--seed $(SEED))

.PHONY: bench
bench: $(INSTALLED)  ## measure it beside what would be used instead: ONLY=intake,storm ROUNDS=3 SIZE=quick; hours in full
	@PYTHONPATH=tests:tests/e2e:tests/proof:tests/bench $(BIN)/python tests/bench/bench.py $(if $(ONLY),--only $(ONLY)) \
		$(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SUBJECTS),--subjects $(SUBJECTS)) $(if $(SIZE),--size $(SIZE)) $(if $(KEEP),--keep)

.PHONY: pictures
pictures: $(INSTALLED)  ## renew the pictures of the documentation (needs Chromium)
	@$(BIN)/python docs/make_pictures.py
	@$(BIN)/python docs/make_slack_pictures.py
	@$(BIN)/python docs/make_console_pictures.py

.PHONY: docs
docs: $(INSTALLED)  ## renew the generated parts of the documentation
	@$(BIN)/python docs/make_reference.py

.PHONY: site
site: $(INSTALLED)  ## the documentation as a site, in site/; a link that leads nowhere is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

.PHONY: lock
lock:  ## renew constraints.txt from what setup.cfg allows today
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[audit,dev]'
	@$(BIN)/pip list --format=freeze --exclude-editable --exclude pip --exclude setuptools > constraints.txt

.PHONY: clean
clean:  ## remove what the targets made
	rm -rf $(VENV) build dist site *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*
