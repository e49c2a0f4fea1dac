# make demo    classify the example statements with the shipped model (light install)
# make test    install what the tests need, and run them
# make model   train, average, export and measure the shipped model anew from data and config; about four hours on two cores
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint model

demo: $(BIN)/stance
	$(BIN)/stance predict --input data/examples/statements.csv

test: .venv/test-installed
	$(BIN)/python -m pytest

lint: .venv/test-installed
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[dev]'
	$(BIN)/ruff check .
	$(BIN)/mypy

model: .venv/test-installed
	$(BIN)/python scripts/fetch_backbone.py all-mpnet-base-v2
	for order in 1 2 3 4 5; do $(BIN)/stance train configs/base.yaml --set model.backbone=backbones/all-mpnet-base-v2 \
		--set train.data_seed=$$order --output runs/base-$$order --resume || exit 1; done
	$(BIN)/stance average runs/base-? --output runs/base
	$(BIN)/stance export runs/base --output runs/base-onnx

$(BIN)/python:
	$(PYTHON) -m venv .venv

$(BIN)/stance: | $(BIN)/python
	$(BIN)/python -m pip install -q -c constraints.txt .

.venv/test-installed: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[test]'
	touch $@
