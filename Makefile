# make demo    classify the example statements with the shipped model (light install)
# make test    install what the tests need, and run them
# make quotes  train and export the quote reader anew
# make model   train, export and measure the shipped model anew from data, config and version 2 of the weights; about an hour on two cores
PYTHON ?= python3
BIN := .venv/bin
# the commit that brought version 2 of the weights
VERSION_2 := 3ca038e

.PHONY: demo test lint model quotes

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
	mkdir -p runs/version-2 && git archive $(VERSION_2) stance/models/base | tar -x -C runs/version-2
	$(BIN)/stance train configs/further.yaml --set model.backbone=runs/version-2/stance/models/base \
		--set model.vocabulary_from=backbones/all-mpnet-base-v2 --output runs/base --resume
	$(BIN)/stance export runs/base --output runs/base-onnx

quotes: .venv/test-installed
	$(BIN)/python scripts/fetch_backbone.py all-MiniLM-L6-v2
	$(BIN)/python -m stance.quotes.training data/articles/train.jsonl data/articles/dev.jsonl --output runs/quotes \
		--backbone backbones/all-MiniLM-L6-v2

$(BIN)/python:
	$(PYTHON) -m venv .venv

$(BIN)/stance: | $(BIN)/python
	$(BIN)/python -m pip install -q -c constraints.txt .

.venv/test-installed: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[test]'
	touch $@
