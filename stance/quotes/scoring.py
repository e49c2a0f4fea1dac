"""How well statements are found: matched by the overlap of their characters, their speakers by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import permutations
from typing import Any

OVERLAP = 0.5  # least F1 of characters; conventions differ on whether "that", commas and marks belong to a statement


def overlap(a: tuple[int, int], b: tuple[int, int]) -> float:
    """Return the F1 of the characters that two spans share."""
    common = min(a[1], b[1]) - max(a[0], b[0])
    return 2 * common / (a[1] - a[0] + b[1] - b[0]) if common > 0 else 0.0


def match(gold: Sequence[tuple[int, int]], found: Sequence[tuple[int, int]], least: float = OVERLAP) -> dict[int, int]:
    """Pair spans one to one, those that share most first; return the index of the found one by that of the gold one."""
    scored = sorted(((overlap(g, f), i, j) for i, g in enumerate(gold) for j, f in enumerate(found)), key=lambda t: (-t[0], *t[1:]))
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for score, i, j in scored:
        if score >= least and i not in pairs and j not in taken:
            pairs[i] = j
            taken.add(j)
    return pairs


def spans(statements: Iterable[Mapping[str, Any]]) -> list[tuple[int, int]]:
    """Return the start and end of each statement."""
    return [(s["start"], s["end"]) for s in statements]


def same_speaker(expected: str, found: str) -> bool:
    """Whether two ways to name speakers agree: equal, or one holds all words of the other; of several speakers, all."""
    if ";" in expected or ";" in found:
        wanted, given = ([_words(part) for part in re.split(r";| and ", name)] for name in (expected, found))
    else:
        wanted, given = [_words(expected)], [_words(found)]
    orders = permutations(given) if len(wanted) == len(given) <= 4 else iter(())
    return any(all(a and b and (a <= b or b <= a) for a, b in zip(wanted, order, strict=True)) for order in orders)


def _words(name: str) -> set[str]:
    return set(re.findall(r"\w+", name.casefold())) - {"the", "a", "an", "of"}


def score(articles: Iterable[tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]]]) -> dict[str, float]:
    """Return recall and precision of statements and, of those found, the share with the right speaker and form.

    Args:
        articles: For each, the statements expected and those found, with `start`, `end`, `speaker`, `form`.
    """
    expected = found = matched = speakers = forms = 0
    for gold, given in articles:
        pairs = match(spans(gold), spans(given))
        expected, found, matched = expected + len(gold), found + len(given), matched + len(pairs)
        speakers += sum(same_speaker(gold[i]["speaker"], given[j]["speaker"]) for i, j in pairs.items())
        forms += sum(gold[i]["form"] == given[j]["form"] for i, j in pairs.items())
    return {
        "recall": matched / max(1, expected),
        "precision": matched / max(1, found),
        "speaker": speakers / max(1, matched),
        "form": forms / max(1, matched),
        "statements": expected,
    }
