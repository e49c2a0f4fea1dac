"""Classifying a table row by row: which columns are added, and which rows are set aside."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stance.console import complain, progress
from stance.errors import InputError
from stance.labels import LABELS
from stance.predict import StanceClassifier
from stance.results import Prediction
from stance.tables import Row, RowWriter, read_rows, table_format

COLUMNS = ("stance", "score", *LABELS, "topic", "windows", "model")
CHUNK = 256


def good_rows(path: str) -> list[dict[str, Any]]:
    """Read a table whole.

    Raises:
        InputError: At the first bad row.
    """
    rows = []
    for row in read_rows(path):
        if row.error or "text" not in row.values:
            raise InputError(f"{path}, line {row.line}: {row.error or 'expected text'}; --output FILE sets such rows aside")
        rows.append(row.values)
    return rows


def output_columns(input: str, output: str, prefix: str, min_score: float | None) -> list[str] | None:
    """Refuse a clash before any work is done; return the columns of a file whose rows may have different ones."""
    kind = table_format(output)
    table_format(input)
    if output != "-" and input != "-" and Path(output).resolve() == Path(input).resolve():
        raise InputError(f"{output}: expected another file than the input; choose another name")
    added = [prefix + name for name in (*COLUMNS, *(["abstained"] if min_score is not None else []))]
    if input == "-":
        return None
    names: dict[str, None] = {}
    for row in read_rows(input):
        names |= dict.fromkeys(row.values)
        if table_format(input) != ".jsonl" and row.error is None:
            break  # the columns of a CSV or Parquet file are those of its first row
    _refuse_clash(names, added)
    if names and "text" not in names:
        raise InputError(f"{input}: expected a column 'text', found {', '.join(names)}; rename the one with the statements")
    return None if kind == ".jsonl" else [*names, *added]


def _refuse_clash(names: Any, added: list[str]) -> None:
    clash = [name for name in added if name in names]
    if clash:
        raise InputError(f"input: already has a column {clash[0]!r}; give the new columns a prefix, such as --prefix pred_")


def predict_table(
    classifier: StanceClassifier,
    input: str,
    output: str,
    columns: list[str] | None,
    prefix: str,
    target: str | None,
    min_score: float | None,
) -> int:
    """Classify a table row by row; return how many rows were set aside in the rejects file."""
    rejects_path = f"{output}.rejects.jsonl" if output != "-" else "-"
    rejects: list[dict[str, Any]] = []
    with RowWriter(output) as writer, progress() as bar:
        task = bar.add_task("predict", total=None)
        # A stream is answered row by row, so that a pipe never waits; a file is read ahead, so that batches can be sorted.
        for chunk in _chunks(read_rows(input), size=1 if input == "-" else CHUNK):
            good: list[Row] = []
            for row in chunk:
                reason = row.error
                if reason is None:
                    try:
                        if "text" not in row.values:
                            raise InputError(f"expected 'text', found {', '.join(row.values) or 'nothing'}")
                        classifier.windows(row.values, where="text")
                    except InputError as error:
                        reason = str(error)
                if reason is None:
                    good.append(row)
                else:
                    rejects.append({"line": row.line, "reason": reason, "row": row.values})
            rows = [{name: row.values.get(name) for name in ("text", "target", "context")} for row in good]
            if target is not None:
                rows = [row | {"target": target} for row in rows]
            for row, prediction in zip(good, classifier.predict(rows, min_score=min_score), strict=True):
                added = added_columns(prediction, prefix, min_score)
                _refuse_clash(row.values, list(added))
                values = {**row.values, **added}
                writer.write({name: values.get(name) for name in columns} if columns else values)
            bar.advance(task, len(chunk))
    if rejects:
        _set_aside(rejects, rejects_path, writer.rows)
    elif output != "-":
        Path(rejects_path).unlink(missing_ok=True)  # of an earlier run
    return len(rejects)


def _set_aside(rejects: list[dict[str, Any]], path: str, written: int) -> None:
    first = rejects[0]
    where = ""
    if path != "-":
        with RowWriter(path) as writer:
            for row in rejects:
                writer.write(row)
        where = f"; all are in {path}"
    complain(f"{len(rejects)} of {written + len(rejects)} rows rejected, first line {first['line']}: {first['reason']}{where}")


def _chunks(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    while chunk := list(itertools.islice(rows, size)):
        yield chunk


def added_columns(prediction: Prediction, prefix: str, min_score: float | None) -> dict[str, Any]:
    """Return the columns that a prediction adds to its row."""
    values = prediction.to_dict()
    names = (*COLUMNS, *(["abstained"] if min_score is not None else []))
    return {prefix + name: round(v, 6) if isinstance(v := values[name], float) else v for name in names}
