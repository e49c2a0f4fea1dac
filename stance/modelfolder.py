"""A model on disk: which files make it up, what `stance.json` says, and the check of the weights before use."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from stance.encoding import CONTEXT_TEMPLATE
from stance.errors import InputError, StanceError
from stance.labels import DEFAULT_TARGET, LABELS

META_FILE = "stance.json"
WEIGHTS = ("model.onnx", "model.safetensors")
TOKENIZER = "tokenizer.json"
SHIPPED = Path(__file__).parent / "models"


@dataclass(frozen=True)
class ModelMeta:
    """What `stance.json` holds beside the weights.

    Attributes:
        name: The model's name.
        labels: Order of the logits.
        targets: Targets that it was trained on.
        template: How context and statement share the second segment.
        window: Most tokens of a statement in one window.
        context_tokens: Most tokens of context.
        temperature: Divides the logits of the three labels.
        topic_temperature: Divides the logit of the topic.
        averaged_runs: How many runs' weights were averaged.
        library_version: The version of this library that wrote the folder.
        sha256: SHA-256 of the tokenizer and of each file of weights, by file name.
    """

    name: str
    labels: list[str] = field(default_factory=lambda: list(LABELS))
    targets: list[str] = field(default_factory=lambda: [DEFAULT_TARGET])
    template: str = CONTEXT_TEMPLATE
    window: int = 128
    context_tokens: int = 64
    temperature: float = 1.0
    topic_temperature: float = 1.0
    averaged_runs: int = 1
    library_version: str = ""
    sha256: dict[str, str] = field(default_factory=dict)

    @property
    def revision(self) -> str:
        """Twelve digits that change with whatever changes an answer: weights, tokenizer, temperatures, windows, template."""
        told = {key: value for key, value in asdict(self).items() if key not in ("name", "averaged_runs", "library_version")}
        return fingerprint(told)

    def write(self, folder: Path) -> None:
        """Write `stance.json` into a folder, with the SHA-256 of the tokenizer and weights found there."""
        digests = {name: sha256(folder / name) for name in (*WEIGHTS, TOKENIZER) if (folder / name).exists()}
        meta = asdict(self) | {"sha256": digests}
        (folder / META_FILE).write_text(json.dumps(meta, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_meta(folder: Path) -> ModelMeta:
    """Read `stance.json`.

    Raises:
        StanceError: If it is missing, no JSON, or not of this form.
    """
    path = folder / META_FILE
    if not path.is_file():
        raise StanceError(f"{folder}: expected a model folder with {META_FILE}, found none; train or export one there")
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        known = {f.name for f in fields(ModelMeta)}
        meta = ModelMeta(**{key: value for key, value in values.items() if key in known})
    except (ValueError, TypeError, AttributeError) as error:
        raise StanceError(f"{path}: expected the description of a model, found {error}; copy the folder again") from None
    if meta.labels != list(LABELS):
        raise StanceError(f"{path}: expected the labels {list(LABELS)}, found {meta.labels}; export the model again")
    if meta.template != CONTEXT_TEMPLATE:
        raise StanceError(f"{path}: expected the template {CONTEXT_TEMPLATE!r}, found {meta.template!r}; train it again")
    return meta


def verified_file(folder: Path, digests: Mapping[str, str], name: str) -> Path:
    """Return the path of a model's file after comparing its SHA-256.

    Args:
        folder: The model folder.
        digests: The SHA-256 of each file, by name.
        name: The file.

    Raises:
        StanceError: If the file is missing, or is not the one that was described.
    """
    path = folder / name
    if not path.is_file():
        raise StanceError(f"{folder}: expected the file {name}, found none; copy the model folder again")
    if name not in digests:
        raise StanceError(f"{folder}: expected the SHA-256 of {name} in its description, found none; export the model again")
    digest = sha256(path)
    if digest != digests[name]:
        raise StanceError(
            f"{path}: expected SHA-256 {digests[name][:12]}…, found {digest[:12]}…; the file is damaged or "
            "was replaced: copy the model folder again"
        )
    return path


def fingerprint(values: Mapping[str, Any]) -> str:
    """Return twelve digits of the SHA-256 of a description."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def locate(model: str | Path | None, revision: str | None = None) -> Path:
    """Find the folder of a model: the shipped default, a shipped name, a path, or a hub id.

    Args:
        model: `None` for the default, the name of a shipped model, a folder, or a hub id such as `user/model`.
        revision: Branch, tag or commit of a hub id.

    Raises:
        InputError: If there is nothing of that name.
    """
    if model is None:
        model = "base"
    if isinstance(model, str) and (SHIPPED / model / META_FILE).is_file():
        return SHIPPED / model
    path = Path(model)
    if path.is_dir():
        return path
    text = str(model)
    if text.count("/") == 1 and not text.startswith((".", "/", "~")) and not path.suffix:
        return _download(text, revision)
    shipped = ", ".join(sorted(p.name for p in SHIPPED.glob("*") if (p / META_FILE).is_file())) or "none"
    raise InputError(f"model: expected a shipped model ({shipped}), a folder or a hub id, found {text!r}")


def _download(hub_id: str, revision: str | None) -> Path:
    from stance.errors import require

    hub = require("huggingface_hub", "train")
    wanted = [META_FILE, *WEIGHTS, TOKENIZER, "config.json", "README.md"]
    try:
        return Path(hub.snapshot_download(hub_id, revision=revision, allow_patterns=wanted))
    except Exception as error:  # offline, unknown, no permission: the hub's own errors say which
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"model: {hub_id!r} is no folder here and the hub did not give it ({reason})") from None
