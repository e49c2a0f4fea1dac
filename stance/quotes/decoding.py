"""From token scores to statements: the likeliest sequence of tags, fitted to the article's quotation marks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stance.quotes.encoding import Tokens
from stance.quotes.segments import Quotation, Span

TAGS = ("O", "B-direct", "I-direct", "B-reported", "I-reported")
CUE = len(TAGS)
POINTER = 96
QUERY = slice(CUE + 1, CUE + 1 + POINTER)
KEY = slice(QUERY.stop, QUERY.stop + POINTER)
OUTPUTS = KEY.stop
"""What the model gives for each token: logits of `TAGS`; that it is part of a cue; what a statement looks for in its speaker, and
what a word that names one offers."""

CAUTION = 0.3  # added to the logit of no statement; of 0, 0.3, 0.6 and 1, what gave a high F1 on dev at a recall above 0.91
SOURCE, FEW = 90, 40  # most characters between two parts of one statement: with a source, or without any cue
_STOPS = '.!?…;:\n“”"«»„‘'
_FIRST_PERSON = re.compile(r"\b(?:we|We|us|our|Our|ours|my|My)\b|(?:^|[^\w\s]\s?|\b[a-z][\w’']*\s)I\b")  # no "World War I"
_FORBIDDEN = -1e9
_SMALL = frozenset("a an and at by for from in of on or the to with".split())
_STEP = np.zeros((len(TAGS), len(TAGS)))  # a statement goes on only where one of its form has begun
_STEP[0, [2, 4]] = _STEP[1:3, 4] = _STEP[3:5, 2] = _FORBIDDEN


@dataclass(frozen=True, slots=True)
class Found:
    """A statement's place in the article; `direct` or reported; whether it `follows` as the speech of whoever spoke last."""

    start: int
    end: int
    direct: bool
    follows: bool = False


def statements(scores: np.ndarray, tokens: Tokens) -> list[Found]:
    """Return the statements of the likeliest sequence of tags (Viterbi 1967); none reaches over a paragraph's end.

    Args:
        scores: Logits of `TAGS`, shape (tokens, 5).
        tokens: The article's tokens.
    """
    if not len(tokens):
        return []
    z = np.asarray(scores, dtype=np.float64)
    z = z - z.max(axis=1, keepdims=True)
    z -= np.log(np.exp(z).sum(axis=1, keepdims=True))
    z[:, 0] += CAUTION
    z[tokens.offsets[:, 0] == tokens.offsets[:, 1], 1:] = _FORBIDDEN
    best, back = z[0] + np.array([0, 0, _FORBIDDEN, 0, _FORBIDDEN]), np.zeros(z.shape, dtype=int)
    for i in range(1, len(z)):
        reached = best[:, None] + _STEP
        back[i] = reached.argmax(axis=0)
        best = reached.max(axis=0) + z[i]
    tag, tags = int(best.argmax()), np.zeros(len(z), dtype=int)
    for i in range(len(z) - 1, -1, -1):
        tags[i] = tag
        tag = back[i, tag]
    found: list[Found] = []
    for i, tag in enumerate(tags):
        start, end = map(int, tokens.offsets[i])
        if tag in (1, 3):
            found.append(Found(start, end, tag == 1))
        elif tag:
            found[-1] = Found(found[-1].start, end, found[-1].direct)
    return found


def join(article: str, found: Sequence[Found], cues: Sequence[tuple[int, int]]) -> list[Found]:
    """Make one of two reported parts of a sentence that a source between commas parts, or a few words without a cue.

    Args:
        article: Its text.
        found: Statements in order.
        cues: Start and end of the words that ascribe, in order.
    """
    joined: list[Found] = []
    for item in found:
        last = joined[-1] if joined else None
        if last is not None and not last.direct and not item.direct:
            gap = article[last.end : item.start]
            source = re.fullmatch(rf",\s[^{_STOPS}]{{3,{SOURCE}}},\s", gap)
            few = len(gap) <= FEW and not re.search(rf"[{_STOPS}]", gap)
            if source or (few and not any(start < item.start + FEW and end > last.end for start, end in cues)):
                joined[-1] = Found(last.start, item.end, False)
                continue
        joined.append(item)
    return joined


def spoken_paragraphs(
    article: str, parts: Sequence[Span], quoted: Sequence[Sequence[Quotation]], found: Sequence[Found]
) -> list[Found]:
    """Return the paragraph that goes on with a speech with neither quotation marks nor a cue, if there is one.

    It says "we" or "I" where no other paragraph does outside quotation marks, and follows one in which somebody speaks. In an
    interview or an essay, where many do, these words tell nothing.
    """
    first_person = []
    for number, (part, quotations) in enumerate(zip(parts, quoted, strict=True)):
        own, place = [], part.start
        for q in quotations:
            own.append(article[place : q.start])
            place = q.end
        if _FIRST_PERSON.search(" ".join([*own, article[place : part.end]])):
            first_person.append(number)
    if len(first_person) != 1 or first_person[0] == 0 or quoted[first_person[0]]:
        return []
    part, before = parts[first_person[0]], parts[first_person[0] - 1]
    if any(item.start < part.end and part.start < item.end for item in found):
        return []
    speech = any(before.start <= item.start < before.end for item in found)
    return [Found(part.start, part.end, True, follows=True)] if speech else []


def fit_to_marks(article: str, found: Sequence[Found], quotations: Sequence[Quotation]) -> list[Found]:
    """Move the borders of statements to the quotation marks and words that they all but reach.

    A direct statement that covers most of a quotation, or of several, gets the words between their marks. No border of a
    reported one parts a quotation: what is cut is taken in whole. Spaces, commas and dashes at its ends go.
    """
    fitted: list[Found] = []
    for item in found:
        start, end = item.start, item.end
        touched = [q for q in quotations if q.start < end and start < q.end]
        if item.direct:
            mostly = [q for q in touched if min(end, q.end) - max(start, q.start) > 0.6 * (q.end - q.start)]
            if mostly:
                start, end = mostly[0].inner.start, mostly[-1].inner.end
        else:
            for q in touched:
                start, end = min(start, q.start), max(end, q.end)
            whole = [q for q in touched if q.start <= start and end <= q.end]
            if whole:
                start, end = whole[0].inner.start, whole[0].inner.end
        previous = fitted[-1].end if fitted else 0
        start, end = _strip(article, *whole_words(article, max(start, previous), end))
        direct = item.direct or _inside(touched, start, end)
        spoken = any(q.inner.of(article)[-1:] in ".,!?…" for q in touched)
        if _says_something(article[start:end], direct, spoken, touched):
            fitted.append(Found(start, end, direct))
    return fitted


def _says_something(text: str, direct: bool, spoken: bool, touched: Sequence[Quotation]) -> bool:
    """Whether a span is more than a scrap of the tagger's, or the title of a book in quotation marks.

    What ends with a point or comma inside its marks (`spoken`) was said.
    """
    words = re.findall(r"\w+", text)
    if not words or not direct:
        return len(words) >= 2 or (bool(words) and bool(touched))
    weighty = [word for word in words if word.lower() not in _SMALL]
    title = 1 < len(words) <= 6 and not text.isupper() and all(word[0].isupper() for word in weighty) and bool(touched)
    return spoken or not title


def whole_words(article: str, start: int, end: int) -> tuple[int, int]:
    """Widen a span to the borders of words."""
    while 0 < start < len(article) and article[start - 1].isalnum() and article[start].isalnum():
        start -= 1
    while 0 < end < len(article) and article[end].isalnum() and article[end - 1].isalnum():
        end += 1
    return start, end


def _inside(quotations: Sequence[Quotation], start: int, end: int) -> bool:
    return any(q.start <= start and end <= q.end for q in quotations)


def _strip(article: str, start: int, end: int) -> tuple[int, int]:
    part = article[start:end]
    start += len(part) - len(part.lstrip(" \t\r\n,;:–—-"))
    return start, max(start, start + len(article[start:end].rstrip(" \t\r\n,;:–—-")))
