"""Who is for it, who is against: the stance of quoted statements on deploying Western troops to Ukraine."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from stance.version import __version__

if TYPE_CHECKING:
    from stance.analysis import analyze
    from stance.averaging import average
    from stance.errors import InputError, StanceError
    from stance.evaluation import Report, evaluate
    from stance.labels import DEFAULT_TARGET, LABELS
    from stance.predict import StanceClassifier, load, predict
    from stance.results import ModelInfo, Prediction, Statement
    from stance.training import train

_HOME = {
    "DEFAULT_TARGET": "labels",
    "InputError": "errors",
    "LABELS": "labels",
    "ModelInfo": "results",
    "Prediction": "results",
    "Report": "evaluation",
    "StanceClassifier": "predict",
    "StanceError": "errors",
    "Statement": "results",
    "analyze": "analysis",
    "average": "averaging",
    "evaluate": "evaluation",
    "load": "predict",
    "predict": "",  # the module of that name, which can be called
    "train": "training",
}

__all__ = [
    "DEFAULT_TARGET",
    "LABELS",
    "InputError",
    "ModelInfo",
    "Prediction",
    "Report",
    "StanceClassifier",
    "StanceError",
    "Statement",
    "__version__",
    "analyze",
    "average",
    "evaluate",
    "load",
    "predict",
    "train",
]


def __getattr__(name: str) -> Any:
    # Names are fetched at first use (PEP 562), so that importing this package loads nothing heavy.
    if name not in _HOME:
        raise AttributeError(f"module 'stance' has no attribute {name!r}")
    if name == "predict":
        return importlib.import_module("stance.predict")
    value = getattr(importlib.import_module(f"stance.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
