# make demo    set up, then the main job on real data: leaderboard, forecast.csv, plot
# make test    set up, then the whole test suite, in one process per core
# make test-fast   the same without the tests that train, with fewer drawn examples
# make test-ray    tests on a Ray cluster of two nodes, on this machine
# make test-pandas3   the tests of data and of the front door, on pandas 3, in an environment over the first
# make dist    build the sdist and the wheel into dist/
# make test-browser   the workbench in a headless Chromium: LATENTCAST_CHROMIUM, or chromium on the PATH
# make test-dist   install the wheel into an empty environment outside the checkout, and forecast a file
# make test-container   lint the Dockerfile, and run its commands in order in an empty environment
# make docs    build the documentation site into site/, strictly: no broken link
# make test-docs   run every block of the tutorial and of the pages for users of other libraries
# make test-notebooks   execute the notebooks of the documentation
# make check   lint and types
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
TORCH_VERSION := $(shell sed -n 's/^torch==//p' constraints.txt)

# On Linux the plain torch wheel brings gigabytes of CUDA. Without a GPU the CPU build is asked for by name, so that
# the CUDA build cannot come in instead.
ifeq ($(shell uname -s)-$(shell command -v nvidia-smi),Linux-)
TORCH ?= torch==$(TORCH_VERSION)+cpu
endif
TORCH ?= torch==$(TORCH_VERSION)

# An environment over $(VENV) that holds pandas 3 alone; `classical` is left on pandas 2, as statsforecast asks.
PANDAS3 := $(VENV)-pandas3
PANDAS3_VERSION ?= 3.1.1
PANDAS3_TESTS := tests/data tests/public/test_readme.py tests/public/test_edges.py tests/public/test_several_frames.py \
	tests/public/test_covariates.py tests/public/test_saved_folders.py tests/cli

# Markers of tests with a target of their own.
APART := not ray and not container and not dist and not docs and not notebooks and not browser

.PHONY: demo test test-fast test-ray test-pandas3 dist test-dist test-container test-browser docs test-docs test-notebooks check clean
demo: $(VENV)/.core
	$(BIN)/latentcast demo --out demo

test: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal -m "$(APART)"

test-fast: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal -m "not slow and $(APART)" --hypothesis-profile fast

test-ray: $(VENV)/.ray
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m ray

test-pandas3: $(PANDAS3)/.ready
	OMP_NUM_THREADS=1 $(PANDAS3)/bin/python -m pytest -n auto --dist worksteal -m "not slow and $(APART)" $(PANDAS3_TESTS)

test-browser: $(VENV)/.browser
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m browser tests/browser

dist: $(VENV)/.dist
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist

test-dist: $(VENV)/.dist
	TORCH="$(TORCH)" OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m dist tests/packaging

test-container: $(VENV)/.container
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m container tests/packaging

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

test-docs: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal -m docs tests/docs

test-notebooks: $(VENV)/.docs
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal -m notebooks tests/docs

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "latentcast needs Python 3.11 or newer; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.torch: constraints.txt | $(VENV)/bin/python
	@$(BIN)/pip install --quiet "$(TORCH)" || { \
		echo "No package index known to pip offers $(TORCH). Either name PyTorch's CPU index in PIP_EXTRA_INDEX_URL" \
		     "(its address is on PyTorch's installation page), or accept the build with CUDA:" \
		     "make TORCH=torch==$(TORCH_VERSION) $(MAKECMDGOALS)"; exit 1; }
	@touch $@

$(VENV)/.core: pyproject.toml constraints.txt $(VENV)/.torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt $(VENV)/.torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(VENV)/.core

$(VENV)/.ray: $(VENV)/.dev
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev,ray]'
	@touch $@

$(VENV)/.browser: $(VENV)/.dev
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[browser]'
	@touch $@

$(VENV)/.dist: $(VENV)/.dev
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dist]'
	@touch $@

$(VENV)/.container: $(VENV)/.dev
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[container]'
	@touch $@

$(VENV)/.docs: $(VENV)/.dev
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[docs]'
	@touch $@

$(PANDAS3)/.ready: $(VENV)/.dev
	$(BIN)/python -m venv --clear --without-pip $(PANDAS3)
	@base="$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"; \
	over="$$($(PANDAS3)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"; \
	echo "import site; site.addsitedir('$$base')" > "$$over/base.pth"
	$(BIN)/python -m pip --python $(PANDAS3)/bin/python install --quiet --no-deps pandas==$(PANDAS3_VERSION)
	@touch $@

clean:
	rm -rf $(VENV) $(PANDAS3) demo dist site .cache
