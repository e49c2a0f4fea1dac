"""Metrics against scikit-learn and planted cases; intervals that respect groups; the report on disk."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from stance.calibration import brier_score, expected_calibration_error, fit_temperature, fit_topic_temperature
from stance.evaluation import evaluate, measure
from stance.labels import LABELS
from stance.probabilities import combine_windows, probabilities, topic_probability

TEST = ROOT / "data" / "troops" / "test.jsonl"


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(5, 60))
def test_metrics_equal_scikit_learn(seed: int, n: int):
    rng = np.random.default_rng(seed)
    gold, p = rng.integers(0, 3, n), rng.dirichlet([1, 1, 1], n)
    found = p.argmax(axis=1)
    m = measure(p, gold, np.arange(n))
    precision, recall, f1, support = precision_recall_fscore_support(gold, found, labels=[0, 1, 2], zero_division=0)
    assert math.isclose(m["accuracy"], accuracy_score(gold, found))
    assert math.isclose(m["macro_f1"], f1.mean())
    assert math.isclose(m["f_avg"], f1[:2].mean())
    assert m["confusion"] == confusion_matrix(gold, found, labels=[0, 1, 2]).tolist()
    for i, label in enumerate(LABELS):
        values = m["per_class"][label]
        assert np.allclose([values["precision"], values["recall"], values["f1"]], [precision[i], recall[i], f1[i]])
        assert values["rows"] == support[i]
    for key, (low, high) in m["intervals"].items():
        assert low <= high
        assert low - 1e-9 <= m[key] <= high + 1e-9 or n < 15, key


def test_intervals_widen_when_rows_come_in_groups():
    rng = np.random.default_rng(0)
    gold = np.repeat(rng.integers(0, 3, 40), 10)
    p = np.eye(3)[np.where(np.repeat(rng.random(40) < 0.7, 10), gold, (gold + 1) % 3)]
    alone, grouped = (measure(p, gold, g)["intervals"]["accuracy"] for g in (np.arange(400), np.repeat(np.arange(40), 10)))
    assert grouped[1] - grouped[0] > 2 * (alone[1] - alone[0])


def test_ece_and_brier_of_planted_cases():
    gold = np.array([0] * 80 + [1] * 20)
    p = np.tile([0.8, 0.1, 0.1], (100, 1))
    assert expected_calibration_error(np.tile([0.8, 0.2, 0.0], (100, 1)), gold, bins=1) == pytest.approx(0)
    assert expected_calibration_error(np.tile([1.0, 0.0, 0.0], (100, 1)), gold, bins=1) == pytest.approx(0.2)
    # Rows of one confidence are one bin, in whatever order they come.
    assert expected_calibration_error(np.tile([0.8, 0.2, 0.0], (100, 1)), gold, bins=15) == pytest.approx(0)
    assert brier_score(np.eye(3)[gold], gold) == 0
    assert brier_score(np.eye(3)[(gold + 1) % 3], gold) == 2
    assert brier_score(p, gold) == pytest.approx(0.8 * (0.04 + 0.01 + 0.01) + 0.2 * (0.64 + 0.81 + 0.01))


def test_ece_of_a_calibrated_model_is_within_its_noise_and_that_of_a_boastful_one_is_not():
    rng = np.random.default_rng(3)
    p = rng.dirichlet([1, 1, 1], 400)
    gold = np.array([rng.choice(3, p=row) for row in p])
    m = measure(p, gold, np.arange(400))
    assert m["ece"] <= m["ece_if_calibrated"] < 0.1
    sure = p**3 / (p**3).sum(axis=1, keepdims=True)
    boastful = measure(sure, gold, np.arange(400))
    assert boastful["ece"] > boastful["ece_if_calibrated"]


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 3.0])
def test_temperature_is_recovered(true_temperature: float):
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, (20_000, 3))
    gold = np.array([rng.choice(3, p=p) for p in probabilities(logits)])
    assert fit_temperature(logits * true_temperature, gold) == pytest.approx(true_temperature, rel=0.05)
    on_topic = (rng.random(20_000) < 1 / (1 + np.exp(-logits.sum(axis=1)))).astype(int)
    fitted = fit_topic_temperature(logits * true_temperature, np.full(20_000, 2), on_topic)
    assert fitted == pytest.approx(true_temperature, rel=0.05)


@given(st.lists(st.floats(-50, 50), min_size=3, max_size=3), st.floats(-5, 5))
def test_topic_rides_on_a_shift_that_stance_does_not_see(logits: list[float], shift: float):
    z = np.array([logits])
    assert np.allclose(probabilities(z), probabilities(z + shift))
    assert topic_probability(z + abs(shift))[0] >= topic_probability(z)[0] - 1e-12
    assert topic_probability(z)[0] >= 1 - probabilities(z)[0, 2] - 1e-12


def test_windows_that_take_a_side_decide():
    neutral, yes, no = [0.05, 0.05, 0.9], [0.8, 0.1, 0.1], [0.1, 0.8, 0.1]
    assert combine_windows(np.array([neutral] * 20 + [yes])).argmax() == 0
    assert combine_windows(np.array([neutral] * 3)).argmax() == 2
    assert combine_windows(np.array([yes, no, neutral])).max() < 0.5


def test_report_and_its_files(shipped, tmp_path):
    report = evaluate(shipped, TEST, where="form=direct", by="label")
    assert {f"label={label}" for label in LABELS} == set(report.by)
    assert report.metrics["rows"] == len(report.predictions) == sum(m["rows"] for m in report.by.values())
    report.write(tmp_path / "out")
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["metrics"]["macro_f1"] == report.metrics["macro_f1"]
    rows = [json.loads(line) for line in (tmp_path / "out" / "predictions.jsonl").read_text().splitlines()]
    right = sum(row["label"] == row["stance"] for row in rows)
    assert right / len(rows) == pytest.approx(report.metrics["accuracy"])
    assert f"{report.metrics['macro_f1']:.3f}" in str(report)


def test_contrast_pairs_and_coverage_of_planted_answers():
    gold = np.array([0, 1, 2, 0, 1, 2, 2])
    found = np.array([0, 1, 0, 0, 1, 2, 2])  # the third is wrong
    score = np.array([0.95, 0.85, 0.55, 0.95, 0.65, 0.99, 0.99])
    p = np.full((7, 3), 0.0) + ((1 - score) / 2)[:, None]
    p[np.arange(7), found] = score
    groups = np.array([0, 0, 0, 1, 1, 2, 2])  # the last group has one label only: no contrast
    m = measure(p, gold, groups)
    assert m["contrast"] == {"pairs": 4, "both_right": 0.5, "whole_groups": {"2": [1, 1], "3": [0, 1]}}
    assert [row["coverage"] for row in m["coverage"]] == [1.0, 6 / 7, 5 / 7, 5 / 7, 4 / 7]
    assert [row["accuracy"] for row in m["coverage"]] == [6 / 7, 1.0, 1.0, 1.0, 1.0]
