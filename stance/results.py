"""What a prediction returns: frozen, printable, convertible to a plain dict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Which model answered, so that a published number can be made again.

    Attributes:
        name: The model's name.
        revision: Twelve digits of a SHA-256 over what makes its answers: weights, temperatures, windows.
        version: The version of this library.
    """

    name: str
    revision: str
    version: str

    def __str__(self) -> str:
        return f"{self.name}@{self.revision} (stance {self.version})"


@dataclass(frozen=True, slots=True)
class Prediction(Mapping[str, Any]):
    """The stance of one statement. Attributes are also keys: `p.label` is `p["label"]`.

    Attributes:
        label: `supporting`, `opposing` or `neutral`; `None` only if `abstained`.
        score: Calibrated probability of the likeliest label.
        scores: Calibrated probability of each label; they sum to one.
        topic: Probability that the statement concerns the target at all.
        abstained: Whether `score` fell short of the caller's `min_score`.
        windows: How many overlapping windows the text was read in.
        model: The model, its revision and the library's version.
    """

    label: str | None
    score: float
    scores: Mapping[str, float]
    topic: float
    abstained: bool
    windows: int
    model: ModelInfo

    def __post_init__(self) -> None:
        object.__setattr__(self, "scores", MappingProxyType(dict(self.scores)))

    def __getitem__(self, key: str) -> Any:
        if key not in self.__dataclass_fields__:
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return (field.name for field in fields(self))

    def __len__(self) -> int:
        return len(fields(self))

    def __str__(self) -> str:
        scores = ", ".join(f"{name} {p:.3f}" for name, p in sorted(self.scores.items(), key=lambda kv: -kv[1]))
        return f"{self.label or 'abstained'} ({scores}; topic {self.topic:.3f})"

    def __reduce__(self) -> tuple[Any, ...]:
        # A mappingproxy does not pickle; the plain dict does, and becomes a proxy again on arrival.
        values = [dict(self.scores) if name == "scores" else getattr(self, name) for name in self]
        return Prediction, tuple(values)

    def to_dict(self) -> dict[str, Any]:
        """Return the columns that `stance predict` writes, in its order."""
        return {
            "stance": self.label,
            "score": self.score,
            **self.scores,
            "topic": self.topic,
            "windows": self.windows,
            "abstained": self.abstained,
            "model": str(self.model),
        }


@dataclass(frozen=True, slots=True)
class Quote:
    """One attributed statement of an article.

    Attributes:
        speaker: The fullest name that the article gives; a description where it gives no name; empty where it names nobody.
        role: What the article calls the speaker besides the name, or empty.
        text: The statement's words: `article[start:end]`.
        start: Offset of its first character in the article.
        end: Offset after its last character.
        form: `direct`, `reported` or `mixed` (reported, with a part in quotation marks).
        cue: The words that ascribe it, such as "said" or "according to"; empty where there are none.
        context: What it was read with: the title, and the sentence or two before it.
    """

    speaker: str
    role: str
    text: str
    start: int
    end: int
    form: str
    cue: str
    context: str

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as a dict."""
        return {field.name: getattr(self, field.name) for field in fields(Quote)}


@dataclass(frozen=True, slots=True)
class Statement(Quote):
    """A quote with its stance.

    Attributes:
        prediction: The stance; the attributes not named here are those of `Quote`.
        reader: The model that found the quote.
    """

    prediction: Prediction
    reader: ModelInfo

    @property
    def on_topic(self) -> bool:
        """Whether the classifier finds that the statement concerns the target at all; only then does its stance count."""
        return self.prediction.topic >= 0.5

    def __str__(self) -> str:
        label = self.prediction.label or "abstained"
        return f"{self.speaker or '(nobody named)'}: {label} ({self.prediction.score:.2f}): {self.text}"

    def to_dict(self) -> dict[str, Any]:
        """Return what `stance analyze --json` writes of a statement."""
        return Quote.to_dict(self) | {"on_topic": self.on_topic} | self.prediction.to_dict() | {"reader": str(self.reader)}
