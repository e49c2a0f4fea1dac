"""Calibration: the temperature that makes a score a probability, and the error that remains."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from stance.config import Config
from stance.data import read_labelled
from stance.errors import require
from stance.labels import LABELS
from stance.modelfolder import read_meta
from stance.predict import load
from stance.probabilities import NEUTRAL, probabilities


def calibrate(folder: Path, config: Config) -> None:
    """Fit both temperatures of a model and put them into its `stance.json`.

    Args:
        folder: A run or a model folder.
        config: Names the labelled rows; those that fit into one window are used.
    """
    examples = [example for file in config.data.calibration or config.data.dev for example in read_labelled(file)]
    model, meta = load(folder), read_meta(folder)
    windows = [model.windows(example.row()) for example in examples]
    fit = [i for i, found in enumerate(windows) if len(found) == 1]
    logits = np.concatenate(model.logits([windows[i] for i in fit]))
    gold = np.array([LABELS.index(examples[i].label) for i in fit])
    topics = [examples[i].topic for i in fit]
    on_topic = np.array([-1 if topic is None else int(topic) for topic in topics])
    topic_temperature = fit_topic_temperature(logits, gold, on_topic)
    replace(meta, temperature=fit_temperature(logits, gold), topic_temperature=topic_temperature).write(folder)


def fit_temperature(logits: np.ndarray, gold: np.ndarray) -> float:
    """Fit the temperature that minimises the negative log-likelihood (Guo et al. 2017, arXiv:1706.04599).

    Args:
        logits: Shape (rows, 3).
        gold: Index of the gold label, shape (rows,).
    """

    def loss(log_t: float) -> float:
        p = probabilities(logits, math.exp(log_t))[np.arange(len(gold)), gold]
        return float(-np.log(np.clip(p, 1e-12, 1)).mean())

    return _minimize(loss)


def fit_topic_temperature(logits: np.ndarray, gold: np.ndarray, on_topic: np.ndarray) -> float:
    """Fit the temperature of the topic logit on neutral rows that say whether they are on topic; 1 where there are none.

    Args:
        logits: Shape (rows, 3).
        gold: Index of the gold label, shape (rows,).
        on_topic: 1, 0, or -1 where unknown, shape (rows,).
    """
    known = (gold == NEUTRAL) & (on_topic >= 0)
    if len(set(on_topic[known].tolist())) < 2:
        return 1.0
    total, truth = np.asarray(logits, dtype=np.float64)[known].sum(axis=1), on_topic[known]

    def loss(log_t: float) -> float:
        z = total / math.exp(log_t)
        return float(np.logaddexp(0, np.where(truth == 1, -z, z)).mean())

    return _minimize(loss)


def _minimize(loss: object) -> float:
    optimize = require("scipy.optimize", "train")
    found = optimize.minimize_scalar(loss, bounds=(math.log(0.05), math.log(20)), method="bounded")
    return round(math.exp(found.x), 4)


def expected_calibration_error(p: np.ndarray, gold: np.ndarray, bins: int = 15) -> float:
    """Return the mean gap between confidence and accuracy over bins of equal mass (Nguyen & O'Connor 2015).

    Rows of equal confidence share a bin, so that the order of the rows does not matter.

    Args:
        p: Probabilities, shape (rows, 3).
        gold: Index of the gold label, shape (rows,).
        bins: Number of bins; fewer where there are fewer rows.
    """
    confidence, correct = p.max(axis=1), p.argmax(axis=1) == gold
    ranks = np.searchsorted(np.sort(confidence), confidence)  # of the first row of that confidence
    gaps = np.bincount(ranks * min(bins, len(gold)) // len(gold), weights=confidence - correct)
    return float(np.abs(gaps).sum() / len(gold))


def brier_score(p: np.ndarray, gold: np.ndarray) -> float:
    """Return the mean squared distance to the gold label over all classes (Brier 1950): 0 is perfect, 2 the worst."""
    return float(((p - np.eye(p.shape[1])[gold]) ** 2).sum(axis=1).mean())
