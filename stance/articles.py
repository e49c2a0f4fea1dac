"""Reading articles: text files, folders of them, tables with a column `text`, standard input; one at a time."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from stance.errors import InputError
from stance.tables import FORMATS, read_rows


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

    An article that can not be read, or is blank, comes with its `error` set.

    Raises:
        InputError: If a file or folder is missing, or is of no kind that is read.
    """
    for source in sources:
        if str(source) == "-":
            yield _checked("standard input", sys.stdin.read())
            continue
        path = Path(source)
        if path.is_dir():
            files = sorted(file for file in path.rglob("*.txt") if file.is_file())
            if not files:
                raise InputError(f"{path}: expected a folder with .txt files, found none in it")
            for file in files:
                yield _text(file)
        elif not path.is_file():
            raise InputError(f"{path}: expected a file or a folder, found none")
        elif Path(path.name.removesuffix(".gz")).suffix.lower() in FORMATS:
            yield from _table(path)
        else:
            yield _text(path)


def _text(path: Path) -> Article:
    try:
        return _checked(str(path), path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        return Article(str(path), "", f"expected UTF-8 text, found the byte 0x{byte:02x} that is none; save it as UTF-8")
    except OSError as error:
        return Article(str(path), "", error.strerror or str(error))


def _table(path: Path) -> Iterator[Article]:
    for row in read_rows(path):
        told = next((row.values[key] for key in ("title", "id") if row.values.get(key)), None)
        name = f"{path}, line {row.line}" if told is None else str(told)
        text = row.values.get("text")
        if row.error is not None:
            yield Article(name, "", row.error)
        elif "text" not in row.values:
            raise InputError(f"{path}: expected a column 'text', found {', '.join(row.values)}; rename the one with the articles")
        elif not isinstance(text, str):
            yield Article(name, "", "expected text, found " + ("nothing" if text is None else type(text).__name__))
        else:
            yield _checked(name, text)


def _checked(name: str, text: str) -> Article:
    return Article(name, text, None if text.strip() else "expected text, found an empty article")
