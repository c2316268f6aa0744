.PHONY: run test test-slow venv

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

run: venv
	$(BIN)/python -m recipes.cae_fr --region 3 --layer 2

test: venv
	$(BIN)/python -m pytest

test-slow: venv
	$(BIN)/python -m pytest -m slow

venv: $(READY)

$(READY): requirements.txt setup.cfg pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@
