"""From an article to token ids, in overlapping sections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stance.encoding import open_tokenizer
from stance.errors import StanceError
from stance.quotes.segments import paragraphs

SECTION = 510  # tokens read at a time, what an encoder of BERT's kind takes beside its start token; sections overlap by half


@dataclass(frozen=True)
class Tokens:
    """An article's tokens.

    Attributes:
        ids: Shape (tokens,).
        capitals: 1 for tokens of words that begin with a capital letter, shape (tokens,); the ids know small letters only.
        offsets: Start and end of each token in the article, shape (tokens, 2); a paragraph's end is a token of no width.
    """

    ids: np.ndarray
    capitals: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def section(self, part: slice) -> tuple[np.ndarray, np.ndarray]:
        """Return the ids and capitals of a section."""
        return self.ids[part], self.capitals[part]

    def within(self, start: int, end: int) -> np.ndarray:
        """Return which tokens have a part in the article's `[start, end)`, shape (tokens,)."""
        first, last = self.offsets[:, 0], self.offsets[:, 1]
        result: np.ndarray = (first < end) & (last > start) & (last > first)
        return result


class ArticleEncoder:
    """Encodes articles for one tokenizer.

    Args:
        tokenizer_file: A `tokenizer.json`; its own truncation and padding are switched off.
    """

    def __init__(self, tokenizer_file: Path) -> None:
        self.tokenizer = open_tokenizer(tokenizer_file)
        special = [self.tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]")]
        if None in special:
            raise StanceError(f"{tokenizer_file}: expected a tokenizer of BERT's kind, found one without [CLS] and [SEP]")
        self._start, self._end = (int(i) for i in special if i is not None)

    def encode(self, article: str) -> Tokens:
        """Encode an article paragraph by paragraph, each closed by the separator token."""
        ids: list[int] = []
        capitals: list[bool] = []
        offsets: list[tuple[int, int]] = []
        for paragraph in paragraphs(article):
            text = paragraph.of(article).encode("utf-8", "replace").decode("utf-8")  # a lone surrogate would stop the tokenizer
            encoding = self.tokenizer.encode(text, add_special_tokens=False)
            ids += [*encoding.ids, self._end]
            starts = [start for start, _ in encoding.offsets]
            for number, word in enumerate(encoding.word_ids):
                begins = number == 0 or word != encoding.word_ids[number - 1]
                capitals.append(text[starts[number]].isupper() if begins else capitals[-1])
            capitals.append(False)
            offsets += [(start + paragraph.start, end + paragraph.start) for start, end in encoding.offsets]
            offsets.append((paragraph.end, paragraph.end))
        return Tokens(
            np.array(ids, dtype=np.int64), np.array(capitals, dtype=np.int64), np.array(offsets, dtype=np.int64).reshape(-1, 2)
        )

    @staticmethod
    def sections(count: int) -> list[slice]:
        """Return overlapping sections that cover `count` tokens."""
        return [slice(start, min(count, start + SECTION)) for start in range(0, max(1, count - SECTION // 2), SECTION // 2)]

    def pad(self, rows: Sequence[tuple[np.ndarray, np.ndarray]]) -> dict[str, np.ndarray]:
        """Stack rows of ids and capitals as int64 arrays of shape (rows, longest + 1), each after the start token."""
        shape = len(rows), 1 + max(len(ids) for ids, _ in rows)
        arrays = {name: np.zeros(shape, dtype=np.int64) for name in ("input_ids", "attention_mask", "token_type_ids")}
        arrays["input_ids"][:, 0] = self._start
        for row, (ids, capitals) in enumerate(rows):
            arrays["input_ids"][row, 1 : len(ids) + 1] = ids
            arrays["token_type_ids"][row, 1 : len(ids) + 1] = capitals
            arrays["attention_mask"][row, : len(ids) + 1] = 1
        return arrays
