"""The config: every shipped one loads, every mistake is named."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from stance.config import Config, Source, load_config
from stance.errors import InputError

CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configs_load(path: Path, tmp_path: Path):
    """With the sets in place that the tree can not hold."""
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    shutil.copytree(ROOT / "data", tmp_path / "data", ignore=shutil.ignore_patterns("public"))
    for name in re.findall(r"data/(public/\S+?\.gz)", path.read_text(encoding="utf-8")):
        file = tmp_path / "data" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    config = load_config(tmp_path / "configs" / path.name)
    assert config.name
    assert Config.model_validate(yaml.safe_load(config.to_yaml())) == config


BASE = ROOT / "configs" / "base.yaml"


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"train.lerning_rate": 1e-5}, ["'train.lerning_rate'", "'train.learning_rate'"]),
        ({"trian.seed": 1}, ["'trian'", "'train'"]),
        ({"train.seed": "many"}, ["train.seed", "integer", "'many'"]),
        ({"train.learning_rate": -1}, ["train.learning_rate", "greater than 0"]),
        ({"train.lr_scheduler_type": "bumpy"}, ["lr_scheduler_type", "'linear'"]),
        ({"data.train": "nowhere.jsonl"}, ["data.train", "nowhere.jsonl"]),
        ({"name.x": 1}, ["'name' is no section"]),
        ({"name": "a/b"}, ["name"]),
    ],
)
def test_mistakes_are_named(overrides, words):
    with pytest.raises(InputError) as caught:
        load_config(BASE, overrides)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_overrides_are_read_as_yaml():
    config = load_config(BASE, {"train.seed": "7", "train.learning_rate": "1.0e-5", "model.vocabulary": "null"})
    assert (config.train.seed, config.train.learning_rate, config.model.vocabulary) == (7, 1e-5, None)


@pytest.mark.parametrize(("content", "word"), [("a: [", "YAML"), ("", "sections"), ("- x", "list"), ("name: x", "'model'")])
def test_files_that_are_no_config(tmp_path: Path, content: str, word: str):
    path = tmp_path / "c.yaml"
    path.write_text(content)
    with pytest.raises(InputError, match=word):
        load_config(path)


def test_paths_in_a_file_are_relative_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    config = load_config(BASE)
    monkeypatch.chdir(tmp_path)
    assert load_config(BASE).data == config.data
    (tmp_path / "mine.jsonl").write_text("{}")
    assert load_config(BASE, {"data.train": "mine.jsonl"}).data.train == [Source(path=str(tmp_path / "mine.jsonl"))]
