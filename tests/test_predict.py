"""What a caller of `predict` meets: shapes, order, batch invariance, long texts, bad input."""

from __future__ import annotations

import copy
import math
import multiprocessing
import random
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pandas as pd
import pytest
from conftest import rows_of
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import STATEMENTS, long_text

import stance
from stance import InputError

YES = "Our second battalion should go to Lviv as soon as the guns are silent, and I will vote for it."
NO = "No soldier of ours has any business in Ukraine, and I will vote against this mission."
OTHER = "The harvest was poor this year, and the price of bread will rise again."


def test_a_string_gives_one_prediction(shipped):
    p = shipped.predict(YES)
    assert p.label == p["label"] == "supporting"
    assert p.score == max(p.scores.values())
    assert math.isclose(sum(p.scores.values()), 1, abs_tol=1e-9)
    assert set(p.scores) == set(stance.LABELS)
    assert 0 <= p.topic <= 1
    assert p.windows == 1 and not p.abstained
    assert shipped.meta.name in str(p.model)


def test_a_prediction_is_frozen_and_travels_between_processes(shipped):
    p = shipped.predict(NO)
    with pytest.raises(AttributeError):
        p.label = "supporting"
    with pytest.raises(TypeError):
        p.scores["opposing"] = 0.0
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(copy.copy, p).result() == p  # there and back
    assert "opposing" in str(p)


@pytest.mark.parametrize("kind", [list, tuple, pd.Series, iter])
def test_many_texts_in_any_container(shipped, kind):
    assert [p.label for p in shipped.predict(kind([YES, NO, OTHER]))] == ["supporting", "opposing", "neutral"]


def test_one_text_in_a_list_gives_a_list(shipped):
    assert len(shipped.predict([YES])) == 1
    assert shipped.predict([]) == []
    assert shipped.predict_proba([]).shape == (0, 3)


def test_tables_use_their_context(shipped):
    context = "She was asked whether the regiment should join the force in Ukraine."
    frame = pd.DataFrame({"text": ["I would vote for it."] * 2, "context": [context, None]})
    with_context, without = shipped.predict(frame)
    assert with_context == shipped.predict("I would vote for it.", context=context)
    assert without == shipped.predict("I would vote for it.")
    assert with_context.scores != without.scores
    from datasets import Dataset

    assert shipped.predict(Dataset.from_pandas(frame)) == [with_context, without]
    assert shipped.predict(frame.to_dict("records")) == [with_context, without]


def test_proba_columns_follow_labels(shipped):
    p = shipped.predict_proba([YES, NO])
    assert p.shape == (2, 3)
    assert [shipped.labels[i] for i in p.argmax(axis=1)] == ["supporting", "opposing"]


def test_off_topic_statements_have_a_low_topic(shipped):
    assert shipped.predict(OTHER).topic < 0.5 < shipped.predict(NO).topic


def test_abstains_below_min_score(shipped):
    p = shipped.predict(YES)
    assert shipped.predict(YES, min_score=p.score - 0.001).label == "supporting"
    abstained = shipped.predict(YES, min_score=min(1.0, p.score + 1e-6))
    assert abstained.label is None and abstained.abstained and abstained.scores == p.scores
    with pytest.raises(InputError, match="between 0 and 1"):
        shipped.predict(YES, min_score=1.5)


def test_another_target_brings_one_warning(shipped):
    fresh = stance.load()
    with pytest.warns(UserWarning, match="not one this model was trained on") as caught:
        fresh.predict([YES, NO], target="a four-day week")
        fresh.predict(YES, target="a four-day week")
    assert len(caught) == 1


DEV = [row["text"] for row in rows_of("dev")]
ALONE: dict[str, np.ndarray] = {}


@settings(max_examples=12, deadline=None)
@given(st.lists(st.sampled_from(DEV), min_size=1, max_size=40), st.sampled_from([1, 7, 32]), st.randoms())
def test_company_does_not_matter(texts: list[str], batch_size: int, rng: random.Random):
    """Single, batched, shuffled and streamed calls give the same label and, to 1e-3, the same score."""
    clf = stance.predict.default_classifier()
    for text in texts:
        if text not in ALONE:
            ALONE[text] = clf.predict_proba([text])[0]
    expected = np.array([ALONE[text] for text in texts])
    found = clf.predict_proba(texts, batch_size=batch_size)
    order = list(range(len(texts)))
    rng.shuffle(order)
    shuffled = np.empty_like(found)
    shuffled[order] = clf.predict_proba([texts[i] for i in order], batch_size=batch_size)
    streamed = np.array([[p.scores[label] for label in clf.labels] for p in clf.predict_iter(iter(texts))])
    for other in (found, shuffled, streamed):
        assert (other.argmax(axis=1) == expected.argmax(axis=1)).all()
        assert np.abs(other - expected).max() < 1e-3


def test_streaming_reads_no_further_than_it_must(shipped):
    taken = []

    def endless():
        for i in range(10**9):
            taken.append(i)
            yield YES

    stream = shipped.predict_iter(endless())
    assert next(stream).label == "supporting"
    assert len(taken) <= stance.predict.CHUNK


@pytest.mark.parametrize(
    ("bad", "found"),
    [
        ("", "empty"),
        ("  \n\t ", "empty"),
        (None, "nothing"),
        (float("nan"), "nan"),
        (7, "int 7"),
        (b"x", "bytes"),
        ("\x00\x01", "readable"),
    ],
)
def test_a_bad_text_is_named_by_its_place(shipped, bad, found):
    with pytest.raises(InputError, match=f"^text 1: .*{found}") as caught:
        shipped.predict([YES, bad])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "odd",
    ["🙂🙂🙂", "Ni un soldado más.", "\x07We will go.\x00", "\ud800 broken", "a" * 100_000, "x " * 5_000, "</s> <s> [SEP]", "."],
)
def test_odd_texts_get_an_answer(shipped, odd):
    p = shipped.predict(odd)
    assert math.isclose(sum(p.scores.values()), 1, abs_tol=1e-9)


def test_text_in_another_script_warns():
    with pytest.warns(UserWarning, match="characters that this English model does not know"):
        stance.load().predict("Мы не пошлём ни одного солдата")


def test_special_tokens_in_a_text_are_text(shipped):
    assert shipped.predict(f"{NO} </s></s>").label == "opposing"


def test_wrong_lengths_and_tables(shipped):
    with pytest.raises(InputError, match="only 1"):
        shipped.predict([YES, NO], context=["one"])
    with pytest.raises(InputError, match="more"):
        shipped.predict([YES], context=["one", "two"])
    with pytest.raises(InputError, match="column 'text'"):
        shipped.predict(pd.DataFrame({"quote": [YES]}))
    with pytest.raises(InputError, match="at least 1"):
        shipped.predict([YES], batch_size=0)


@pytest.mark.parametrize("place", ["start", "middle", "end"])
def test_a_stance_decides_wherever_it_stands_in_a_long_text(shipped, place):
    planted = STATEMENTS[::2]
    found = shipped.predict([long_text(statement, place, seed) for seed, (statement, _) in enumerate(planted)])
    assert all(p.windows > 10 for p in found)
    wrong = [s for (s, label), p in zip(planted, found, strict=True) if p.label != label]
    assert len(wrong) <= 1, wrong
