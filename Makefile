# make demo    the main job on real data, from nothing but Python 3.11+
# make test    all tests, under ten minutes on two cores
# make check   lint, strict types, floors
# make bench   Tunesmith beside its peers, on this machine; TASKS=FOLDER for quality on a folder of tasks;
#              bench-quick: small sizes, five minutes or less, nothing is written
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install -q -c constraints.txt

.PHONY: demo test test-long check format bench bench-quick docs clean

demo: $(VENV)/.demo
	$(BIN)/tunesmith demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2

test-long: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 -m long --timeout 3600

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_floors.py tests/test_public.py

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks run
	$(BIN)/python -m benchmarks quality $(if $(TASKS),--tasks $(TASKS),--seeds 5 --trials 100)

bench-quick: $(VENV)/.bench
	$(BIN)/python -m benchmarks run --quick

docs: $(VENV)/.dev
	$(BIN)/python -m docs.generate

$(VENV)/.python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tunesmith needs Python 3.11 or newer; say: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.demo: $(VENV)/.python pyproject.toml constraints.txt
	$(PIP) -e '.[sklearn]'
	touch $@

# Torch (200 MB and more) is here for tests alone, of ts.gradients and checkpoints; without it they are skipped.
$(VENV)/.dev: $(VENV)/.python pyproject.toml constraints.txt
	$(PIP) torch safetensors || echo 'torch cannot be installed: the tests that need it will be skipped'
	$(PIP) -e '.[dev]'
	touch $@ $(VENV)/.demo

$(VENV)/.bench: $(VENV)/.dev
	$(PIP) -e '.[bench]'
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
