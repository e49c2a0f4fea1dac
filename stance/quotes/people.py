"""The persons an article names: the fullest form of each name, every mention of it, and the role that stands beside it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from stance.quotes.segments import Span

_LETTER = "A-ZÀ-ÖØ-Þ" + "".join(chr(i) for i in range(0x100, 0x250) if chr(i).isupper())
_WORD = rf"(?:[{_LETTER}][\w’'‑-]*\w|[{_LETTER}]\.?)"
_PARTICLES = "de da do dos du del della di van von der den ter ten zu bin ibn al el la le of y af av".split()
_PARTICLE = "(?:" + "|".join(_PARTICLES) + ")"
_RUN = re.compile(rf"{_WORD}(?:[^\S\n]?\n?[^\S\n]*(?:(?<=\s){_PARTICLE}\s){{0,3}}(?<=[\s.]){_WORD})*")

TITLES = frozenset(
    """
    mr mrs ms miss dr prof professor sir dame lord lady baroness baron count king queen prince princess father sister brother rev
    reverend bishop archbishop cardinal pope rabbi imam pastor canon dean abbot minister ministers president presidents chancellor
    premier prime pm foreign defence defense interior finance justice economy health education culture transport energy environment
    agriculture secretary general deputy vice acting former ex senator sen rep congressman congresswoman representative mp mep td fm
    governor gov mayor councillor councilor councillor-elect commissioner ambassador consul envoy chief chairman chairwoman chair
    chairperson speaker leader head director commander commandant colonel col major maj captain capt lieutenant lt sergeant sgt
    corporal brigadier brig admiral rear adm marshal gen private squadron group wing skipper inspector insp adjudant warrant judge
    prosecutor attorney spokesman spokeswoman spokesperson analyst historian economist researcher lawyer coach manager author writer
    undersecretary under assistant permanent federal state national press officer parliamentary whip white house first second lady
    opposition shadow home retired reserve army navy air force staff member party political affairs european and security policy
    high treasurer aunt uncle doctor nurse engineer farmer veteran rector
    american british french german italian spanish portuguese polish czech slovak hungarian romanian bulgarian greek turkish
    ukrainian russian belarusian lithuanian latvian estonian finnish swedish norwegian danish icelandic dutch belgian luxembourgish
    irish scottish welsh english swiss austrian slovenian slovene croatian serbian bosnian albanian macedonian montenegrin maltese
    cypriot moldovan georgian armenian canadian australian chinese japanese korean indian brazilian african us uk eu nato un u.s u.k
    western eastern baltic nordic democratic republican social liberal conservative socialist christian green greens labour kremlin
    spaniard frenchman briton
    """.split()
)
"""Words that stand before a name without being part of it: titles, offices, countries, parties."""

COMMON = frozenset(
    """
    the a an this that these those he she it they we i you his her its their our my in on at to for from by with of and but or if
    when while as after before since until although though because so yet still also then there here what who why how where
    which whether not no yes monday tuesday wednesday thursday friday saturday sunday january february march april may june
    july august september october november december asked according both one two three four five six seven eight nine ten
    some many most all every each any other others another such meanwhile however earlier later yesterday today tomorrow
    last next under over about against between during despite even only just never now
    """.split()
)
"""Words that are capitalised because a sentence begins with them, and dates."""

_BODY = re.compile(
    r"\b(?:Party|Union|Council|Ministry|University|Institute|Guard|Agency|Commission|Parliament|Senate|House|Court|Committee|Company|"
    r"Group|Bank|Office|Army|Bureau|Authority|Service|Commons|Lords|Trust|Police|Ministries|Government|Navy|Forces?|Club|United|FC|Association|Alliance|Front|Movement|League|Cent(?:re|er)|Foundation|Embassy|"
    r"Times|Post|News|Street|Square|Palace|Day|Act|Treaty|Battalion|Brigade|Regiment|Corps|Operation|Mission|Coalition|Assembly|"
    r"Congress|Bundestag|Department|Federation|Republic|Kingdom|States|Minister|President|Sea|River|Airport|Station|Church|School|"
    r"Hospital|Hotel|Line|Bridge|of)\b"
)
"""Words that make a run of capitalised words the name of something else than a person."""


_VERB = re.compile(r"\b(?:that|which|who|is|was|are|were|has|had|said|says|told|would|will|to)\b")


@dataclass(eq=False)
class Person:
    """Somebody whom an article names.

    Attributes:
        name: The fullest form of the name, without titles.
        role: What the article calls this person besides, or empty.
    """

    name: str
    role: str = ""


@dataclass(frozen=True, slots=True)
class Mention:
    """One occurrence of a person's name."""

    start: int
    end: int
    person: Person


class People:
    """The persons of one article.

    Args:
        article: Its text.

    Attributes:
        persons: In the order in which they are first named in full.
        mentions: Every occurrence of their names, in order.
    """

    def __init__(self, article: str) -> None:
        self.persons: list[Person] = []
        self.mentions: list[Mention] = []
        self._by_word: dict[str, list[Person]] = defaultdict(list)
        self._latest: dict[Person, int] = {}
        runs = [part for run in _RUN.finditer(article) for part in _names(article, Span(*run.span()))]
        full = [" ".join(span.of(article).split()) for span, _ in runs]
        for name in full:
            if " " in name and not _BODY.search(name):
                self._add(name.title() if name.isupper() else name)
        for (span, titles), name in zip(runs, full, strict=True):
            person = self._named(name)
            if person is None and titles and titles[-1].lower().rstrip(".") in TITLES and " " not in name and not name.isupper():
                person = Person(name)  # a surname after a title, and nowhere more
                self.persons.append(person)
                self._index(person)
            if person is not None:
                person.role = person.role or _role(article, span, titles)
                self._latest[person] = len(self.mentions)
                self.mentions.append(Mention(span.start, span.end, person))

    def _add(self, name: str) -> None:
        person = next(iter(self._alike(name)), None)
        if person is None:
            person = Person(name)
            self.persons.append(person)
        person.name = max(person.name, name, key=len)
        self._index(person)

    def _index(self, person: Person) -> None:
        words = _words(person.name)
        for word in {words[0], words[-1], words[-2:][0]}:
            if person not in self._by_word[word]:
                self._by_word[word].append(person)

    def _alike(self, name: str) -> list[Person]:
        return [person for person in self._by_word.get(_words(name)[-1], ()) if _alike(person.name, name)]

    def _named(self, name: str) -> Person | None:
        """Whom a name means: of several, the one named last."""
        return max(self._alike(name), key=lambda person: self._latest.get(person, -1), default=None)


def _names(article: str, run: Span) -> Iterator[tuple[Span, list[str]]]:
    """Cut a run of capitalised words into names, each with the titles before it; a possessive ends a name."""
    name: list[Span] = []
    titles: list[str] = []
    for found in re.finditer(r"\S+", run.of(article)):
        span = Span(run.start + found.start(), run.start + found.end())
        word = found.group()
        possessive = re.search(r"[’']s?$", word)
        plain = re.sub(r"[’']s?$", "", word.lower().rstrip("."))
        if not name and (plain in TITLES or set(plain.split("-")) & TITLES):
            titles.append(word)
            continue
        if _BODY.fullmatch(word) or (name and plain in TITLES and found.end() < len(run.of(article))):
            name, titles = [], []  # "Polar Shipping Agency Anna Kos", "Eurasian Affairs Jan Wilk": what came before is no name
        elif plain in COMMON or (name and plain in ("minister", "president")):
            yield from _closed(name, titles)
            name, titles = [], []
        elif name or word not in _PARTICLES:
            name.append(Span(span.start, span.end - len(possessive.group())) if possessive else span)
            if possessive:
                yield from _closed(name, titles)
                name, titles = [], []
    yield from _closed(name, titles)


def _closed(name: list[Span], titles: list[str]) -> Iterator[tuple[Span, list[str]]]:
    if name and name[0].start < name[-1].end:
        yield Span(name[0].start, name[-1].end), titles


@lru_cache(maxsize=4096)
def _words(name: str) -> tuple[str, ...]:
    return tuple(re.sub(r"\W", "", word).casefold() for word in name.split())


def _alike(full: str, name: str) -> bool:
    """Whether one of two names can be short for the other: "Anna Kos", "Kos", "A. Kos", but not "Jan Kos"."""
    a, b = _words(full), _words(name)
    if not a[-1] or not b[-1]:
        return False
    if a[-1] != b[-1]:
        return len(b) == 1 and len(a) > 1 and b[0] in (a[0], a[-2]) and len(b[0]) > 3
    shorter, longer = sorted((a, b), key=len)
    if longer[-len(shorter) :] == shorter:
        return True
    return shorter[0] == longer[0] or (min(len(shorter[0]), len(longer[0])) == 1 and shorter[0][:1] == longer[0][:1])


def _role(article: str, span: Span, titles: list[str]) -> str:
    """What stands beside a name: titles before it, "the leader of the Greens, NAME," or "NAME, a former medic,"."""
    before = re.search(r"(?:^|[.!?;:,“”\"—–\n]\s*)([^.!?;:,“”\"\n]{3,80}?),?\s*$", article[: span.start][-120:])
    words = before.group(1) if before else ""
    begins = re.search(r"\b(?:the|its|his|her|their|an?)\s.*|^\w+[’']s\s.*", words, re.I)
    if begins and set(re.findall(r"\w+", words.lower())) & TITLES and not _VERB.search(begins.group()):
        return " ".join(begins.group().split())
    after = re.match(r",\s+((?:the|an?|its|his|her|their|former)\s[^.!?;:,“”\"\n]{3,80})(?=[,.;])", article[span.end :][:120])
    if after and not _VERB.search(after.group(1)):
        return " ".join(after.group(1).split())
    return " ".join(titles)
