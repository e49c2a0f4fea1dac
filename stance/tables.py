"""Reading and writing rows: JSON lines, CSV, TSV, Parquet, by the ending of the file's name; gzipped text is read, too."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import os
import sys
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from stance.errors import InputError, require

FORMATS = (".jsonl", ".csv", ".tsv", ".parquet")
PARQUET_BATCH = 1024


@dataclass(frozen=True, slots=True)
class Row:
    """One row as read.

    Attributes:
        line: Its line in a text file (the header is line 1), or its number in a Parquet file, from 1.
        values: Its columns.
        error: Why it could not be read, or `None`.
    """

    line: int
    values: dict[str, Any] = field(default_factory=dict)
    error: str | None = None


def table_format(path: str | Path) -> str:
    """Return the format that a file's ending names; `-` is JSON lines.

    Raises:
        InputError: If the ending is none of `FORMATS`.
    """
    if str(path) == "-":
        return ".jsonl"
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise InputError(f"{path}: expected a file ending in {', '.join(FORMATS)}, found {suffix or 'no ending'}")
    return suffix


def read_rows(path: str | Path) -> Iterator[Row]:
    """Yield the rows of a file, in constant memory; `-` reads JSON lines from standard input.

    A line that is no JSON object, or a CSV row of another width, comes as a `Row` with its `error` set. A file that can not
    be read at all raises.

    Raises:
        InputError: If the file is missing, not UTF-8, has no header, or is no whole Parquet file.
    """
    zipped = Path(path).suffix.lower() == ".gz"
    kind = table_format(Path(path).with_suffix("") if zipped else path)
    if str(path) == "-":
        yield from _read_jsonl(sys.stdin, "standard input")
        return
    if not Path(path).is_file():
        raise InputError(f"{path}: expected a file, found {'a folder' if Path(path).is_dir() else 'none'}")
    if kind == ".parquet":
        yield from _read_parquet(Path(path))
        return
    opener: Any = gzip.open if zipped else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
        try:
            yield from _read_jsonl(file, path) if kind == ".jsonl" else _read_csv(file, path, kind)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise InputError(f"{path}: expected a whole gzip file, found {error}; copy it again") from None
        except UnicodeDecodeError as error:
            raise InputError(
                f"{path}: expected UTF-8, found the byte 0x{error.object[error.start]:02x} that is none; save the file as UTF-8"
            ) from None


def _read_jsonl(file: TextIO, path: str | Path) -> Iterator[Row]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Row(number, error=f"expected a JSON object, found {error}")
            continue
        if isinstance(values, dict):
            yield Row(number, values)
        else:
            yield Row(number, error=f"expected a JSON object, found {type(values).__name__}")


def _read_csv(file: TextIO, path: str | Path, kind: str) -> Iterator[Row]:
    header = file.readline()
    if not header.strip():
        raise InputError(f"{path}: expected a header line with the column names, found an empty file or line")
    delimiter = "\t" if kind == ".tsv" else (";" if header.count(";") > header.count(",") else ",")
    columns = next(csv.reader(io.StringIO(header), delimiter=delimiter))
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise InputError(f"{path}: expected each column once, found {', '.join(map(repr, twice))} more than once")
    csv.field_size_limit(10**9)
    reader = csv.reader(file, delimiter=delimiter)
    start = 2
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(start, error=f"expected a row of {len(columns)} cells, found {error}")
            start = reader.line_num + 2
            continue
        line, start = start, reader.line_num + 2
        if not cells:
            continue
        if len(cells) != len(columns):
            yield Row(line, error=f"expected {len(columns)} cells, found {len(cells)}")
        else:
            yield Row(line, dict(zip(columns, cells, strict=True)))


def _read_parquet(path: Path) -> Iterator[Row]:
    parquet = require("pyarrow.parquet", "tables")
    arrow = require("pyarrow", "tables")
    try:
        number = 0
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(PARQUET_BATCH):
                for values in batch.to_pylist():
                    number += 1
                    yield Row(number, values)
    except (arrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise InputError(f"{path}: expected a whole Parquet file, found {reason}; copy or write it again") from None


class RowWriter:
    """Writes rows to a file that appears under its name only when whole; `-` writes JSON lines to standard output.

    Use as a context manager: on an error the unfinished file is removed and an older one of that name stays as it was.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = path
        self.kind = table_format(path)
        self.rows = 0
        self._buffer: list[dict[str, Any]] = []
        self._parquet: Any = None
        self._csv: Any = None
        self._columns: list[str] = []
        self._file: Any = None
        self._temporary: Path | None = None

    def __enter__(self) -> RowWriter:
        if str(self.path) == "-":
            self._file = sys.stdout
            return self
        if self.kind == ".parquet":
            require("pyarrow.parquet", "tables")
        folder = Path(self.path).parent
        try:
            handle, name = tempfile.mkstemp(prefix=f".{Path(self.path).name}.", suffix=".partial", dir=folder)
        except OSError as error:
            raise InputError(f"{self.path}: expected a folder that can be written, found {error.strerror}") from None
        self._temporary = Path(name)
        mode: dict[str, Any] = {"mode": "wb"} if self.kind == ".parquet" else {"mode": "w", "encoding": "utf-8", "newline": ""}
        self._file = os.fdopen(handle, **mode)
        return self

    def write(self, row: dict[str, Any]) -> None:
        """Add one row. CSV and Parquet take the columns of their first row (of the first thousand) and no others later."""
        self.rows += 1
        if self.kind == ".jsonl":
            self._file.write(json.dumps(_plain(row), ensure_ascii=False, allow_nan=False) + "\n")
            if self._file is sys.stdout:
                self._file.flush()
        elif self.kind == ".parquet":
            self._buffer.append(row)
            if len(self._buffer) >= PARQUET_BATCH:
                self._flush_parquet()
        else:
            if self._csv is None:
                self._columns = list(row)
                self._csv = csv.writer(self._file, delimiter="\t" if self.kind == ".tsv" else ",", lineterminator="\n")
                self._csv.writerow(self._columns)
            self._csv.writerow([_cell(row.get(name)) for name in self._columns])

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._temporary is None:
            return
        try:
            if kind is None and self.kind == ".parquet":
                self._flush_parquet()
        finally:
            if self._parquet is not None:
                self._parquet.close()
            self._file.close()
            if kind is not None:
                self._temporary.unlink(missing_ok=True)
        if kind is None:
            os.chmod(self._temporary, 0o666 & ~_umask())  # mkstemp makes it private; a result is an ordinary file
            os.replace(self._temporary, self.path)

    def _flush_parquet(self) -> None:
        import pyarrow
        import pyarrow.parquet

        if self._parquet is None:
            table = pyarrow.Table.from_pylist(self._buffer)
            self._parquet = pyarrow.parquet.ParquetWriter(self._file, table.schema)
        else:
            table = pyarrow.Table.from_pylist(self._buffer, schema=self._parquet.schema)
        self._parquet.write_table(table)
        self._buffer = []


def write_rows(path: str | Path, rows: Iterable[dict[str, Any]]) -> int:
    """Write rows to a file and return their number; see `RowWriter`."""
    with RowWriter(path) as writer:
        for row in rows:
            writer.write(row)
    return writer.rows


def _plain(value: Any) -> Any:
    """Make a cell fit for JSON: NaN is null, dates and other objects their text."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)


def _cell(value: Any) -> Any:
    """Make a cell fit for CSV: nothing for null, JSON for lists and objects."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(_plain(value), ensure_ascii=False) if isinstance(value, dict | list | tuple) else value


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
