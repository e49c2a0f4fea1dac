"""Counting stances by speaker over many articles: the same quotation in several articles counts once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from stance.labels import LABELS
from stance.results import Statement


@dataclass
class Speaker:
    """What one speaker says on the target.

    Attributes:
        name: As the articles call them.
        role: The first role met.
        counts: Number of statements on the target, by label; those that abstain under an empty label.
        off_topic: Number of statements on other matters.
    """

    name: str
    role: str = ""
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*LABELS, ""), 0))
    off_topic: int = 0

    @property
    def side(self) -> str:
        """`for`, `against`, `both`, or `open`: on the target, without taking a side; empty for who speaks of other matters only."""
        if self.counts["supporting"] and self.counts["opposing"]:
            return "both"
        if self.counts["supporting"]:
            return "for"
        if self.counts["opposing"]:
            return "against"
        return "open" if sum(self.counts.values()) else ""


class Tally:
    """Counts by speaker."""

    def __init__(self) -> None:
        self._speakers: dict[str, Speaker] = {}
        self._seen: set[bytes] = set()
        self.articles = 0
        self.repeated = 0

    def add(self, statements: Iterable[Statement]) -> None:
        """Count the statements of one article; a joint statement counts for each of its speakers."""
        self.articles += 1
        for statement, name in ((s, name) for s in statements for name in (s.speaker or "(nobody named)").split("; ")):
            speaker = self._speakers.setdefault(name.casefold(), Speaker(name))
            speaker.role = speaker.role or statement.role
            words = " ".join(re.findall(r"\w+", statement.text.casefold()))
            digest = hashlib.blake2b(f"{name.casefold()}\n{words}".encode("utf-8", "replace"), digest_size=12).digest()
            if digest in self._seen:
                self.repeated += 1
                continue
            self._seen.add(digest)
            if statement.on_topic:
                speaker.counts[statement.prediction.label or ""] += 1
            else:
                speaker.off_topic += 1

    def speakers(self) -> list[Speaker]:
        """Return who speaks on the target, those with most statements first, then who speaks of other matters only."""
        return sorted(self._speakers.values(), key=lambda s: (not s.side, -sum(s.counts.values()), s.name))

    def sides(self) -> dict[str, list[str]]:
        """Return the names of who is `for`, `against`, `both` or `open`."""
        return {side: [s.name for s in self.speakers() if s.side == side] for side in ("for", "against", "both", "open")}
