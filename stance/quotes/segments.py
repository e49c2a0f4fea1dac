"""Where an article's paragraphs, sentences and quotation marks are: offsets into the caller's string, nothing is changed."""

from __future__ import annotations

import re
from dataclasses import dataclass

CLOSERS = {"“": "”", "”": "”", "„": "“”", "«": "»", "»": "«", "‹": "›", "›": "‹", "‘": "’", "‚": "‘’", '"': '"', "'": "'"}
"""By opening mark, the marks that close it."""
MARKS = "".join(dict.fromkeys("".join(k + v for k, v in CLOSERS.items())))
END = ".!?…"
_BREAK = re.compile(rf"(?<=[{END}])[{re.escape(MARKS)})\]]*\s+(?=[^\sa-z])")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(“\"‘'])(?:[A-Z]|[A-Z]\.[A-Z]|Mr|Mrs|Ms|Dr|Prof|Gen|Lt|Col|Maj|Capt|Sgt|Cpl|Brig|Adm|Sen|Rep|Gov|Pres|Hon|Rev|St|Jr|Sr|vs|"
    r"No|Nos|Art|ca|approx|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|[ap]\.m|e\.g|i\.e|cf|Mt|Ft|Messrs|Mme|Dipl|Ing|Inc|Ltd|Co|Corp)\.$"
)


@dataclass(frozen=True, slots=True)
class Span:
    """Offsets `[start, end)` into the article."""

    start: int
    end: int

    def of(self, text: str) -> str:
        """Return what the span covers."""
        return text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Quotation:
    """What stands between quotation marks: `start` and `end` with the marks, `inner` without.

    `closed` is false where the closing mark is missing, as in all but the last paragraph of a long quotation.
    """

    start: int
    end: int
    inner: Span
    closed: bool


def paragraphs(text: str) -> list[Span]:
    """Split at blank lines, or at every line break in a text that has none (then a line is a paragraph)."""
    separator = r"\n[^\S\n]*\n\s*" if re.search(r"\S[^\S\n]*\n[^\S\n]*\n\s*\S", text) else r"\n\s*"
    borders = [0, *(place for found in re.finditer(separator, text) for place in found.span()), len(text)]
    spans = [_strip(text, start, end) for start, end in zip(borders[::2], borders[1::2], strict=True)]
    return [span for span in spans if span.start < span.end]


def _strip(text: str, start: int, end: int) -> Span:
    part = text[start:end]
    lead = len(part) - len(part.lstrip())
    return Span(start + lead, max(start + lead, start + len(part.rstrip())))


def quotations(text: str, paragraph: Span) -> list[Quotation]:
    """Return the outermost quotations of a paragraph; a missing closing mark ends one with its sentence or paragraph."""
    found, place = [], paragraph.start
    while place < paragraph.end:
        if not _opens(text, place, paragraph):
            place += 1
            continue
        end, closed = _close(text, place, paragraph)
        inner = _strip(text, place + 1, end - closed)
        if inner.start < inner.end:
            found.append(Quotation(place, end, inner, closed))
        place = max(end, place + 1)
    return found


def _at(text: str, place: int, within: Span) -> str:
    return text[place] if within.start <= place < within.end else " "


def _opens(text: str, place: int, within: Span) -> bool:
    mark = text[place]
    if mark not in CLOSERS:
        return False
    before, after = _at(text, place - 1, within), _at(text, place + 1, within)
    if mark in "“„«‹‚" and not after.isspace():
        return not before.isalnum()
    if not (before.isspace() or before in "([—–-/>" or before in MARKS) or after.isspace() or after in ",.;:)":
        return False
    return not (mark in "‘'" and (after.isdigit() or re.match(r"(tis|em|til|cause|n)\b", text[place + 1 : place + 7], re.I)))


def _close(text: str, opening: int, within: Span) -> tuple[int, bool]:
    """Return where the quotation ends (after the closing mark) and whether it has one."""
    mark = text[opening]
    candidates = []
    limit = within.end
    for place in range(opening + 1, within.end):
        char, before, after = text[place], text[place - 1], _at(text, place + 1, within)
        if char in CLOSERS[mark] and not after.isalnum() and not (before.isspace() and char in "\"'’"):
            candidates.append(place)
            if char not in "’'" or before in END + ",—-":
                break
        elif char == mark and before.isspace() and after.isalnum():  # the next one begins
            limit = place
            break
    if candidates:
        # an apostrophe may end a word within ‘…’: the closing mark follows a point or comma where any does
        punctuated = [place for place in candidates if text[place - 1] in END + ",—-"]
        return (punctuated or candidates)[0] + 1, True
    before = text[within.start : opening].rstrip()
    if limit == within.end and (not before or before[-1] in f":,{END}"):
        return limit, False  # a long quotation's paragraph, closed in a later one
    stop = re.search(rf"[{END}](?=\s|$)", text[opening:limit])
    return (opening + stop.end() if stop else limit), False


def sentences(text: str, paragraph: Span, quoted: list[Quotation]) -> list[Span]:
    """Split a paragraph into sentences, never inside a quotation."""
    starts = [paragraph.start]
    for found in _BREAK.finditer(text, paragraph.start, paragraph.end):
        place = found.end()
        if any(q.start < place < q.end for q in quoted):
            continue
        before = text[max(paragraph.start, found.start() - 24) : found.start()]
        if before.endswith(".") and _ABBREVIATION.search(before) and not re.search(r"[ap]\.m\.$", before):
            continue
        starts.append(place)
    ends = [*starts[1:], paragraph.end]
    spans = [_strip(text, start, end) for start, end in zip(starts, ends, strict=True)]
    return [span for span in spans if span.start < span.end]
