"""Do predictions move with who speaks? Swap the speaker's name, office, party or country, one at a time, and compare.

    python benchmarks/identity.py base data/troops/dev.jsonl

The names here are others than those that training swaps in.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

import stance
from stance.data import read_labelled
from stance.identity import COUNTRIES, OFFICES, PARTIES, find_speaker, replace
from stance.labels import LABELS

SWAPS = 10
NAMES = (
    "Ilze Brakmane,Joana Sarmento,Tomasz Wilk,Pekka Lahtela,Margaret Ashdown,Giulia Ferrante,Bogdan Marinescu,Annick Delvaux,"
    "Sven Hallberg,Petra Novotná,Demetrios Kallas,Aylin Demirtaş,Rory McAllister,Ingrid Solheim,Balázs Kerekes,Mateo Iriarte"
).split(",")
POOLS = {"country": COUNTRIES, "party": PARTIES, "office": OFFICES, "name": NAMES}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("data", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    model, rng = stance.load(options.model), random.Random(0)
    examples = read_labelled(options.data)
    plain = model.predict_proba([example.row() for example in examples])
    cases = [
        (number, kind, replace(example.text, match, value))
        for number, example in enumerate(examples)
        for kind, match in find_speaker(example.text).items()
        for value in rng.sample([value for value in POOLS[kind] if value != match[1]], SWAPS)
    ]
    changed = model.predict_proba([{**examples[number].row(), "text": text} for number, _, text in cases])
    found: dict[str, list[tuple[int, bool, np.ndarray]]] = defaultdict(list)
    for (number, kind, _), after in zip(cases, changed, strict=True):
        for key in (kind, "all"):
            kept = bool(after.argmax() == plain[number].argmax())
            found[key].append((number, kept, np.abs(after - plain[number])))
    result: dict[str, dict[str, Any]] = {
        kind: {
            "rows": len({number for number, _, _ in swaps}),
            "swaps": len(swaps),
            "label_kept": float(np.mean([kept for _, kept, _ in swaps])),
            "largest_move": {label: float(max(move[j] for _, _, move in swaps)) for j, label in enumerate(LABELS)},
        }
        for kind, swaps in found.items()
    }
    print(f"{'kind':<10}{'rows':>6}{'swaps':>7}{'label kept':>12}    largest move: {' '.join(LABELS)}")
    for kind, r in result.items():
        moves = " ".join(f"{r['largest_move'][label]:>{len(label)}.3f}" for label in LABELS)
        print(f"{kind:<10}{r['rows']:>6}{r['swaps']:>7}{r['label_kept']:>12.4f}    {'':>13} {moves}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
