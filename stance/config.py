"""The training config: one YAML file, typed, with no key that is not read."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stance.errors import InputError
from stance.labels import DEFAULT_TARGET


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class ModelSection(_Section):
    """Which pretrained encoder, and how it reads.

    Attributes:
        backbone: A hub id or a local folder.
        revision: Branch, tag or commit of a hub id.
        local_files_only: Never ask the hub; take what the cache has.
        vocabulary: Keep this many tokens of a WordPiece vocabulary, those of the training texts and then the most frequent ones;
            `null` keeps all.
        window: Most tokens of a statement in one window; longer texts are read in several.
        context_tokens: Most tokens of context.
    """

    backbone: str
    revision: str | None = None
    local_files_only: bool = False
    vocabulary: int | None = Field(default=None, ge=2000)
    window: int = Field(default=128, ge=16, le=384)
    context_tokens: int = Field(default=64, ge=0, le=96)


class DataSection(_Section):
    """Labelled sets. Paths in the file are relative to it; paths given as overrides, to the working folder.

    Attributes:
        train: Labelled rows to learn from.
        dev: Labelled rows for early stopping and calibration.
        test: Labelled rows that the exported model is measured on, for its card; never used to choose anything.
        embed_share: Share of the train rows that are repeated inside off-topic statements of the train set, so that the model
            learns to find a stance in a longer text.
    """

    train: Path
    dev: Path
    test: Path | None = None
    embed_share: float = Field(default=0.0, ge=0, le=1)


class TrainSection(_Section):
    """Names and meanings as in `transformers.TrainingArguments`, where it has them.

    Attributes:
        class_weights: `balanced` weighs each label by the inverse of its frequency.
        label_smoothing: Probability mass moved from the gold label to all labels.
        topic_weight: Weight of the loss on `on_topic` beside that on the label.
        early_stopping_patience: Evaluations on dev without a better macro-F1 before training ends.
        evals_per_epoch: Evaluations and checkpoints in an epoch.
        average_checkpoints: Try the mean of the weights of the last so many checkpoints (stochastic weight averaging, Izmailov et
            al. 2018, arXiv:1803.05407) and keep it where its macro-F1 on dev is not below that of the best checkpoint.
        bf16: Autocast to bfloat16; `auto` does where the hardware computes in it.
        threads: CPU threads; `null` leaves it to torch. One thread makes runs repeatable to the bit.
    """

    learning_rate: float = Field(default=3e-5, gt=0)
    num_train_epochs: int = Field(default=5, ge=1)
    per_device_train_batch_size: int = Field(default=16, ge=1)
    gradient_accumulation_steps: int = Field(default=1, ge=1)
    weight_decay: float = Field(default=0.01, ge=0)
    warmup_steps: float = Field(default=0.1, ge=0)
    lr_scheduler_type: Literal["linear", "cosine", "constant_with_warmup"] = "linear"
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    class_weights: Literal["none", "balanced"] = "none"
    topic_weight: float = Field(default=0.5, ge=0)
    early_stopping_patience: int = Field(default=3, ge=1)
    evals_per_epoch: int = Field(default=1, ge=1)
    average_checkpoints: int = Field(default=1, ge=1, le=20)
    bf16: bool | Literal["auto"] = "auto"
    gradient_checkpointing: bool = False
    threads: int | None = Field(default=None, ge=1)
    seed: int = Field(default=1, ge=0)


class ExportSection(_Section):
    """What an export must hold.

    Attributes:
        max_disagreement: Share of dev rows whose label may differ between the 8-bit model and torch before the export fails.
    """

    max_disagreement: float = Field(default=0.01, ge=0, le=1)


class Config(_Section):
    """A training run."""

    name: str = Field(pattern=r"^[\w.-]+$")
    targets: list[str] = Field(default=[DEFAULT_TARGET], min_length=1)
    model: ModelSection
    data: DataSection
    train: TrainSection = TrainSection()
    export: ExportSection = ExportSection()

    def to_yaml(self) -> str:
        """Return the resolved config: every key with its value."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def load_config(path: str | Path, overrides: Mapping[str, Any] | None = None) -> Config:
    """Read a config.

    Args:
        path: The YAML file.
        overrides: Values by dotted key, such as `{"train.seed": 2}`; strings are read as YAML.

    Raises:
        InputError: If the file is missing or no YAML, a key is unknown (the nearest is named), a value has the wrong type, or a
            data file does not exist.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: expected a config file, found none")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected YAML, found {' '.join(str(error).split())[:160]}") from None
    if not isinstance(values, dict):
        raise InputError(f"{path}: expected sections model, data, train, found {type(values).__name__}")
    for name in ("train", "dev", "test"):
        section = values.get("data")
        if isinstance(section, dict) and isinstance(section.get(name), str):
            section[name] = str((path.parent / section[name]).resolve())
    for key, given in (overrides or {}).items():
        value = given
        if key in ("data.train", "data.dev", "data.test") and value not in (None, "null"):
            value = str(Path(value).resolve())
        _set(values, key, yaml.safe_load(value) if isinstance(value, str) else value)
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise InputError(f"{path}: {_explain(error)}") from None
    for name in ("train", "dev", "test"):
        file = getattr(config.data, name)
        if file is not None and not file.is_file():
            raise InputError(f"{path}: data.{name}: expected a file, found none at {file}")
    return config


def _set(values: dict[str, Any], dotted: str, value: Any) -> None:
    *sections, last = dotted.split(".")
    for name in sections:
        values = values.setdefault(name, {})
        if not isinstance(values, dict):
            raise InputError(f"{dotted}: {name!r} is no section of the config")
    values[last] = value


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    dotted = ".".join(path)
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(path[-1], _keys(path[:-1]), n=1, cutoff=0.4)
        return f"unknown key {dotted!r}" + (f"; did you mean {'.'.join([*path[:-1], near[0]])!r}?" if near else "")
    if first["type"] == "missing":
        return f"expected the key {dotted!r}, found none"
    message = first["msg"][0].lower() + first["msg"][1:]
    return f"{dotted}: {message}, found {first['input']!r}"


def _keys(sections: list[str]) -> list[str]:
    model: Any = Config
    for name in sections:
        model = model.model_fields[name].annotation
    return list(model.model_fields)
