"""From logits to probabilities: temperature, topic, and what several windows of one text say together.

A model has three logits. Their differences give the stance: softmax(z / T). Softmax ignores a shift common to all three, so
that shift is free to carry a second answer: sigmoid(z1 + z2 + z3) is trained to be the probability that a *neutral* statement
concerns the target. A checkpoint therefore loads in plain transformers with its three real labels, and still knows its topic.
"""

from __future__ import annotations

import numpy as np

from stance.labels import LABELS

NEUTRAL = LABELS.index("neutral")


def probabilities(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Return softmax(logits / temperature), of shape (rows, 3), in double precision."""
    z = np.asarray(logits, dtype=np.float64) / temperature
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    result: np.ndarray = e / e.sum(axis=-1, keepdims=True)
    return result


def topic_probability(logits: np.ndarray, temperature: float = 1.0, topic_temperature: float = 1.0) -> np.ndarray:
    """Return the probability that each row concerns the target, of shape (rows,).

    A row that takes a side concerns it; a neutral one does with sigmoid(sum of logits / topic_temperature):
    P(topic) = 1 - P(neutral) * (1 - sigmoid(...)).
    """
    total = np.asarray(logits, dtype=np.float64).sum(axis=-1) / topic_temperature
    off = 1 / (1 + np.exp(np.clip(total, -60, 60)))
    result: np.ndarray = 1 - probabilities(logits, temperature)[..., NEUTRAL] * off
    return result


def combine_windows(window_probabilities: np.ndarray) -> np.ndarray:
    """Combine the windows of one text, of shape (windows, 3), into its probabilities, of shape (3,).

    The windows that take a side decide: the mean over those whose likeliest label is not neutral; where there is none, the
    mean over all. So one sentence with a stance is not outvoted by pages without, and a text that says both yes and no ends near
    one half each, where `min_score` abstains.
    """
    takes_side = window_probabilities.argmax(axis=1) != NEUTRAL
    chosen = window_probabilities[takes_side] if takes_side.any() else window_probabilities
    result: np.ndarray = chosen.mean(axis=0)
    return result
