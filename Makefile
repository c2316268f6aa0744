.PHONY: run test test-slow lint docs venv constraints

PYTHON ?= python3
# The versions that were tested; `make venv CONSTRAINTS=` takes the newest that requirements.txt allows.
CONSTRAINTS = constraints.txt
BIN := .venv/bin
READY := .venv/.ready

run: venv
	$(BIN)/python -m recipes.cae_fr --region 3 --layer 2

# How many files of tests run beside each other; one of them takes about 1 GiB.
TESTS_AT_ONCE ?= 2

test: venv
	$(BIN)/python -m pytest --numprocesses $(TESTS_AT_ONCE) --dist loadfile

test-slow: venv
	$(BIN)/python -m pytest -m slow

lint: venv
	$(BIN)/ruff check
	$(BIN)/ruff format --check

# The web site in site/; a warning is an error.
docs: $(BIN)/mkdocs
	$(BIN)/mkdocs build --quiet

$(BIN)/mkdocs: $(READY)
	$(BIN)/python -m pip install --quiet $(addprefix --constraint ,$(CONSTRAINTS)) --editable '.[docs]'
	@touch $@

venv: $(READY)

# setup.cfg's python_requires, in a sentence; any Python reads it.
CHECK_PYTHON := import sys; (3, 11) <= sys.version_info[:2] <= (3, 13) or sys.exit( \
	"make: PYTHON: expected Python 3.11, 3.12 or 3.13, found " + sys.version.split()[0] + " (" + sys.executable + ")")

# The mark is taken away before anything is installed and set when TensorFlow was imported: an environment without it was left
# half made, and pip would not see that. When one is removed its pyvenv.cfg goes last, for what an interruption leaves of it to be known.
$(READY): requirements.txt setup.cfg pyproject.toml $(CONSTRAINTS)
	@if [ ! -f $@ ]; then \
	    if [ -h .venv ] || { [ -e .venv ] && [ ! -f .venv/pyvenv.cfg ]; }; then \
	        echo "make: .venv: expected a directory that python -m venv made, or none, found something else: move it away" >&2; exit 2; \
	    fi; \
	    $(PYTHON) -c '$(CHECK_PYTHON)' || exit 2; \
	    if [ -e .venv ]; then echo "make: .venv was not finished: it is made anew"; fi; \
	    rm -rf .venv/lib .venv && $(PYTHON) -m venv .venv; \
	fi
	@rm -f $@
	$(BIN)/python -m pip install --quiet $(addprefix --constraint ,$(CONSTRAINTS)) --editable '.[dev]'
	@said=$$($(BIN)/python -c 'import tensorflow, tensorflow_probability' 2>&1) || { \
	    echo "$$said" >&2; echo "make: .venv: TensorFlow was installed and can't be imported (above); the next make makes .venv anew" >&2; exit 2; }
	@echo "$(CONSTRAINTS)" > $@

# What a fresh environment of today takes within requirements.txt's bounds. Run the tests, the slow ones too, before it is committed.
# pip and setuptools are the interpreter's: each Python brings its own, and an older one need not run on a newer Python.
constraints:
	rm -f $(READY)
	$(MAKE) $(BIN)/mkdocs CONSTRAINTS=
	{ grep '^#' constraints.txt; \
	    $(BIN)/python -m pip freeze --all --exclude-editable --exclude pip --exclude setuptools; } > .venv/constraints.txt
	mv .venv/constraints.txt constraints.txt
