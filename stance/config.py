"""The training config: one YAML file, typed, with no key that is not read."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from stance.errors import InputError
from stance.labels import DEFAULT_TARGET
from stance.tables import FORMATS

DATA_KEYS = ("data.train", "data.dev", "data.calibration", "data.test", "data.unlabelled")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class ModelSection(_Section):
    """Which pretrained encoder, and how it reads.

    Attributes:
        backbone: A hub id, a local folder, or the name of a shipped model (`base`), whose float weights are restored.
        revision: Branch, tag or commit of a hub id.
        local_files_only: Never ask the hub; take what the cache has.
        vocabulary: Keep this many tokens of a WordPiece vocabulary, those that texts on `targets` use most and then the
            most frequent ones; `null` keeps all.
        vocabulary_from: The encoder that a shipped model came from, a hub id or a folder. The model gets its whole vocabulary back,
            with the encoder's embeddings for the tokens that had been trimmed away, before `vocabulary` trims it anew.
        window: Most tokens of a statement in one window; longer texts are read in several.
        context_tokens: Most tokens of context.
    """

    backbone: str
    revision: str | None = None
    local_files_only: bool = False
    vocabulary: int | None = Field(default=None, ge=2000)
    vocabulary_from: str | None = None
    window: int = Field(default=128, ge=16, le=384)
    context_tokens: int = Field(default=64, ge=0, le=96)


class Source(_Section):
    """A set to learn from, with column names and labels of its own.

    Attributes:
        path: A file that `stance predict` could read, gzipped or not, or the id of a data set on the hub.
        split: Which split of a hub set.
        revision: Branch, tag or commit of a hub set.
        columns: The set's names of `text`, `label`, `target`, `context` and `group`, where they differ.
        labels: From the set's labels to supporting, opposing, neutral, or to `null`, which leaves such rows out.
        target: The target of all rows.
        on_topic: Whether the rows concern their target at all.
        where: Conditions `column=value` or `column!=value` that a row must meet, in the set's own columns.
        sample: Take at most so many rows.
        unrelated_share: Repeat this share of the rows with the target of another row, as neutral and off topic.
        licence: What the model card says of the set's licence.
    """

    path: str
    split: str = "train"
    revision: str | None = None
    columns: dict[Literal["text", "label", "target", "context", "group"], str] = {}
    labels: dict[str, str | None] | None = None
    target: str | None = None
    on_topic: bool | None = None
    where: list[str] = []
    sample: int | None = Field(default=None, ge=1)
    unrelated_share: float = Field(default=0.0, ge=0, le=1)
    licence: str | None = None

    @field_validator("where", mode="before")
    @classmethod
    def _none_one_or_many(cls, value: Any) -> Any:
        return _listed(value)

    @property
    def is_file(self) -> bool:
        """Whether `path` names a table here rather than a set on the hub."""
        return Path(self.path.removesuffix(".gz")).suffix in FORMATS

    @property
    def plain(self) -> bool:
        """Whether the set is a labelled set in this library's own columns."""
        return self.is_file and not self.columns and self.labels is None and self.target is None and self.on_topic is None


class DataSection(_Section):
    """Labelled sets. Paths in the file are relative to it; paths given as overrides, to the working folder.

    Attributes:
        train: What to learn from: a file, or several sets, each a file or a `Source`.
        dev: Labelled sets, a file or several, that choose the checkpoint.
        calibration: Labelled sets, a file or several, that the temperatures are fitted on; by default dev. Rows as hard as the
            texts to come make honest scores.
        test: Labelled sets, a file or several, that the exported model is measured on, for its card; never used to choose anything.
        unlabelled: Rows whose labels, if any, are not read: the teacher answers for them.
        embed_share: Share of the train rows that are repeated inside off-topic statements of the train set, so that the model
            learns to find a stance in a longer text.
        swap_share: Share of the train rows naming their speaker that an epoch reads with another name, office, party or country, so
            that the model learns that these do not matter.
    """

    train: list[Source] = Field(min_length=1)
    dev: list[Path] = Field(min_length=1)
    calibration: list[Path] = []
    test: list[Path] = []
    unlabelled: Path | None = None
    embed_share: float = Field(default=0.0, ge=0, le=1)
    swap_share: float = Field(default=0.0, ge=0, le=1)

    @field_validator("train", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        items = value if isinstance(value, list) else [value]
        return [{"path": str(item)} if isinstance(item, str | Path) else item for item in items]

    @field_validator("dev", "calibration", "test", mode="before")
    @classmethod
    def _none_one_or_many(cls, value: Any) -> Any:
        return _listed(value)


def _listed(value: Any) -> Any:
    """Accept one for a list of one, and null for none."""
    return [] if value is None else value if isinstance(value, list) else [value]


class TrainSection(_Section):
    """Names and meanings as in `transformers.TrainingArguments`, where it has them.

    Attributes:
        class_weights: `balanced` weighs each label by the inverse of its frequency.
        label_smoothing: Probability mass moved from the gold label to all labels.
        topic_weight: Weight of the loss on `on_topic` beside that on the label.
        teacher: A model or several, as for `stance.load`, whose mean probabilities are learned (distillation, Hinton et al. 2015,
            arXiv:1503.02531, at temperature 1).
        teacher_weight: Share of the teacher's probabilities in what a labelled row teaches; the rest is its label.
        early_stopping_patience: Evaluations on dev without a better macro-F1 before training ends.
        evals_per_epoch: Evaluations and checkpoints in an epoch.
        average_checkpoints: Try the mean of the weights of the last so many checkpoints (stochastic weight averaging, Izmailov et
            al. 2018, arXiv:1803.05407) and keep it where its macro-F1 on dev is not below that of the best checkpoint.
        bf16: Autocast to bfloat16; `auto` does where the hardware computes in it.
        threads: CPU threads; `null` leaves it to torch. One thread makes runs repeatable to the bit.
        seed: Seed of the new head's weights, and of all else where `data_seed` is `null`.
        data_seed: Seed of samples, order of the rows and dropout. Runs that differ in nothing else begin with the same weights, so
            that `stance average` can make one model of them.
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
    teacher: list[str] = []
    teacher_weight: float = Field(default=0.5, ge=0, le=1)
    early_stopping_patience: int = Field(default=3, ge=1)
    evals_per_epoch: int = Field(default=1, ge=1)
    average_checkpoints: int = Field(default=1, ge=1, le=20)
    bf16: bool | Literal["auto"] = "auto"
    gradient_checkpointing: bool = False
    threads: int | None = Field(default=None, ge=1)
    seed: int = Field(default=1, ge=0)
    data_seed: int | None = Field(default=None, ge=0)

    @field_validator("teacher", mode="before")
    @classmethod
    def _none_one_or_many(cls, value: Any) -> Any:
        return _listed(value)


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

    @model_validator(mode="after")
    def _unlabelled_rows_need_a_teacher(self) -> Config:
        if self.data.unlabelled is not None and not self.train.teacher:
            raise ValueError("data.unlabelled needs train.teacher, a model to answer for these rows")
        return self

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
    section = values.get("data")
    if isinstance(section, dict):
        _resolve(section, path.parent)
    for key, given in (overrides or {}).items():
        value = yaml.safe_load(given) if isinstance(given, str) else given
        if key in DATA_KEYS:
            resolved = {"it": str(value) if isinstance(value, Path) else value}
            _resolve(resolved, Path())
            value = resolved["it"]
        _set(values, key, value)
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise InputError(f"{path}: {_explain(error)}") from None
    data = config.data
    files = [("train", Path(source.path)) for source in data.train if source.is_file] + [("test", file) for file in data.test]
    files += [(name, file) for name in ("dev", "calibration") for file in getattr(data, name)]
    for name, file in [*files, ("unlabelled", data.unlabelled)]:
        if file is not None and not file.is_file():
            raise InputError(f"{path}: data.{name}: expected a file, found none at {file}")
    return config


def _resolve(section: dict[str, Any], folder: Path) -> None:
    """Make the paths of data files absolute; ids of hub sets, which have no such ending, stay."""
    for name, value in section.items():
        if name == "where":  # conditions, no paths
            continue
        if isinstance(value, str) and Path(value.removesuffix(".gz")).suffix in FORMATS:
            section[name] = str((folder / value).resolve())
        elif isinstance(value, dict):
            _resolve(value, folder)
        elif isinstance(value, list):
            items = dict(enumerate(value))
            _resolve(items, folder)  # type: ignore[arg-type]
            section[name] = list(items.values())


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
    if not path:  # a rule between sections
        return str(first["ctx"]["error"])
    message = first["msg"][0].lower() + first["msg"][1:]
    return f"{dotted}: {message}, found {first['input']!r}"


def _keys(sections: list[str]) -> list[str]:
    model: Any = Config
    for name in sections:
        if not name.isdigit():  # the place in a list
            model = model.model_fields[name].annotation
            model = get_args(model)[0] if get_args(model) else model
    return list(model.model_fields)
