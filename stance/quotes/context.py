"""What a statement of an article is read with: the title, and the sentences before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stance.quotes.segments import END, Span, paragraphs, quotations, sentences

TITLE = 100  # most characters of a title; a longer first sentence is cut


class Surroundings:
    """The sentences of an article.

    Args:
        article: Its text.
    """

    def __init__(self, article: str) -> None:
        self.article = article
        self.paragraphs = paragraphs(article)
        self.quotations = [quotations(article, part) for part in self.paragraphs]
        self._sentences = [sentences(article, part, each) for part, each in zip(self.paragraphs, self.quotations, strict=True)]
        self._title = self._sentences[0][0] if self.paragraphs else Span(0, 0)

    def context(self, start: int) -> str:
        """Return what a statement that begins at `start` is read with.

        That is the title (the article's first sentence), and the two sentences before the statement in its paragraph or, where it
        begins one, the last of the paragraph before.
        """
        number = next((i for i, part in enumerate(self._sentences) if part[-1].end > start), len(self._sentences) - 1)
        before = [s for s in self._sentences[number] if s.end <= start][-2:]
        if not before and number:
            before = self._sentences[number - 1][-1:]
        title = " ".join(self._title.of(self.article).split())
        if self._title in before or start < self._title.end:
            title = ""
        elif len(title) > TITLE:
            title = title[:TITLE].rsplit(maxsplit=1)[0] + " …"
        elif title[-1:] not in (*END, *"”’\"'»“"):
            title += "."
        return " ".join([title, *(" ".join(s.of(self.article).split()) for s in before)]).strip()


def marked_statements(article: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the marked statements of an article of `data/articles` as rows of a labelled set, each with its context.

    Args:
        article: With `text`, and `statements` with `start`, `text`, `label`, `on_topic`, `speaker`, `form`.
    """
    surroundings = Surroundings(article["text"])
    for statement in article["statements"]:
        yield {**statement, "context": surroundings.context(statement["start"]), "group": article.get("id")}
