# make demo   makes an environment of its own, installs gjax and runs the demonstration
# make test   installs the test tools as well, and runs linters, type checker and tests
# Another interpreter: make test PYTHON=python3.12

PYTHON ?= python3
NAME := $(shell $(PYTHON) -c 'import sys; print("python%d.%d" % sys.version_info[:2])' 2>/dev/null)
ifeq ($(NAME),)
$(error $(PYTHON) does not run here; name an interpreter, as in make test PYTHON=/usr/bin/python3.12)
endif
VENV := .venv/$(NAME)
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test lint types unit parity clean

demo: $(VENV)/.demo
	$(BIN)/gjax demo

test: lint types unit

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.test
	$(BIN)/mypy

unit: $(VENV)/.test
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

parity: $(VENV)/.test
	$(BIN)/python -m benchmarks.parity all

$(VENV)/pyvenv.cfg:
	$(PYTHON) -m venv $(VENV)

# a stamp per set of dependencies: a second call installs nothing unless pyproject.toml changed
$(VENV)/.demo: $(VENV)/pyvenv.cfg pyproject.toml
	$(PIP) -e .
	touch $@

$(VENV)/.test: $(VENV)/pyvenv.cfg pyproject.toml
	$(PIP) -e '.[test]'
	touch $@ $(VENV)/.demo

clean:
	rm -rf .venv gjax-demo .pytest_cache .ruff_cache .mypy_cache
