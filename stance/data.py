"""Labelled sets: reading them into examples, and checking them for what would spoil a result."""

from __future__ import annotations

import difflib
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stance.errors import InputError
from stance.labels import DEFAULT_TARGET, LABELS, normalize_label
from stance.tables import Row, read_rows

NEAR_DUPLICATE = 0.6
"""Token Jaccard similarity above which two texts count as the same statement, slightly changed."""


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled statement. `extra` holds the columns that this library gives no meaning to."""

    text: str
    label: str
    target: str = DEFAULT_TARGET
    context: str | None = None
    on_topic: bool | None = None
    id: str | None = None
    group: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def topic(self) -> bool | None:
        """Whether the statement concerns the target: taking a side says so, else `on_topic` does, if given."""
        return True if self.label != "neutral" else self.on_topic

    def row(self) -> dict[str, Any]:
        """Return what the classifier reads of it."""
        return {"text": self.text, "target": self.target, "context": self.context}

    def column(self, name: str) -> Any:
        """Return the value of any column, `None` where there is none."""
        return getattr(self, name) if name in self.__slots__ and name != "extra" else self.extra.get(name)


def read_labelled(source: Any, where: str | Sequence[str] | None = None) -> list[Example]:
    """Read a labelled set.

    Args:
        source: A path (or several), a DataFrame, a `datasets.Dataset` or a list of dicts. Columns `text` and `label` are
            required; `target`, `context`, `on_topic`, `id`, `group` are used where they exist; others stay in `extra`. A row
            with a list of `statements` is an article: each of its statements is one example, with its context.
        where: Conditions `column=value` or `column!=value` that a row must meet, all of them.

    Raises:
        InputError: At the first bad row, with its place; if an id occurs twice; or if no row is left.
    """
    examples: list[Example] = []
    seen: dict[str, str] = {}
    conditions = [condition(text) for text in ([where] if isinstance(where, str) else where or [])]
    for place, row in _statements(_sources(source)):
        if row.error:
            raise InputError(f"{place}: {row.error}")
        example = _example(row.values, place)
        if example.id is not None:
            if example.id in seen:
                raise InputError(f"{place}: expected each id once, found {example.id!r} again (first at {seen[example.id]})")
            seen[example.id] = place
        if all(holds(example.column) for holds in conditions):
            examples.append(example)
    if not examples:
        rows = f"rows where {' and '.join(where if not isinstance(where, str) else [where])}" if where else "labelled rows"
        raise InputError(f"{source if isinstance(source, str | Path) else 'data'}: expected {rows}, found none")
    return examples


def _statements(rows: Iterable[tuple[str, Row]]) -> Iterator[tuple[str, Row]]:
    """Put the statements of an article in its place."""
    for place, row in rows:
        if isinstance(row.values.get("statements"), list):
            from stance.quotes.context import marked_statements

            for number, values in enumerate(marked_statements(row.values), 1):
                yield f"{place}, statement {number}", Row(row.line, values)
        else:
            yield place, row


def _sources(source: Any) -> Iterator[tuple[str, Row]]:
    if isinstance(source, str | Path):
        for row in read_rows(source):
            yield f"{source}, line {row.line}", row
    elif isinstance(source, list | tuple) and source and isinstance(source[0], str | Path):
        for path in source:
            yield from _sources(path)
    else:
        if hasattr(source, "to_dict") and hasattr(source, "columns"):  # pandas.DataFrame
            source = source.to_dict("records")
        for number, values in enumerate(source):
            if not isinstance(values, Mapping):
                raise InputError(f"row {number}: expected a dict with text and label, found {type(values).__name__}")
            yield f"row {number}", Row(number, dict(values))


def _example(values: Mapping[str, Any], place: str) -> Example:
    for name in ("text", "label"):
        if name not in values:
            near = difflib.get_close_matches(name, [str(key) for key in values], n=1)
            hint = f"; rename {near[0]!r}?" if near else ""
            raise InputError(f"{place}: expected a column {name!r}, found {', '.join(map(str, values)) or 'none'}{hint}")
    text = values["text"]
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"{place}: expected a statement in 'text', found {_shown(text)}")
    try:
        label = normalize_label(values["label"])
        on_topic = _boolean(values.get("on_topic"))
    except InputError as error:
        raise InputError(f"{place}: {error}") from None
    if label != "neutral" and on_topic is False:
        raise InputError(f"{place}: expected on_topic true of a {label} row, found false; only neutral rows can be off topic")
    known = ("text", "label", "target", "context", "on_topic", "id", "group")
    return Example(
        text=text,
        label=label,
        target=_text(values.get("target")) or DEFAULT_TARGET,
        context=_text(values.get("context")),
        on_topic=on_topic,
        id=_text(values.get("id")),
        group=_text(values.get("group")),
        extra={str(key): value for key, value in values.items() if key not in known},
    )


def _text(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)) or not str(value).strip():
        return None
    return str(value)


def _boolean(value: Any) -> bool | None:
    text = _text(value)
    if text is None:
        return None
    if text.lower() in ("true", "1", "1.0", "yes"):
        return True
    if text.lower() in ("false", "0", "0.0", "no"):
        return False
    raise InputError(f"on_topic: expected true or false, found {text!r}")


def _shown(value: Any) -> str:
    return "an empty string" if isinstance(value, str) else f"{type(value).__name__} {value!r}"


def condition(text: str) -> Callable[[Callable[[str], Any]], bool]:
    """Read `column=value` or `column!=value` as a condition on a row, which is given as the function that returns its columns.

    Raises:
        InputError: If the text is no condition.
    """
    match = re.fullmatch(r"\s*([\w.-]+)\s*(!=|==?)\s*(.*?)\s*", text)
    if not match:
        raise InputError(f"where: expected column=value or column!=value, found {text!r}")
    name, operator, wanted = match.groups()

    def holds(column: Callable[[str], Any]) -> bool:
        value = column(name)
        equal = (str(value) if value is not None else "").lower() == wanted.lower()
        return equal if operator != "!=" else not equal

    return holds


# --- checking ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that `check` found: `severity` is `error` (it spoils results) or `note`."""

    severity: str
    message: str


def tokens(text: str) -> list[str]:
    """Return the lower-cased words of a text, as the checks on wording count them."""
    return re.findall(r"\w+", text.lower())


def check(files: Mapping[str, Sequence[Example]]) -> list[Finding]:
    """Check labelled sets that belong together, such as train, dev and test.

    Looks for texts and near-duplicates that stand in two files, groups that do, texts with two labels, near-duplicates outside a
    group, missing or rare labels, and labels that a statement's length gives away.

    Args:
        files: Examples by the name of their file.
    """
    findings: list[Finding] = []
    everything = [(name, example) for name, examples in files.items() for example in examples]
    findings += _duplicates(everything)
    homes: dict[str, set[str]] = defaultdict(set)
    for name, example in everything:
        if example.group is not None:
            homes[example.group].add(name)
    for group, names in homes.items():
        if len(names) > 1:
            findings.append(Finding("error", f"group {group!r} stands in {' and '.join(sorted(names))}"))
    for name, examples in files.items():
        findings += _balance(name, examples)
    return findings


def _duplicates(everything: Sequence[tuple[str, Example]]) -> Iterator[Finding]:
    for i, j, similarity in near_duplicates([example.text for _, example in everything]):
        (name_a, a), (name_b, b) = everything[i], everything[j]
        # The same words can mean something else in another order, after another context or towards another target.
        words = similarity == 1.0 and tokens(a.text) == tokens(b.text)
        same = words and a.context == b.context and a.target == b.target
        related = a.group is not None and a.group == b.group
        shown = f"{a.text[:60]!r}"
        if name_a != name_b:
            kind = "the same text" if words else f"near-duplicates ({similarity:.2f})"
            yield Finding("error", f"{kind} in {name_a} and {name_b}: {shown}")
        elif same and a.label != b.label:
            yield Finding("error", f"{name_a}: one text with two labels ({a.label}, {b.label}): {shown}")
        elif same:
            yield Finding("error", f"{name_a}: the same text twice: {shown}")
        elif not related:
            yield Finding("note", f"{name_a}: near-duplicates ({similarity:.2f}) outside a group: {shown}")


def near_duplicates(texts: Sequence[str], threshold: float = NEAR_DUPLICATE) -> Iterator[tuple[int, int, float]]:
    """Yield pairs (i, j, similarity) with i < j whose token sets have a Jaccard similarity above a threshold.

    Uses prefix filtering (Chaudhuri et al. 2006): with tokens in a fixed order, rarest first, two sets of similarity t share a
    token among the first |a| - ceil(t |a|) + 1 of each.
    """
    bags = [frozenset(tokens(text)) for text in texts]
    frequency = Counter(token for bag in bags for token in bag)
    index: dict[str, list[int]] = defaultdict(list)
    for j, bag in enumerate(bags):
        prefix = sorted(bag, key=lambda t: (frequency[t], t))[: len(bag) - math.ceil(threshold * len(bag)) + 1]
        for i in sorted({i for token in prefix for i in index[token]}):
            similarity = len(bags[i] & bag) / len(bags[i] | bag)
            if similarity > threshold:
                yield i, j, similarity
        for token in prefix:
            index[token].append(j)


def _balance(name: str, examples: Sequence[Example]) -> Iterator[Finding]:
    counts = Counter(example.label for example in examples)
    for label in LABELS:
        if counts[label] == 0:
            yield Finding("error", f"{name}: no {label} row")
        elif counts[label] < len(examples) / 10:
            yield Finding("note", f"{name}: only {counts[label]} of {len(examples)} rows are {label}")
    means = {
        label: sum(len(tokens(e.text)) for e in examples if e.label == label) / counts[label]
        for label in LABELS
        if counts[label] >= 20
    }
    if means and max(means.values()) > 1.3 * min(means.values()):
        shown = ", ".join(f"{label} {mean:.0f}" for label, mean in means.items())
        yield Finding("note", f"{name}: mean length in words differs by label ({shown}); a model may learn length")


def summary(examples: Iterable[Example]) -> dict[str, int]:
    """Count rows, labels, on-topic neutrals, rows with context, and groups."""
    rows = list(examples)
    counts = Counter(example.label for example in rows)
    return {
        "rows": len(rows),
        **{label: counts[label] for label in LABELS},
        "off topic": sum(example.on_topic is False for example in rows),
        "with context": sum(example.context is not None for example in rows),
        "groups": len({example.group for example in rows if example.group is not None}),
    }
