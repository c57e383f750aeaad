# Every target sets up what it needs in .venv; `make demo` needs the package alone, the others the tools too.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

CORE   := $(VENV)/.core
TOOLS  := $(VENV)/.installed

SUSHI  := policies/default/examples/sushi_recorded.json
SMALL  := policies/default/examples/btc_500.json

.PHONY: help demo test lint format bench soak clean server
.NOTPARALLEL:

help:
	@echo "make demo    evaluate a recorded account with the default policy, and explain the answer"
	@echo "make test    the whole test suite, with coverage"
	@echo "make lint    style, types, import floors"
	@echo "make format  apply the style"
	@echo "make bench   speed, against hand-written code and another rule engine"
	@echo "make soak    the property tests and the kills at length"
	@echo "make clean   remove .venv and everything generated"

demo: $(CORE)
	@echo "== A recorded account and market: policies/default asked for a position in SUSHI"
	@$(BIN)/rulecap explain $(SUSHI)
	@echo
	@echo "== The specification's 500 USD account, on the exchange's real minimum order for BTC"
	@$(BIN)/rulecap eval $(SMALL)

# A worker for each core, up to four; one that is done takes tests over from the others.
test: $(TOOLS) server
	$(BIN)/python -m pytest -n logical --maxprocesses=4 --dist=worksteal --cov=rulecap --cov-report=term

lint: $(TOOLS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict -p rulecap
	$(BIN)/lint-imports

format: $(TOOLS)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(TOOLS)
	$(BIN)/python -m benchmarks

soak: $(TOOLS) server
	$(BIN)/python -m pytest -m "hypothesis or soak" --hypothesis-profile=soak

# The tests of the audit log start a PostgreSQL server of their own. Root on a Debian gets its programs, without a cluster
# that runs; where they cannot be had, the tests say so and are skipped, and fail in CI.
NO_CLUSTER := /etc/postgresql-common/createcluster.d/rulecap-tests.conf
INSTALL    := DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql

server:
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null 2>&1 || \
	  ! command -v apt-get >/dev/null 2>&1 || [ "$$(id -u)" != 0 ] || { \
	    echo "Installing PostgreSQL's programs for the tests; no server is left running"; \
	    { mkdir -p $(dir $(NO_CLUSTER)) && echo 'create_main_cluster = false' >$(NO_CLUSTER) && \
	      { $(INSTALL) || { apt-get update -qq && $(INSTALL); }; }; } >/dev/null 2>&1 || \
	        echo "PostgreSQL cannot be installed; the tests that need a server are skipped"; \
	    rm -f $(NO_CLUSTER); }

clean:
	rm -rf $(VENV) build dist .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

# A stamp says that the installation is as pyproject.toml asks; an interrupted one leaves no stamp and is done again.
define environment
@$(BIN)/python -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
  $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
    echo "rulecap needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>/dev/null || echo missing)." >&2; \
    echo "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }; \
  $(PYTHON) -m venv --clear $(VENV) || { \
    echo "'$(PYTHON) -m venv' failed; on Debian and Ubuntu the package python3-venv provides it." >&2; exit 1; }; }
endef
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

$(CORE): pyproject.toml
	$(environment)
	$(PIP) --editable .
	@touch $@

$(TOOLS): pyproject.toml
	$(environment)
	$(PIP) --editable '.[dev]'
	@touch $(CORE) $@
