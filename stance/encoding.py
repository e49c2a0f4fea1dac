"""From (target, statement, context) to token ids: the input template and the windows over long texts.

Training, both backends and calibration encode through this one class, so they can not disagree about the input.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from stance.errors import InputError, StanceError

CONTEXT_TEMPLATE = "{context} >> {text}"
"""How a statement and the sentences before it share the second segment of the pair."""

_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’»)\]]*\s+|\n+")


@dataclass(frozen=True, slots=True)
class Window:
    """Token ids of one (target, part of a statement) pair, special tokens included."""

    ids: list[int]
    type_ids: list[int]


def open_tokenizer(file: Path) -> Tokenizer:
    """Open a `tokenizer.json`, with its own truncation and padding switched off.

    Raises:
        StanceError: If the file is no tokenizer.
    """
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the Rust side raises bare Exception
        raise StanceError(f"{file}: expected a tokenizer, found {error}") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True  # "</s>" typed by a user is text, not markup
    return tokenizer


class PairEncoder:
    """Encodes pairs for one tokenizer.

    Args:
        tokenizer_file: A `tokenizer.json`; its own truncation and padding are switched off.
        window: Most tokens of a statement (with its context) in one window.
        context_tokens: Most tokens of context; a longer one keeps its end, next to the statement.
    """

    def __init__(self, tokenizer_file: Path, *, window: int = 128, context_tokens: int = 64) -> None:
        self.tokenizer = open_tokenizer(tokenizer_file)
        self.window = window
        self.context_tokens = context_tokens
        self.pad_id = next((i for t in ("<pad>", "[PAD]") if (i := self.tokenizer.token_to_id(t)) is not None), 0)
        self._target_length = lru_cache(maxsize=256)(self._count)

    def windows(self, target: str, text: str, context: str | None = None) -> list[Window]:
        """Encode one statement as one pair, or as overlapping ones where it is longer than a window.

        Nothing of the statement and the target is dropped. The context goes with the first window; later ones have the
        overlap as their context.

        Raises:
            InputError: If the text holds nothing that the tokenizer can read (only control characters, say).
        """
        parts = self._split(text)
        if not parts:
            raise InputError("expected a statement, found no readable character; drop the row")
        if context and context.strip():
            parts[0] = CONTEXT_TEMPLATE.format(context=self._tail(context.strip()), text=parts[0])
        encodings = self.tokenizer.encode_batch([(target, part) for part in parts])
        return [Window(encoding.ids, encoding.type_ids) for encoding in encodings]

    def unknown_share(self, text: str) -> float:
        """Share of a text's tokens that the vocabulary does not have: high for other scripts."""
        tokens = self.tokenizer.encode(text, add_special_tokens=False).tokens
        return sum(token in ("[UNK]", "<unk>") for token in tokens) / max(len(tokens), 1)

    def pad(self, windows: Sequence[Window]) -> dict[str, np.ndarray]:
        """Stack windows as int64 arrays of shape (windows, longest): input_ids, attention_mask, token_type_ids."""
        longest = max(len(window.ids) for window in windows)
        ids = np.full((len(windows), longest), self.pad_id, dtype=np.int64)
        mask = np.zeros((len(windows), longest), dtype=np.int64)
        types = np.zeros((len(windows), longest), dtype=np.int64)
        for row, window in enumerate(windows):
            n = len(window.ids)
            ids[row, :n], mask[row, :n], types[row, :n] = window.ids, 1, window.type_ids
        return {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}

    def _count(self, text: str) -> int:
        return len(self.tokenizer.encode(text, add_special_tokens=False))

    def _tail(self, context: str) -> str:
        encoding = self.tokenizer.encode(context, add_special_tokens=False)
        if len(encoding) <= self.context_tokens:
            return context
        start = encoding.offsets[-self.context_tokens][0]
        while start > 0 and not context[start - 1].isspace():  # never begin within a word
            start -= 1
        return context[start:]

    def _split(self, text: str) -> list[str]:
        """Cut a text into overlapping windows of whole sentences, each at most `window` tokens."""
        text = text.strip()
        total = self._count(text)
        if total == 0:
            return []
        if total <= self.window:
            return [text]
        sentences = [piece for piece in self._sentences(text)]
        windows, first = [], 0
        while first < len(sentences):
            last, length = first, 0
            while last < len(sentences) and length + sentences[last][2] <= self.window:
                length += sentences[last][2]
                last += 1
            windows.append(text[sentences[first][0] : sentences[last - 1][1]])
            if last == len(sentences):
                break
            # Step back by about half a window, always forward by at least one sentence.
            back, overlap = last, 0
            while back - 1 > first and overlap + sentences[back - 1][2] <= self.window // 2:
                back -= 1
                overlap += sentences[back][2]
            first = back
        return windows

    def _sentences(self, text: str) -> list[tuple[int, int, int]]:
        """Return (start, end, tokens) of each sentence; one longer than half a window is cut between words."""
        cuts = [0, *(match.end() for match in _SENTENCE_END.finditer(text)), len(text)]
        pieces: list[tuple[int, int, int]] = []
        for start, end in itertools.pairwise(cuts):
            encoding = self.tokenizer.encode(text[start:end], add_special_tokens=False)
            if len(encoding) == 0:
                continue
            limit = self.window // 2
            if len(encoding) <= limit:
                pieces.append((start, end, len(encoding)))
                continue
            begin = 0
            while begin < len(encoding):
                stop = min(begin + limit, len(encoding))
                if stop < len(encoding):  # move back to the start of a word, if the word is no monster itself
                    word = encoding.word_ids
                    cut = stop
                    while cut > begin + 1 and word[cut] == word[cut - 1]:
                        cut -= 1
                    stop = cut if cut > begin + 1 else stop
                left = encoding.offsets[begin][0]
                right = encoding.offsets[stop][0] if stop < len(encoding) else end - start
                pieces.append((start + left, start + right, stop - begin))
                begin = stop
        return pieces
