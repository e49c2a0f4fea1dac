"""The two errors a user meets. Each message is one line: what was expected, what was found, what to do."""

from __future__ import annotations

import importlib
from types import ModuleType


class InputError(ValueError):
    """The caller's input is wrong: a text, a row, a file, a config or an option (exit status 2)."""


class StanceError(RuntimeError):
    """The input is fine but the work can not be done: a damaged model, a missing extra (exit status 1)."""


def require(module: str, extra: str) -> ModuleType:
    """Import an optional dependency, or say which extra brings it.

    Args:
        module: The module's import name.
        extra: The extra of this distribution that installs it.

    Raises:
        StanceError: If the module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise StanceError(
            f"this needs {error.name or module}, which is not installed; run: pip install 'stance-classifier[{extra}]'"
        ) from None
