# make demo    read the example article: who says what, and where they stand (light install)
# make test    install what the tests need, and run them
# make quotes  train and export the quote reader anew; about an hour on two cores
# make model   train, export and measure the shipped model anew from data, config and version 3 of the weights; about 40 minutes on two cores
PYTHON ?= python3
BIN := .venv/bin
# the commit that brought version 3 of the weights
VERSION_3 := 9e927b0

.PHONY: demo test lint model quotes

demo: $(BIN)/stance
	$(BIN)/stance analyze data/examples/article.txt

test: .venv/test-installed
	$(BIN)/python -m pytest

lint: .venv/test-installed
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[dev]'
	$(BIN)/ruff check .
	$(BIN)/mypy

model: .venv/test-installed
	$(BIN)/python scripts/fetch_backbone.py all-mpnet-base-v2
	mkdir -p runs/version-3 && git archive $(VERSION_3) stance/models/base | tar -x -C runs/version-3
	$(BIN)/stance train configs/further.yaml --set model.backbone=runs/version-3/stance/models/base \
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
