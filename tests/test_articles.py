"""The articles set, and the reading of articles from files, folders, tables and pipes."""

from __future__ import annotations

import gzip
import json
from collections import Counter

import pytest
from conftest import ROOT

from stance.articles import read_articles
from stance.data import read_labelled
from stance.errors import InputError
from stance.labels import LABELS
from stance.tables import read_rows

SPLITS = ("train", "dev", "test")


@pytest.fixture(scope="module")
def articles() -> dict[str, list[dict]]:
    return {split: [row.values for row in read_rows(ROOT / f"data/articles/{split}.jsonl")] for split in SPLITS}


def test_statements_lie_where_they_say(articles):
    for split in SPLITS:
        for article in articles[split]:
            place = 0
            for s in article["statements"]:
                assert article["text"][s["start"] : s["end"]] == s["text"].strip() != ""
                assert place <= s["start"], article["id"]
                place = s["end"]
                assert s["form"] in ("direct", "reported", "mixed") and s["label"] in LABELS
                assert s["on_topic"] or s["label"] == "neutral"
                assert s["speaker"] or "speaker" in s.get("disputed", []) or not s["cue"], (article["id"], s["text"])


def test_size_and_mixture(articles):
    every = [a for split in SPLITS for a in articles[split]]
    assert len(every) >= 150 and len({a["text"] for a in every}) == len(every)
    assert 0.3 <= sum(a["about"] == "other" for a in every) / len(every) <= 0.45
    composers = {split: {a["composer"] for a in articles[split]} for split in SPLITS}
    assert not composers["train"] & (composers["dev"] | composers["test"]) and not composers["dev"] & composers["test"]
    assert all(a["readers"] == 2 for a in every)
    forms = Counter(s["form"] for a in every for s in a["statements"])
    assert min(forms.values()) > 0.1 * sum(forms.values())


def test_no_sentence_is_shared_between_splits(articles):
    long = {split: [s["text"] for a in articles[split] for s in a["statements"] if len(s["text"].split()) > 5] for split in SPLITS}
    sentences = {split: set(texts) for split, texts in long.items()}
    assert not sentences["train"] & (sentences["dev"] | sentences["test"]) and not sentences["dev"] & sentences["test"]


def test_marked_articles_are_a_labelled_set(articles):
    examples = read_labelled(ROOT / "data/articles/dev.jsonl")
    marked = [(a["id"], s["text"], s["label"], s["on_topic"]) for a in articles["dev"] for s in a["statements"]]
    assert [(e.group, e.text, e.label, e.on_topic) for e in examples] == marked
    assert read_labelled(articles["dev"]) == examples  # in memory as from a file
    titles = {a["id"]: a["text"].split("\n")[0][:60] for a in articles["dev"]}
    assert sum((e.context or "").startswith(titles[e.group]) for e in examples) > 0.8 * len(examples)


def test_files_folders_and_tables(tmp_path):
    (tmp_path / "b.txt").write_text("\ufeffSecond.", encoding="utf-8")
    (tmp_path / "a.txt").write_text("First.", encoding="utf-8")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "c.txt").write_bytes(b"\xff\xfe")
    (tmp_path / "sub" / "E.TXT").write_text("Capital.")
    (tmp_path / "f.txt.gz").write_bytes(gzip.compress(b"Packed."))
    (tmp_path / "g.txt.gz").write_bytes(gzip.compress(b"Torn.")[:-9])
    (tmp_path / "d.txt").write_bytes("\ufeffOne.\r\n\r\nTwo.".encode())
    rows = [{"id": 7, "text": "Third."}, {"id": 8, "text": " "}, None, {"text": 5}, {"id": 0}, {"text": "half \ud800"}]
    lines = ["not json" if row is None else json.dumps(row) for row in rows]
    (tmp_path / "t.jsonl").write_text("\n".join(lines) + "\n")
    found = list(read_articles([tmp_path, tmp_path / "t.jsonl"]))
    texts = [a.text for a in found if a.error is None]
    assert texts == [
        "First.",
        "Second.",
        "One.\n\nTwo.",
        "Packed.",
        "Capital.",
        "Third.",
        "half \ufffd",
    ]
    errors = {a.name.split("/")[-1]: a.error for a in found if a.error}
    assert "gzip" in errors["g.txt.gz"]
    assert "UTF-8" in errors["c.txt"] and "empty" in errors["8"]
    assert "nothing" in errors["0"]
    assert "JSON" in errors["t.jsonl, line 3"] and "int" in errors["t.jsonl, line 4"]


def test_what_is_no_article_is_refused(tmp_path):
    (tmp_path / "t.csv").write_text("quote\nx\n")
    for source, words in ((tmp_path / "none.txt", "found none"), (tmp_path / "t.csv", "column 'text'")):
        with pytest.raises(InputError, match=words):
            list(read_articles([source]))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"\.txt"):
        list(read_articles([tmp_path / "empty"]))


def test_examples_are_in_no_split(articles):
    example = (ROOT / "data/examples/article.txt").read_text(encoding="utf-8")
    texts = [s["text"] for split in SPLITS for a in articles[split] for s in a["statements"]]
    assert not any(text in example for text in texts if len(text) > 30)
