"""One table of systems on sets: macro-F1 with its interval, F1 by label, F-avg, ECE; and, of two models, the paired difference.

    python benchmarks/accuracy.py base runs/base --train data/troops/train.jsonl data/troops/test.jsonl data/troops/test_hard.jsonl

Models are names or folders, as for `stance.load`. Sets may carry a filter, as in `real.jsonl::disputed!=true`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from sklearn.metrics import f1_score

import stance
from stance.data import read_labelled
from stance.evaluation import gold_indices
from stance.modelcard import figures

RESAMPLES = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("systems_and_sets", nargs="+", help="models, then labelled sets")
    parser.add_argument("--train", type=Path, help="fits the baselines")
    options = parser.parse_args()
    is_set = [Path(name.partition("::")[0]).suffix in {".jsonl", ".csv"} for name in options.systems_and_sets]
    sets = [name for name, it_is in zip(options.systems_and_sets, is_set, strict=True) if it_is]
    systems = [name for name, it_is in zip(options.systems_and_sets, is_set, strict=True) if not it_is]
    reports: dict[str, stance.Report] = {}
    right: dict[str, list[np.ndarray]] = {name: [] for name in systems}
    gold = []
    for data in sets:
        path, _, where = data.partition("::")
        examples = read_labelled(path, where or None)
        gold.append(gold_indices(examples))
        for number, name in enumerate(systems):
            model = stance.load(name)
            train = options.train if number == 0 else None
            reports[f"{Path(path).parent.name}/{Path(path).stem}, {name}"] = stance.evaluate(
                model, path, train=train, where=where or None
            )
            right[name].append(model.predict_proba([example.row() for example in examples]).argmax(axis=1))
    print(figures(reports))
    if len(systems) == 2:
        print(paired(np.concatenate(gold), *(np.concatenate(right[name]) for name in systems)))


def paired(gold: np.ndarray, first: np.ndarray, second: np.ndarray) -> str:
    """Compare two models on the same rows: share of equal labels, difference of macro-F1 with a bootstrap interval."""

    def difference(rows: np.ndarray) -> float:
        a, b = (f1_score(gold[rows], found[rows], average="macro") for found in (first, second))
        return float(b - a)

    rng, every = np.random.default_rng(0), np.arange(len(gold))
    draws = [difference(rng.integers(0, len(gold), len(gold))) for _ in range(RESAMPLES)]
    low, high = np.percentile(draws, [2.5, 97.5])
    return (
        f"\n{len(gold)} rows: labels equal on {np.mean(first == second):.2%}; macro-F1 of the second minus that of the first "
        f"{difference(every):+.4f} [{low:+.4f}, {high:+.4f}]"
    )


if __name__ == "__main__":
    main()
