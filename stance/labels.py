"""The three labels, their order everywhere, and the spellings accepted on input."""

from __future__ import annotations

import difflib

from stance.errors import InputError

LABELS: tuple[str, str, str] = ("supporting", "opposing", "neutral")
"""Public labels; columns of every probability array follow this order."""

DEFAULT_TARGET = "deploying Western troops to Ukraine"
"""The target that a statement is read against when none is given."""

_ALIASES = {
    "supporting": "supporting support supports supportive favor favour in_favor in_favour for pro",
    "opposing": "opposing oppose opposes opposed against con anti",
    "neutral": "neutral none neither observing observe no_stance unrelated",
}
ALIASES: dict[str, str] = {alias: label for label, names in _ALIASES.items() for alias in names.split()}


def normalize_label(value: object) -> str:
    """Return the public label that a spelling stands for.

    Args:
        value: A label or one of its aliases, in any case, with spaces or hyphens.

    Returns:
        One of `LABELS`.

    Raises:
        InputError: If the value is no known spelling.
    """
    key = str(value).strip().lower().replace(" ", "_").replace("-", "_")
    if key in ALIASES:
        return ALIASES[key]
    near = difflib.get_close_matches(key, ALIASES, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise InputError(f"label: expected one of {', '.join(LABELS)}, found {value!r}{hint}")
