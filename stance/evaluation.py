"""Evaluation on a labelled set: metrics with intervals, beside two baselines."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stance.calibration import brier_score, expected_calibration_error
from stance.data import Example, read_labelled
from stance.errors import InputError, require
from stance.labels import LABELS
from stance.tables import write_rows

if TYPE_CHECKING:
    from stance.predict import StanceClassifier

RESAMPLES = 1000
MIN_SCORES = (0.5, 0.6, 0.7, 0.8, 0.9)
HEADLINE = ("accuracy", "macro_f1", "f_avg", "ece", "brier")


@dataclass(frozen=True)
class Report:
    """What `evaluate` found.

    Attributes:
        metrics: `rows`, `accuracy`, `macro_f1`, `f_avg` (mean of the F1 of supporting and opposing), `ece`, `brier`, each
            headline figure's `intervals` (bootstrap, 95 %), `per_class`, `confusion` (rows: gold; columns: predicted),
            `ece_if_calibrated` (the 95 % quantile of the ECE of a calibrated model with the same scores), `contrast` (pairs of
            rows of one group with different labels: how often both are right) and `coverage` (for each `min_score`, the share
            of rows that it leaves and their accuracy).
        baselines: The same metrics of `majority` and `tfidf_logreg`, where a train split was given.
        by: The same metrics for each value of a column, where one was given.
        predictions: One dict a row: id, text, gold label, stance, probabilities.
        model: Which model answered.
        data: What it was asked.
    """

    metrics: Mapping[str, Any]
    baselines: Mapping[str, Mapping[str, Any]]
    by: Mapping[str, Mapping[str, Any]]
    predictions: Sequence[Mapping[str, Any]]
    model: str
    data: str

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the predictions, ready for JSON."""
        return {
            "model": self.model,
            "data": self.data,
            "metrics": dict(self.metrics),
            "baselines": dict(self.baselines),
            "by": dict(self.by),
        }

    def write(self, folder: str | Path) -> None:
        """Write `metrics.json` and `predictions.jsonl` into a folder, made if need be."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"
        (folder / "metrics.json").write_text(text, encoding="utf-8")
        write_rows(folder / "predictions.jsonl", (dict(row) for row in self.predictions))

    def __str__(self) -> str:
        lines = [f"{self.model} on {self.data}: {self.metrics['rows']} rows", ""]
        systems = {"model": self.metrics, **self.baselines, **self.by}
        width = max(len(name) for name in systems) + 2
        lines.append(" " * width + "".join(f"{name:>22}" for name in HEADLINE))
        for name, metrics in systems.items():
            cells = "".join(f"{_with_interval(metrics, key):>22}" for key in HEADLINE)
            lines.append(f"{name:<{width}}{cells}")
        lines += ["", f"{'label':<12}{'precision':>10}{'recall':>10}{'F1':>10}{'rows':>8}    predicted: " + " ".join(LABELS)]
        for i, label in enumerate(LABELS):
            c = self.metrics["per_class"][label]
            row = " ".join(f"{n:>{len(name)}}" for n, name in zip(self.metrics["confusion"][i], LABELS, strict=True))
            numbers = f"{c['precision']:>10.3f}{c['recall']:>10.3f}{c['f1']:>10.3f}{c['rows']:>8}"
            lines.append(f"{label:<12}{numbers}    {'':>10} {row}")
        lines += ["", f"ECE of a calibrated model with these scores: up to {self.metrics['ece_if_calibrated']:.3f} (95 %)"]
        coverage = [row for row in self.metrics["coverage"] if row["accuracy"] is not None]
        lines.append("min_score: rows left, accuracy    " + "    ".join(map(_covered, coverage)))
        contrast = self.metrics["contrast"]
        if contrast["pairs"]:
            whole = ", ".join(f"{right}/{count} of {size}" for size, (right, count) in contrast["whole_groups"].items())
            lines.append(f"contrast pairs both right: {contrast['both_right']:.3f} of {contrast['pairs']}; whole groups: {whole}")
        return "\n".join(lines)


def _with_interval(metrics: Mapping[str, Any], key: str) -> str:
    low, high = metrics["intervals"][key]
    return f"{metrics[key]:.3f} [{low:.3f}, {high:.3f}]"


def _covered(row: Mapping[str, Any]) -> str:
    return f"{row['min_score']}: {row['coverage']:.0%}, {row['accuracy']:.3f}"


def evaluate(
    model: StanceClassifier | str | Path | None,
    data: Any,
    *,
    train: Any = None,
    where: str | Sequence[str] | None = None,
    by: str | None = None,
    seed: int = 0,
) -> Report:
    """Evaluate a model on labelled rows.

    Args:
        model: A classifier, or what `stance.load` takes.
        data: What `read_labelled` takes: a path, a DataFrame, a Dataset or a list of dicts.
        train: The labelled rows that two baselines are fitted on: the majority label, and TF-IDF with logistic regression.
        where: Conditions `column=value` or `column!=value` on the rows of `data`.
        by: A column; its values are reported apart as well.
        seed: Seed of the bootstrap.

    Raises:
        InputError: If the rows are not labelled rows, or a column is unknown.
    """
    from stance.predict import StanceClassifier, load

    classifier = model if isinstance(model, StanceClassifier) else load(model)
    examples = read_labelled(data, where)
    found = classifier.predict([example.row() for example in examples])
    p = np.array([[prediction.scores[label] for label in LABELS] for prediction in found])
    gold = gold_indices(examples)
    groups = _groups(examples)
    baselines = {}
    if train is not None:
        fitted = _baselines(read_labelled(train), examples)
        baselines = {name: measure(q, gold, groups, seed) for name, q in fitted.items()}
    parts: dict[str, Any] = {}
    if by is not None:
        if all(example.column(by) is None for example in examples):
            raise InputError(f"by: no row has a column {by!r}")
        rows_of: dict[str, list[int]] = defaultdict(list)
        for i, example in enumerate(examples):
            rows_of[str(example.column(by))].append(i)
        parts = {f"{by}={value}": measure(p[rows], gold[rows], groups[rows], seed) for value, rows in sorted(rows_of.items())}
    predictions = [
        {"id": e.id, "text": e.text, "context": e.context, "label": e.label, **q.to_dict()}
        for e, q in zip(examples, found, strict=True)
    ]
    name = Path(data).name if isinstance(data, str | Path) else type(data).__name__
    return Report(measure(p, gold, groups, seed), baselines, parts, predictions, str(classifier.info), name)


def gold_indices(examples: Sequence[Example]) -> np.ndarray:
    """Return the index of each example's label in `LABELS`."""
    return np.array([LABELS.index(example.label) for example in examples])


def measure(p: np.ndarray, gold: np.ndarray, groups: np.ndarray, seed: int = 0) -> dict[str, Any]:
    """Compute all metrics of `Report` from probabilities of shape (rows, 3), gold indices and group numbers.

    Intervals come from 1,000 bootstrap resamples of whole groups (groups as in Field & Welsh 2007), so that rows that belong
    together are not counted as independent: percentiles (Efron & Tibshirani 1993, ch. 13), for the ECE reflected at the
    estimate (the basic bootstrap, Davison & Hinkley 1997, ch. 5), because resampling adds noise to each bin and so biases
    the ECE upwards.
    """
    point = _headline(p, gold)
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(groups == g) for g in np.unique(groups)]
    draws = []
    for _ in range(RESAMPLES):
        rows = np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))])
        draws.append(_headline(p[rows], gold[rows]))
    intervals = {key: [float(x) for x in np.percentile([draw[key] for draw in draws], [2.5, 97.5])] for key in HEADLINE}
    low, high = intervals["ece"]
    intervals["ece"] = [max(0.0, 2 * point["ece"] - high), max(point["ece"], 2 * point["ece"] - low)]
    confusion = _confusion(p, gold)
    per_class = {
        label: dict(zip(("precision", "recall", "f1"), map(float, values), strict=True), rows=int(confusion[i].sum()))
        for i, (label, values) in enumerate(zip(LABELS, _precision_recall_f1(confusion), strict=True))
    }
    return {
        "rows": len(gold),
        "groups": len(members),
        **point,
        "intervals": intervals,
        "per_class": per_class,
        "confusion": confusion.tolist(),
        "contrast": _contrast(p, gold, members),
        "coverage": _coverage(p, gold),
        "ece_if_calibrated": _ece_if_calibrated(p, rng),
    }


def _contrast(p: np.ndarray, gold: np.ndarray, members: Sequence[np.ndarray]) -> dict[str, Any]:
    """Count what stays right where few words turn the label (Gardner et al. 2020): pairs in groups, whole groups by size."""
    right = p.argmax(axis=1) == gold
    families = [rows for rows in members if len(set(gold[rows])) > 1]
    pairs = [bool(right[i] and right[j]) for rows in families for i, j in combinations(rows, 2) if gold[i] != gold[j]]
    whole: dict[str, list[int]] = {}
    for rows in sorted(families, key=len):
        count = whole.setdefault(str(len(rows)), [0, 0])
        count[0] += bool(right[rows].all())
        count[1] += 1
    return {"pairs": len(pairs), "both_right": float(np.mean(pairs)) if pairs else None, "whole_groups": whole}


def _ece_if_calibrated(p: np.ndarray, rng: np.random.Generator) -> float:
    """Return the 95 % quantile of the ECE, were labels drawn from `p` (consistency resampling, Broecker and Smith 2007)."""
    cumulative, draws = p.cumsum(axis=1), rng.random((RESAMPLES, len(p), 1))
    labels = (draws > cumulative[None, :, :-1]).sum(axis=2)
    return float(np.quantile([expected_calibration_error(p, drawn) for drawn in labels], 0.95))


def _coverage(p: np.ndarray, gold: np.ndarray) -> list[dict[str, float | None]]:
    right, score = p.argmax(axis=1) == gold, p.max(axis=1)
    table: list[dict[str, float | None]] = []
    for least in MIN_SCORES:
        kept = score >= least
        accuracy = float(right[kept].mean()) if kept.any() else None
        table.append({"min_score": least, "coverage": float(kept.mean()), "accuracy": accuracy})
    return table


def _confusion(p: np.ndarray, gold: np.ndarray) -> np.ndarray:
    n = len(LABELS)
    return np.bincount(gold * n + p.argmax(axis=1), minlength=n * n).reshape(n, n)


def _precision_recall_f1(confusion: np.ndarray) -> np.ndarray:
    """Return shape (labels, 3); a label that neither occurs nor is predicted counts 0, as in scikit-learn's macro average."""
    hit = np.diag(confusion).astype(float)
    predicted, actual = confusion.sum(axis=0), confusion.sum(axis=1)
    precision = hit / np.maximum(predicted, 1)
    recall = hit / np.maximum(actual, 1)
    f1 = 2 * hit / np.maximum(predicted + actual, 1)
    return np.stack([precision, recall, f1], axis=1)


def _headline(p: np.ndarray, gold: np.ndarray) -> dict[str, float]:
    f1 = _precision_recall_f1(_confusion(p, gold))[:, 2]
    return {
        "accuracy": float((p.argmax(axis=1) == gold).mean()),
        "macro_f1": float(f1.mean()),
        "f_avg": float(f1[:2].mean()),
        "ece": expected_calibration_error(p, gold),
        "brier": brier_score(p, gold),
    }


def _groups(examples: Sequence[Example]) -> np.ndarray:
    """Number the groups; a row without one is a group of its own."""
    numbers: dict[Any, int] = {}
    return np.array(
        [
            numbers.setdefault(("group", e.group) if e.group is not None else ("row", i), len(numbers))
            for i, e in enumerate(examples)
        ]
    )


def _baselines(train: Sequence[Example], test: Sequence[Example]) -> dict[str, np.ndarray]:
    text = require("sklearn.feature_extraction.text", "train")
    linear = require("sklearn.linear_model", "train")
    pipeline = require("sklearn.pipeline", "train")
    counts = Counter(example.label for example in train)
    majority = np.tile([counts[label] / len(train) for label in LABELS], (len(test), 1))
    words = pipeline.make_pipeline(
        text.TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2),
        # down to the optimum: short of it, the answer depends on the number of threads
        linear.LogisticRegression(max_iter=5000, C=10.0, tol=1e-7),
    )
    words.fit([_words(example) for example in train], [example.label for example in train])
    columns = [list(words.classes_).index(label) for label in LABELS if label in words.classes_]
    found = np.zeros((len(test), len(LABELS)))
    found[:, [i for i, label in enumerate(LABELS) if label in words.classes_]] = words.predict_proba(
        [_words(example) for example in test]
    )[:, columns]
    return {"majority": majority, "tfidf_logreg": found}


def _words(example: Example) -> str:
    return f"{example.context or ''} {example.text}"
