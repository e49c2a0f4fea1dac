"""Reading articles: text files, folders of them, tables with a column `text`, standard input; one at a time."""

from __future__ import annotations

import gzip
import re
import sys
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from stance.errors import InputError
from stance.tables import FORMATS, read_rows

TEXT = (".txt", ".txt.gz")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Article:
    """One article as read.

    Attributes:
        name: Its title or id where a table has one, else its file, and its line in a table.
        text: Its text; empty if it could not be read.
        error: Why it could not be read, or `None`.
    """

    name: str
    text: str
    error: str | None = None


def read_articles(sources: Iterable[str | Path]) -> Iterator[Article]:
    """Yield the articles of files and folders, in order, in constant memory; `-` is one article on standard input.

    An article that can not be read, or is blank, comes with its `error` set. Files that are no tables are read as text.

    Raises:
        InputError: If a file or folder is missing, before any is read; if a folder has no text, or a table no column `text`.
    """
    sources = list(sources)
    for source in sources:
        if str(source) != "-" and not Path(source).exists():
            raise InputError(f"{source}: expected a file or a folder, found none")
    for source in sources:
        if str(source) == "-":
            yield _decoded("standard input", sys.stdin.buffer.read())
            continue
        path = Path(source)
        if path.is_dir():
            files = sorted(file for file in path.rglob("*") if file.name.lower().endswith(TEXT) and file.is_file())
            if not files:
                raise InputError(f"{path}: expected a folder with {' or '.join(TEXT)} files, found none in it")
            for file in files:
                yield _text(file)
        elif Path(path.name.removesuffix(".gz")).suffix.lower() in FORMATS:
            yield from _table(path)
        else:
            yield _text(path)


def _text(path: Path) -> Article:
    try:
        data = path.read_bytes()
        return _decoded(str(path), gzip.decompress(data) if path.suffix.lower() == ".gz" else data)
    except (EOFError, zlib.error) as error:
        return Article(str(path), "", f"expected a gzipped text, found {error}")
    except OSError as error:
        return Article(str(path), "", error.strerror or str(error))


def _decoded(name: str, data: bytes) -> Article:
    """Decode UTF-8, with or without a byte order mark; line ends become one character, and offsets count from there."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = data[error.start]
        return Article(name, "", f"expected UTF-8 text, found the byte 0x{byte:02x} that is none; save it as UTF-8")
    return _checked(name, text.replace("\r\n", "\n").replace("\r", "\n"))


def _table(path: Path) -> Iterator[Article]:
    kind = Path(path.name.removesuffix(".gz")).suffix.lower()
    for number, row in enumerate(read_rows(path)):
        told = next((row.values[key] for key in ("title", "id") if row.values.get(key) not in (None, "")), None)
        name = f"{path}, line {row.line}" if told is None else str(told)
        text = row.values.get("text")
        if row.error is not None:
            yield Article(name, "", row.error)
        elif "text" not in row.values and (number == 0 or kind != ".jsonl"):
            raise InputError(f"{path}: expected a column 'text', found {', '.join(row.values)}; rename the one with the articles")
        elif not isinstance(text, str):
            yield Article(name, "", "expected text, found " + ("nothing" if text is None else type(text).__name__))
        else:
            yield _checked(name, text)


def _checked(name: str, text: str) -> Article:
    name, text = (_SURROGATE.sub("\ufffd", part) for part in (name, text))  # half a character, which no output can hold
    return Article(name, text, None if text.strip() else "expected text, found an empty article")
