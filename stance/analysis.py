"""From articles to who said what, and where they stand: quote extraction joined to the classifier."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import overload

from stance.errors import InputError
from stance.predict import StanceClassifier, default_classifier, load
from stance.quotes import QuoteReader, load_reader
from stance.results import Statement


class Analyzer:
    """Reads articles with a quote reader and a classifier.

    Args:
        classifier: Default: the shipped one.
        reader: Default: the shipped one.
        target: What the stance is about; default: deploying Western troops to Ukraine.
        min_score: Abstain below this probability.
    """

    def __init__(
        self,
        classifier: StanceClassifier | None = None,
        reader: QuoteReader | None = None,
        *,
        target: str | None = None,
        min_score: float | None = None,
    ) -> None:
        self.classifier = classifier or default_classifier()
        self.reader = reader or _default_reader()
        self.target = target
        self.min_score = min_score

    def analyze(self, article: str) -> list[Statement]:
        """Return the attributed statements of one article, in order.

        Raises:
            InputError: If the article is no string or blank.
        """
        if not isinstance(article, str):
            raise InputError(f"article: expected a string, found {type(article).__name__}")
        if not article.strip():
            raise InputError("article: expected text, found an empty string")
        quotes = [quote for quote in self.reader.read(article) if any(map(str.isalnum, quote.text))]
        rows = [{"text": quote.text, "context": quote.context or None, "target": self.target} for quote in quotes]
        found = self.classifier.predict(rows, min_score=self.min_score)
        return [Statement(**q.to_dict(), prediction=p, reader=self.reader.info) for q, p in zip(quotes, found, strict=True)]

    def analyze_iter(self, articles: Iterable[str]) -> Iterator[list[Statement]]:
        """Yield the statements of each article of a stream, in constant memory."""
        return map(self.analyze, articles)


@cache
def _default_reader() -> QuoteReader:
    return load_reader()


@overload
def analyze(  # type: ignore[overload-overlap]  # a string is an iterable of strings, too
    article: str,
    *,
    model: str | Path | None = None,
    reader: str | Path | None = None,
    target: str | None = None,
    min_score: float | None = None,
) -> list[Statement]: ...
@overload
def analyze(
    article: Iterable[str],
    *,
    model: str | Path | None = None,
    reader: str | Path | None = None,
    target: str | None = None,
    min_score: float | None = None,
) -> list[list[Statement]]: ...
def analyze(
    article: str | Iterable[str],
    *,
    model: str | Path | None = None,
    reader: str | Path | None = None,
    target: str | None = None,
    min_score: float | None = None,
) -> list[Statement] | list[list[Statement]]:
    """Find who says what in an article, and where they stand.

    Args:
        article: Plain text, paragraphs apart by blank lines or one a line; or many of them.
        model: The classifier: a model folder or hub id; default: the shipped one.
        reader: The quote reader's folder; default: the shipped one.
        target: What the stance is about; default: deploying Western troops to Ukraine.
        min_score: Abstain below this probability.

    Returns:
        The attributed statements, in order; for many articles, a list for each.

    Raises:
        InputError: If an article is no string or blank.
    """
    classifier = load(model) if model is not None else None
    quotes = load_reader(reader) if reader is not None else None
    analyzer = Analyzer(classifier, quotes, target=target, min_score=min_score)
    return analyzer.analyze(article) if isinstance(article, str) else list(analyzer.analyze_iter(article))
