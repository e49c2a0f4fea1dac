"""Windows over long texts lose nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stance.encoding import PairEncoder
from stance.errors import StanceError
from stance.labels import DEFAULT_TARGET
from stance.modelfolder import locate

ENCODER = PairEncoder(locate(None) / "tokenizer.json", window=32, context_tokens=16)
WORDS = ("troops", "peace", "Lviv", "said.", "Why?", "unbelievableness", "no!", "\n", "“yes”", "Zhytomyr", "2,000", "é")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=300))
def test_every_word_is_in_a_window(words: list[str]):
    text = " ".join(words)
    if not text.strip():
        return
    parts = ENCODER._split(text)
    position = 0
    for part in parts:  # windows overlap or touch, in order, from the first character to the last
        start = text.strip().find(part, max(0, position - len(part)))
        assert start != -1 and text.strip()[position:start].strip() == ""
        position = start + len(part)
        assert ENCODER._count(part) <= 32
    assert text.strip()[position:].strip() == ""


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=400))
def test_any_text_is_split_without_loss(text: str):
    text = text.encode("utf-8", "replace").decode()
    joined = "".join("".join(part.split()) for part in ENCODER._split(text))
    readable = "".join(text.split())
    if ENCODER._count(text):
        # Overlap may repeat characters, never drop them.
        remaining = iter(joined)
        assert sum(len(part.split()) for part in ENCODER._split(text)) >= 1
        if len(ENCODER._split(text)) == 1:
            assert joined == readable
        else:
            assert set(readable) <= set(remaining)


def test_the_target_is_never_cut():
    target = DEFAULT_TARGET
    ids = ENCODER.tokenizer.encode(target, add_special_tokens=False).ids
    for window in ENCODER.windows(target, "word " * 500, "context " * 500):
        joined = " ".join(map(str, window.ids))
        assert " ".join(map(str, ids)) in joined


def test_a_long_context_keeps_its_end():
    (window,) = ENCODER.windows("x", "Yes.", "far away " * 50 + "close by")
    text = ENCODER.tokenizer.decode(window.ids)
    assert "close by" in text and text.count("far") < 10


def test_a_broken_tokenizer_is_named(tmp_path: Path):
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(StanceError, match=r"tokenizer\.json: expected a tokenizer"):
        PairEncoder(tmp_path / "tokenizer.json")
