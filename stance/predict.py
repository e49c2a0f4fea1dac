"""Loading a model and classifying statements.

`stance.predict` is both this module and a function: `import stance.predict`,
`from stance.predict import StanceClassifier` and `stance.predict("...")` all work, in any order.
"""

from __future__ import annotations

import math
import sys
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any, overload

import numpy as np

from stance.backends import Backend, open_backend
from stance.encoding import PairEncoder, Window
from stance.errors import InputError
from stance.labels import DEFAULT_TARGET, LABELS
from stance.modelfolder import TOKENIZER, ModelMeta, locate, read_meta, verified_file
from stance.probabilities import combine_windows, probabilities, topic_probability
from stance.results import ModelInfo, Prediction
from stance.version import __version__

CHUNK = 1024
"""Rows that are sorted by length together; what `predict_iter` holds in memory at a time."""


class StanceClassifier:
    """Reads statements and tells whether each supports, opposes or is neutral on a target. Made by `load`."""

    def __init__(self, meta: ModelMeta, encoder: PairEncoder, backend: Backend) -> None:
        self.meta = meta
        self.encoder = encoder
        self.backend = backend
        self.labels: tuple[str, ...] = LABELS
        self.info = ModelInfo(meta.name, meta.revision, __version__)
        self._warned: set[str] = set()

    def __repr__(self) -> str:
        return f"StanceClassifier({self.info}, backend={self.backend.name!r})"

    @overload
    def predict(
        self,
        text: str,
        target: str | None = None,
        context: str | None = None,
        batch_size: int = 32,
        min_score: float | None = None,
    ) -> Prediction: ...

    @overload
    def predict(
        self,
        text: Any,
        target: Any = None,
        context: Any = None,
        batch_size: int = 32,
        min_score: float | None = None,
    ) -> list[Prediction]: ...

    def predict(
        self,
        text: Any,
        target: Any = None,
        context: Any = None,
        batch_size: int = 32,
        min_score: float | None = None,
    ) -> Prediction | list[Prediction]:
        """Classify one statement or many.

        Args:
            text: A string; or a list, Series, DataFrame, `datasets.Dataset` or list of dicts. Of a table, the columns
                `text`, `context` and `target` are used where they exist.
            target: What the stance is about; one string for all, or one for each text. Default: deploying Western troops
                to Ukraine.
            context: The sentence or two before the statement; one string for all, or one for each text.
            batch_size: Windows scored at a time.
            min_score: Abstain (`label` is `None`) where the calibrated probability is lower.

        Returns:
            A `Prediction` for a string, a list of them in the same order for anything else.

        Raises:
            InputError: If a text is empty or no string (the message names its place), or an option is out of range.
        """
        single = isinstance(text, str | Mapping)
        rows = [text] if single else text
        found = list(self.predict_iter(rows, target, context, batch_size, min_score))
        return found[0] if single else found

    def predict_proba(self, texts: Any, target: Any = None, context: Any = None, batch_size: int = 32) -> np.ndarray:
        """Return calibrated probabilities of shape (texts, 3), columns in the order of `labels`."""
        found = self.predict_iter([texts] if isinstance(texts, str) else texts, target, context, batch_size)
        rows = [[p.scores[label] for label in self.labels] for p in found]
        return np.array(rows, dtype=np.float64).reshape(-1, len(self.labels))

    def predict_iter(
        self,
        rows: Iterable[Any],
        target: Any = None,
        context: Any = None,
        batch_size: int = 32,
        min_score: float | None = None,
    ) -> Iterator[Prediction]:
        """Yield a `Prediction` for each row of a stream, in order and in constant memory; arguments as in `predict`."""
        if batch_size < 1:
            raise InputError(f"batch_size: expected at least 1, found {batch_size}")
        if min_score is not None and not 0 <= min_score <= 1:
            raise InputError(f"min_score: expected a probability between 0 and 1, found {min_score}")
        pending = enumerate(_rows(rows, target, context))
        while chunk := list(islice(pending, CHUNK)):
            windows = [self.windows(row, where=f"text {number}") for number, row in chunk]
            for logits in self.logits(windows, batch_size):
                yield self._prediction(logits, min_score)

    def windows(self, row: Mapping[str, Any], where: str = "text") -> list[Window]:
        """Check one row (`text`, `target`, `context`) and encode it.

        Raises:
            InputError: If the text is empty or no string; the message begins with `where`.
        """
        text = _string(row.get("text"), where)
        target = DEFAULT_TARGET if _missing(row.get("target")) else _string(row["target"], f"{where}, target")
        context = None if _missing(row.get("context")) else _string(row["context"], f"{where}, context")
        if target not in self.meta.targets:
            self._warn_once(
                f"target {target!r} is not one this model was trained on ({'; '.join(self.meta.targets)}); "
                "check its answers against labelled rows of your own"
            )
        try:
            windows = self.encoder.windows(target, text, context)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        if self.encoder.unknown_share(text[:500]) > 0.5:
            self._warn_once("a text is mostly in characters that this English model does not know; do not rely on its label")
        return windows

    def logits(self, rows: list[list[Window]], batch_size: int = 32) -> list[np.ndarray]:
        """Score encoded rows: for each, the uncalibrated logits of its windows, of shape (windows, 3)."""
        flat = [window for row in rows for window in row]
        order = sorted(range(len(flat)), key=lambda i: len(flat[i].ids))
        out = np.empty((len(flat), len(LABELS)), dtype=np.float32)
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            out[batch] = self.backend.logits(self.encoder.pad([flat[i] for i in batch]))
        ends = np.cumsum([len(row) for row in rows])
        return np.split(out, ends[:-1]) if rows else []

    def _prediction(self, logits: np.ndarray, min_score: float | None) -> Prediction:
        scores = combine_windows(probabilities(logits, self.meta.temperature))
        topic = float(topic_probability(logits, self.meta.temperature, self.meta.topic_temperature).max())
        best = int(scores.argmax())
        score = float(scores[best])
        abstained = min_score is not None and score < min_score
        return Prediction(
            label=None if abstained else LABELS[best],
            score=score,
            scores=dict(zip(LABELS, map(float, scores), strict=True)),
            topic=topic,
            abstained=abstained,
            windows=len(logits),
            model=self.info,
        )

    def _warn_once(self, message: str) -> None:
        if message not in self._warned:
            self._warned.add(message)
            warnings.warn(message, UserWarning, stacklevel=4)


def load(
    model: str | Path | None = None,
    *,
    revision: str | None = None,
    backend: str = "auto",
    device: str = "auto",
) -> StanceClassifier:
    """Load a classifier.

    Args:
        model: `None` for the shipped default; else a model folder or a hub id.
        revision: Branch, tag or commit of a hub id.
        backend: `auto`, `onnx` or `torch`.
        device: `auto`, `cpu`, or a torch device.

    Raises:
        InputError: If there is no such model.
        StanceError: If the folder is incomplete or its weights are not those that `stance.json` describes.
    """
    folder = locate(model, revision)
    meta = read_meta(folder)
    engine = open_backend(folder, meta, backend, device)
    encoder = PairEncoder(verified_file(folder, meta.sha256, TOKENIZER), window=meta.window, context_tokens=meta.context_tokens)
    return StanceClassifier(meta, encoder, engine)


_default_lock = threading.Lock()


@cache
def _load_default() -> StanceClassifier:
    return load()


def default_classifier() -> StanceClassifier:
    """Return the shipped default, loaded once."""
    with _default_lock:
        return _load_default()


def predict(text: Any, target: Any = None, context: Any = None, **options: Any) -> Any:
    """Classify with the shipped default model; see `StanceClassifier.predict`."""
    return default_classifier().predict(text, target, context, **options)


def _rows(data: Any, target: Any, context: Any) -> Iterator[Mapping[str, Any]]:
    """Turn whatever the caller has into rows with `text`, `target` and `context`."""
    if hasattr(data, "columns") and hasattr(data, "to_dict"):  # pandas.DataFrame
        if "text" not in data.columns:
            raise InputError(f"table: expected a column 'text', found {', '.join(map(str, data.columns))}")
        columns = [name for name in ("text", "target", "context") if name in data.columns]
        data = (dict(zip(columns, values, strict=True)) for values in zip(*(data[c] for c in columns), strict=True))
    columns_given = {"target": _per_row(target, "target"), "context": _per_row(context, "context")}
    for number, item in enumerate(data):
        row = dict(item) if isinstance(item, Mapping) else {"text": item}
        if isinstance(item, Mapping) and "text" not in item:
            raise InputError(f"text {number}: expected a row with 'text', found {', '.join(map(str, item)) or 'nothing'}")
        for name, values in columns_given.items():
            if values is not None:
                try:
                    row[name] = next(values)
                except StopIteration:
                    raise InputError(f"{name}: expected one for each text, found only {number}") from None
        yield row
    for name, values in columns_given.items():
        if values is not None and not isinstance(values, _Same) and next(values, None) is not None:
            raise InputError(f"{name}: expected one for each text, found more")


class _Same(Iterator[str]):
    """The same value for every row."""

    def __init__(self, value: str) -> None:
        self.value = value

    def __next__(self) -> str:
        return self.value


def _per_row(value: Any, name: str) -> Iterator[Any] | None:
    if value is None:
        return None
    if isinstance(value, str):
        return _Same(value)
    try:
        each: Iterator[Any] = iter(value)
    except TypeError:
        raise InputError(f"{name}: expected a string or one for each text, found {type(value).__name__}") from None
    return each


def _missing(value: Any) -> bool:
    """Whether an optional cell is empty: None, NaN, or blank."""
    return value is None or (isinstance(value, float) and math.isnan(value)) or (isinstance(value, str) and not value.strip())


def _string(value: Any, where: str) -> str:
    if not isinstance(value, str):
        found = "nothing" if value is None else f"{type(value).__name__} {str(value)[:40]}"
        raise InputError(f"{where}: expected a string, found {found}; drop or fill it")
    if not value.strip():
        raise InputError(f"{where}: expected a statement, found an empty string; drop or fill it")
    return value.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate would stop the tokenizer


class _CallableModule(ModuleType):
    """Lets the module be called like the function that shares its name."""

    def __call__(self, text: Any, target: Any = None, context: Any = None, **options: Any) -> Any:
        return predict(text, target, context, **options)


_CallableModule.__call__.__doc__ = predict.__doc__
sys.modules[__name__].__class__ = _CallableModule
__all__ = ["StanceClassifier", "default_classifier", "load", "predict"]
