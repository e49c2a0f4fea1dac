"""Training sets by mapping: foreign columns and labels, samples, unrelated targets, and what is wrong with them."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from stance.config import load_config
from stance.errors import InputError
from stance.sources import read_sources

ROWS = [
    {"argument": f"Reason {i} why the bridge is a good idea", "motion": f"Building bridge {i % 3}", "stance": "1", "n": i}
    for i in range(30)
] + [
    {"argument": f"Reason {i} why it is not", "motion": f"Building bridge {i % 3}", "stance": "-1" if i % 2 else "0", "n": i}
    for i in range(30)
]
MAPPED = {
    "columns": {"text": "argument", "label": "stance", "target": "motion"},
    "labels": {"1": "supporting", "-1": "opposing", "0": None},
}


@pytest.fixture
def config(tmp_path: Path):
    """A config file that trains on the given sources."""
    with gzip.open(tmp_path / "foreign.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in ROWS)
    own = [{"text": f"Statement number {i}", "label": "neutral", "on_topic": False, "id": str(i)} for i in range(5)]
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in own))

    def write(*sources):
        path = tmp_path / "config.yaml"
        path.write_text(
            json.dumps({"name": "x", "model": {"backbone": "b/c"}, "data": {"train": list(sources), "dev": "own.jsonl"}})
        )
        return load_config(path)

    return write


def read(config, *sources):
    return read_sources(config(*sources).data.train, seed=1)


def test_columns_and_labels_are_mapped(config):
    examples = read(config, "own.jsonl", {"path": "foreign.jsonl.gz", **MAPPED})
    assert Counter(e.label for e in examples) == {"neutral": 5, "supporting": 30, "opposing": 15}
    assert {e.target for e in examples[5:]} == {"Building bridge 0", "Building bridge 1", "Building bridge 2"}
    assert examples[5].text == ROWS[0]["argument"]


def test_a_sample_is_drawn_by_the_seed(config):
    sources = config({"path": "foreign.jsonl.gz", "sample": 10, **MAPPED}).data.train
    first, again, other = (read_sources(sources, seed) for seed in (1, 1, 2))
    assert len(first) == 10 and first == again and first != other


def test_rows_are_chosen_by_the_sets_own_columns(config):
    found = read(
        config, {"path": "foreign.jsonl.gz", "where": ["n!=3", "stance=1"], **MAPPED}, {"path": "own.jsonl", "where": "id=2"}
    )
    assert [e.text for e in found] == [row["argument"] for row in ROWS[:30] if row["n"] != 3] + ["Statement number 2"]
    assert len(read(config, {"path": "foreign.jsonl.gz", "where": "motion=Building bridge 1", **MAPPED})) == 15
    partly = MAPPED | {"labels": {"1": "supporting"}}  # rows left out need no label
    assert len(read(config, {"path": "foreign.jsonl.gz", "where": "stance=1", **partly})) == 30
    with pytest.raises(InputError, match=r"foreign.jsonl.gz: expected rows where n=99"):
        read(config, {"path": "foreign.jsonl.gz", "where": "n=99", **MAPPED})
    with pytest.raises(InputError, match=r"column=value or column!=value, found 'n>3'"):
        read(config, {"path": "own.jsonl", "where": "n>3"})


def test_unrelated_targets_make_neutral_rows(config):
    examples = read(config, {"path": "foreign.jsonl.gz", "unrelated_share": 1.0, **MAPPED})
    homes = {(e.text, e.target) for e in examples if e.label != "neutral"}
    added = [e for e in examples if e.label == "neutral"]
    assert 20 <= len(added) <= 45
    assert all(e.on_topic is False and (e.text, e.target) not in homes for e in added)


def test_one_target_for_all(config):
    rule = {"columns": MAPPED["columns"], "labels": {"1": "neutral", "-1": "neutral", "0": "neutral"}}
    examples = read(config, {"path": "foreign.jsonl.gz", "target": "sugar", "on_topic": False, **rule})
    assert {(e.label, e.target, e.on_topic) for e in examples} == {("neutral", "sugar", False)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"columns": {"text": "speech", "label": "stance"}}, ["row 1", "'speech'", "argument"]),
        ({"labels": {"1": "supporting"}}, ["row 31", "'0'", "null"]),
        ({"labels": {"1": "yes!", "-1": None, "0": None}}, ["yes!", "supporting"]),
        ({"labels": {"1": None, "-1": None, "0": None}}, ["found none"]),
    ],
)
def test_a_wrong_mapping_is_named(config, change, words):
    with pytest.raises(InputError) as error:
        read(config, {"path": "foreign.jsonl.gz", **MAPPED, **change})
    assert all(word in str(error.value) for word in words) and "\n" not in str(error.value)


def test_a_mistyped_key_of_a_source_is_named(config):
    with pytest.raises(InputError, match=r"unknown key 'data.train.0.smaple'; did you mean 'data.train.0.sample'"):
        config({"path": "foreign.jsonl.gz", "smaple": 3})


def test_wrong_files_are_named(config, tmp_path):
    with pytest.raises(InputError, match=r"data.train: expected a file, found none at .*nowhere.jsonl.gz"):
        config("nowhere.jsonl.gz")
    with pytest.raises(InputError, match="nobody/nothing: is no file here"):
        read(config, "nobody/nothing")
    (tmp_path / "cut.jsonl.gz").write_bytes((tmp_path / "foreign.jsonl.gz").read_bytes()[:-20])
    with pytest.raises(InputError, match="expected a whole gzip file"):
        read(config, {"path": "cut.jsonl.gz", **MAPPED})
