"""What the command line prints: tables for people, progress, one-line complaints."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from stance.labels import LABELS
from stance.results import Prediction, Statement
from stance.tally import Tally


def show_predictions(rows: Sequence[Mapping[str, Any]], predictions: Sequence[Prediction]) -> None:
    """Print statements with their stance, and with speaker and context where the rows have them."""
    told = [name for name in ("speaker", "context") if any(row.get(name) for row in rows)]
    table = Table(*told, "statement", "stance", *LABELS, "topic", box=None, pad_edge=False)
    for row, prediction in zip(rows, predictions, strict=True):
        words = [Text(str(row.get(name) or "")) for name in (*told, "text")]
        numbers = [f"{prediction.scores[label]:.2f}" for label in LABELS]
        table.add_row(*words, prediction.label or "(abstained)", *numbers, f"{prediction.topic:.2f}")
    Console(width=None if sys.stdout.isatty() else 120 + 20 * len(told)).print(table)


def show_statements(statements: Sequence[Statement]) -> None:
    """Print the statements of an article."""
    table = Table("speaker", "stance", "score", "statement", box=None, pad_edge=False)
    for statement in statements:
        stance = statement.prediction.label or "(abstained)"
        words = [Text(" ".join(text.split())) for text in (statement.speaker or "(nobody named)", statement.text)]
        told = (stance, f"{statement.prediction.score:.2f}") if statement.on_topic else ("off topic", "")
        table.add_row(words[0], *told, words[1])
    Console(width=None if sys.stdout.isatty() else 140).print(table)


def show_speakers(tally: Tally) -> None:
    """Print the counts by speaker of many articles."""
    table = Table("speaker", *LABELS, "abstained", "off topic", box=None, pad_edge=False)
    for speaker in tally.speakers():
        counts = [str(speaker.counts[label]) for label in (*LABELS, "")]
        table.add_row(Text(speaker.name), *counts, str(speaker.off_topic))
    Console(width=None if sys.stdout.isatty() else 140).print(table)


def progress() -> Progress:
    """Return a progress bar on stderr, hidden where that is no terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True)


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(text + "\n")


def complain(message: str) -> None:
    """Print what went wrong to stderr, in one line."""
    sys.stderr.write(" ".join(f"stance: {message}".split()) + "\n")
