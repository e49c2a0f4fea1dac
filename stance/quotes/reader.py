"""Reading an article: a small transformer finds its statements and, for each, points at the words that name its speaker."""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_left
from itertools import pairwise
from pathlib import Path

import numpy as np

from stance.backends import Backend
from stance.errors import StanceError
from stance.modelfolder import SHIPPED, TOKENIZER, fingerprint, verified_file
from stance.quotes.context import Surroundings
from stance.quotes.decoding import (
    CUE,
    KEY,
    POINTER,
    QUERY,
    TAGS,
    Found,
    fit_to_marks,
    join,
    spoken_paragraphs,
    statements,
    whole_words,
)
from stance.quotes.encoding import SECTION, ArticleEncoder, Tokens
from stance.quotes.people import COMMON, TITLES, People, Person
from stance.quotes.segments import Quotation
from stance.results import ModelInfo, Quote
from stance.version import __version__

META_FILE = "quotes.json"
BATCH = 8
AFTER = 60  # tokens behind a statement that are enough to see who said it
EDGE = 32  # tokens from a section's border on which a tag counts in full
SURE = 0.2  # least probability of a speaker; below it, who spoke last goes on
PART = 0.1  # of the best token's probability that a neighbour needs to belong to the same description
DETERMINERS = frozenset("the a an his her its their this that one another".split())
NEAR = 120  # characters between a statement and the words that ascribe it
_PLACE = re.compile(r"\s(?:of|in|at|from)\s(?:the\s)?[^\W\d_a-z][\w’'-]+(?:\s[^\W\d_a-z][\w’'-]+)*")
_NO_MODIFIER = COMMON | DETERMINERS | frozenset("said says told asked quoted it is was has had".split())
_SEPARATES = re.compile(r"[.!?;:“”\"]|\b(?:said|says|told)\b")


class QuoteReader:
    """Finds the attributed statements of articles.

    Args:
        encoder: For the model's tokenizer.
        backend: Gives logits of shape (rows, tokens, `OUTPUTS`).
        info: Which model this is.
    """

    def __init__(self, encoder: ArticleEncoder, backend: Backend, info: ModelInfo) -> None:
        self.encoder = encoder
        self.backend = backend
        self.info = info

    def read(self, article: str) -> list[Quote]:
        """Return the statements of an article, in order; `article[q.start:q.end] == q.text`, and none overlap.

        Args:
            article: Plain text, paragraphs apart by blank lines or one a line.
        """
        tokens = self.encoder.encode(article)
        if not len(tokens):
            return []
        sections = self.encoder.sections(len(tokens))
        outputs = self._outputs(tokens, sections)
        scores = _blend(sections, outputs, len(tokens))
        surroundings = Surroundings(article)
        marks = surroundings.quotations
        cues = _cue_runs(tokens, scores[:, CUE])
        found = join(article, statements(scores[:, : len(TAGS)], tokens), cues)
        found = fit_to_marks(article, found, [q for each in marks for q in each])
        found = [item for item in found if tokens.within(item.start, item.end).any()]
        found = sorted([*found, *spoken_paragraphs(article, surroundings.paragraphs, marks, found)], key=lambda item: item.start)
        people = People(article)
        partners = _partners(article, people)
        quotes: list[Quote] = []
        last: tuple[str, Person | None] = ("", None)
        for item, points in zip(found, (_point(tokens, sections, outputs, item) for item in found), strict=True):
            if not item.follows:
                last = _speaker(article, tokens, points, people, partners, item) or last
            name, person = last
            form = "direct" if item.direct else "mixed" if _holds_quotation(item, marks) else "reported"
            cue = _cue(article, cues, item)
            context = surroundings.context(item.start)
            quotes.append(
                Quote(name, person.role if person else "", article[item.start : item.end], item.start, item.end, form, cue, context)
            )
        return quotes

    def _outputs(self, tokens: Tokens, sections: list[slice]) -> list[np.ndarray]:
        """Return the model's outputs for each section, of shape (1 + tokens, outputs): the start token's come first."""
        out: list[np.ndarray] = []
        for start in range(0, len(sections), BATCH):
            batch = sections[start : start + BATCH]
            logits = self.backend.logits(self.encoder.pad([tokens.section(part) for part in batch]))
            out += [logits[row, : 1 + part.stop - part.start] for row, part in enumerate(batch)]
        return out


def _blend(sections: list[slice], outputs: list[np.ndarray], count: int) -> np.ndarray:
    """Return the logits of tags and cue of each token: the mean over its sections, their borders counting less."""
    total, weight = np.zeros((count, CUE + 1)), np.zeros((count, 1))
    for part, logits in zip(sections, outputs, strict=True):
        n = part.stop - part.start
        w = np.minimum(np.arange(1, n + 1), np.arange(n, 0, -1)).clip(max=EDGE)[:, None]
        total[part] += w * logits[1:, : CUE + 1]
        weight[part] += w
    result: np.ndarray = total / weight
    return result


def _point(tokens: Tokens, sections: list[slice], outputs: list[np.ndarray], item: Found) -> tuple[np.ndarray, np.ndarray]:
    """Return the places around a statement, and the probability of each that it names the speaker; the rest: none there does."""
    inside = np.flatnonzero(tokens.within(item.start, item.end))
    first, last = int(inside[0]), int(inside[-1]) + 1

    def room(number: int) -> tuple[int, int]:
        part = sections[number]
        held = min(last, part.stop) - max(first, part.start)
        return held, min(first - part.start, SECTION - AFTER) + min(part.stop - last, AFTER)

    best = max(range(len(sections)), key=room)
    part, logits = sections[best], outputs[best].astype(np.float64)
    query = logits[1 + max(first, part.start) - part.start : 1 + min(last, part.stop) - part.start, QUERY].mean(axis=0)
    z = logits[:, KEY] @ query / math.sqrt(POINTER)
    e = np.exp(z - z.max())
    return np.arange(part.start, part.stop), e[1:] / e.sum()


def _speaker(
    article: str,
    tokens: Tokens,
    points: tuple[np.ndarray, np.ndarray],
    people: People,
    partners: list[tuple[Person, Person]],
    item: Found,
) -> tuple[str, Person | None] | None:
    """Return the person whose mentions got most, or the words that got most where they name nobody; `None` if nothing got much."""
    positions, p = points
    spans = tokens.offsets[positions]
    share: dict[Person, float] = {}
    named = np.zeros(len(p), dtype=bool)
    first, last = (bisect_left(people.mentions, int(edge), key=lambda m: m.start) for edge in (spans[0, 0], spans[-1, 1]))
    for mention in people.mentions[max(0, first - 1) : last]:
        here = (spans[:, 0] < mention.end) & (spans[:, 1] > mention.start) & (spans[:, 1] > spans[:, 0])
        share[mention.person] = share.get(mention.person, 0.0) + float(p[here].sum())
        named |= here
    rest = np.where(named, 0.0, p)
    if item.direct:  # nobody calls himself by the words that he says
        rest = np.where((spans[:, 0] >= item.start) & (spans[:, 1] <= item.end), 0.0, rest)
    first = last = int(rest.argmax())
    while first > 0 and rest[first - 1] > PART * rest.max():
        first -= 1
    while last + 1 < len(rest) and rest[last + 1] > PART * rest.max():
        last += 1
    described = float(rest[first : last + 1].sum())
    nobody = 1.0 - float(p.sum())
    best = max(share, key=lambda person: share[person], default=None)
    if best is not None and share[best] >= max(described, nobody, SURE):
        both = re.search(r"\bboth\b", article[max(0, item.start - NEAR) : item.end + NEAR // 2], re.I) is not None
        return _with_partner(partners, share, best, both), best
    words = _description(article, *whole_words(article, int(spans[first, 0]), int(spans[last, 1])))
    return (words, None) if described >= max(nobody, SURE) and words else None


def _partners(article: str, people: People) -> list[tuple[Person, Person]]:
    """Return the pairs of persons that the article joins: "Anna Kos, the mayor, and Jan Wilk said"."""
    pairs = []
    for one, two in pairwise(people.mentions):
        between = article[one.end : two.start] if two.start - one.end < NEAR else ""
        if one.person is not two.person and re.search(r"\band\b", between) and not _SEPARATES.search(between):
            pairs.append((one.person, two.person))
    return pairs


def _with_partner(partners: list[tuple[Person, Person]], share: dict[Person, float], best: Person, both: bool) -> str:
    """Return the name, or two if the model points at both and the article says "both" or joins them."""
    if both:
        second = max((person for person in share if person is not best), key=lambda person: share[person], default=best)
        if share[second] > SURE / 2 and second is not best:
            return f"{best.name}; {second.name}"
    for pair in partners:
        if best in pair and min(share.get(person, 0.0) for person in pair) > SURE / 2:
            return "; ".join(person.name for person in pair)
    return best.name


def _description(article: str, start: int, end: int) -> str:
    """Return the words that describe an unnamed speaker, or nothing if they are a scrap."""
    while (more := re.match(r"\s(\w+)", article[end:])) and more.group(1) in TITLES:
        end += more.end()  # "the Russian presidential spokesman": all of it
    if place := _PLACE.match(article, end):
        end = place.end()
    for _ in range(4):  # the model points at "ministry" of "the French defence ministry"
        before = re.search(r"([^\W_][\w’'-]*)[ -]$", article[max(0, start - 40) : start])
        if before is None or before.group(1).lower() in _NO_MODIFIER:
            break
        start -= len(before.group())
    text = " ".join(article[start:end].split())
    words = re.sub(r"^(?:the|a|an|one|another)\s+", "", text, flags=re.I).strip(" ,.;:’'\"“”«»‘")
    before = re.search(r"([\w’']+)\s+$", article[max(0, start - 20) : start])
    determined = text != words or (before is not None and before.group(1).lower() in DETERMINERS)
    scrap = " " not in words and words.islower() and not words.endswith("s") and not determined
    return "" if scrap or not re.search(r"\w", words) else words


def _cue_runs(tokens: Tokens, scores: np.ndarray) -> list[tuple[int, int]]:
    """Return the start and end of each run of tokens that are likelier than not a cue."""
    likely = np.flatnonzero((scores > 0) & (tokens.offsets[:, 1] > tokens.offsets[:, 0]))
    runs = np.split(likely, np.flatnonzero(np.diff(likely) > 1) + 1) if len(likely) else []
    return [(int(tokens.offsets[run[0], 0]), int(tokens.offsets[run[-1], 1])) for run in runs]


def _cue(article: str, runs: list[tuple[int, int]], item: Found) -> str:
    """Return the nearest cue in the statement's line."""
    best, least = "", NEAR + 1
    near = slice(*(bisect_left(runs, (edge, 0)) for edge in (item.start - 2 * NEAR, item.end + 2 * NEAR)))
    for start, end in runs[near]:
        distance = 0 if item.start <= start < item.end else max(item.start - end, start - item.end)
        if distance < least and "\n" not in article[min(end, item.end) : max(start, item.start)]:
            best, least = article[slice(*whole_words(article, start, end))], distance
    return " ".join(best.split())


def _holds_quotation(item: Found, marks: list[list[Quotation]]) -> bool:
    return any(item.start <= q.start and q.end <= item.end for each in marks for q in each)


def load_reader(folder: str | Path | None = None) -> QuoteReader:
    """Load a quote reader.

    Args:
        folder: A folder that `stance.quotes.training` wrote; default: the shipped one.

    Raises:
        StanceError: If the folder is incomplete or its weights are not those that `quotes.json` describes.
    """
    from stance.backends.onnx import OnnxBackend

    folder = Path(folder) if folder is not None else SHIPPED / "quotes"
    path = folder / META_FILE
    if not path.is_file():
        raise StanceError(f"{folder}: expected a quote reader's folder with {META_FILE}, found none; train one with 'make quotes'")
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        digests, name = dict(about["sha256"]), str(about["name"])
    except (ValueError, TypeError, KeyError) as error:
        raise StanceError(f"{path}: expected the description of a quote reader, found {error!r}; copy the folder again") from None
    encoder = ArticleEncoder(verified_file(folder, digests, TOKENIZER))
    return QuoteReader(encoder, OnnxBackend(folder, digests), ModelInfo(name, fingerprint(digests), __version__))
