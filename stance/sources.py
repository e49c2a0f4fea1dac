"""Training sets by mapping: any table or hub set, its columns and labels named in the config, read into examples."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stance.data import Example, condition, read_labelled
from stance.errors import InputError

if TYPE_CHECKING:
    from stance.config import Source


def read_sources(sources: Sequence[Source], seed: int) -> list[Example]:
    """Read the sets that a config names, one after the other.

    Args:
        sources: The sets, with their mappings.
        seed: Draws the samples and the unrelated targets.

    Raises:
        InputError: If a file, column or label is not as the config says.
    """
    return [example for source in sources for example in _read(source, random.Random(seed))]


def _read(source: Source, rng: random.Random) -> list[Example]:
    if source.plain:
        examples = read_labelled(source.path, source.where)
    else:
        rows = _mapped(source)
        if not rows:
            chosen = f" where {' and '.join(source.where)}" if source.where else ""
            raise InputError(f"{source.path}: expected rows{chosen} with a label among {sorted(source.labels or [])}, found none")
        examples = read_labelled(rows)
    if source.sample is not None and source.sample < len(examples):
        examples = rng.sample(examples, source.sample)
    return examples + _unrelated(examples, source.unrelated_share, rng)


def _mapped(source: Source) -> list[dict[str, Any]]:
    rows = []
    conditions = [condition(text) for text in source.where]
    for number, row in enumerate(_rows(source), 1):
        if not all(holds(row.get) for holds in conditions):
            continue
        missing = [theirs for theirs in source.columns.values() if theirs not in row]
        if missing:
            raise InputError(f"{source.path}, row {number}: expected a column {missing[0]!r}, found {', '.join(map(str, row))}")
        ours = {name: row.get(source.columns.get(name, name)) for name in ("text", "label", "target", "context", "group")}
        if source.labels is not None:
            theirs = str(ours["label"])
            if theirs not in source.labels:
                raise InputError(
                    f"{source.path}, row {number}: expected a label among {', '.join(sorted(source.labels))}, found {theirs!r}; "
                    "map it, to null to leave such rows out"
                )
            if source.labels[theirs] is None:
                continue
            ours["label"] = source.labels[theirs]
        if source.target is not None:
            ours["target"] = source.target
        if source.on_topic is not None:
            ours["on_topic"] = source.on_topic
        rows.append(ours)
    return rows


def _rows(source: Source) -> list[Mapping[str, Any]]:
    from stance.tables import read_rows

    if source.is_file:
        found = list(read_rows(source.path))
        for row in found:
            if row.error:
                raise InputError(f"{source.path}, line {row.line}: {row.error}")
        return [row.values for row in found]
    import datasets

    try:
        return list(datasets.load_dataset(source.path, split=source.split, revision=source.revision))
    except Exception as error:  # unknown, offline, no permission: the hub's own errors say which
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"{source.path}: is no file here, and no hub gave it as a data set ({reason[:160]})") from None


def _unrelated(examples: Sequence[Example], share: float, rng: random.Random) -> list[Example]:
    """Pair a share of the texts with the target of another row, as neutral and off topic."""
    targets = sorted({example.target for example in examples})
    if not share or len(targets) < 2:
        return []
    rows = []
    for example in rng.sample(list(examples), round(share * len(examples))):
        target = rng.choice(targets)
        if target != example.target:
            rows.append(Example(example.text, "neutral", target, example.context, on_topic=False, group=example.group))
    return rows
