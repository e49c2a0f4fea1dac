"""Fine-tuning from a config: `stance.train`."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import random
import shutil
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from datasets import Dataset
from transformers import (
    EarlyStoppingCallback,
    Trainer,
    TrainingArguments,
)

from stance.averaging import mean_weights
from stance.backbone import load_backbone, takes_types
from stance.calibration import calibrate
from stance.config import Config, load_config
from stance.data import Example, read_labelled
from stance.encoding import PairEncoder, Window
from stance.errors import InputError
from stance.evaluation import Report, evaluate, gold_indices
from stance.identity import find_speaker, swap_speaker
from stance.labels import LABELS
from stance.modelcard import write_card
from stance.modelfolder import ModelMeta
from stance.predict import StanceClassifier, load
from stance.sources import read_sources
from stance.tables import read_rows
from stance.version import __version__

LONGEST = 384
"""Most tokens of a training example; windows only cut texts at prediction time."""

SWAPS = 4
"""Other speakers that a row is read with, one at a time, over the epochs."""


def train(
    config: str | Path | Config,
    overrides: Mapping[str, Any] | None = None,
    *,
    output: str | Path | None = None,
    resume: bool = False,
) -> Path:
    """Fine-tune a model, calibrate it on dev and write it into a run folder.

    Args:
        config: A YAML file, or a `Config`.
        overrides: Values by dotted key, such as `{"train.seed": 2}`.
        output: The run folder; by default `runs/<name>`.
        resume: Go on with the run in that folder from its last whole checkpoint, early-stopping state included.

    Returns:
        The run folder: `config.yaml` (resolved), `model.safetensors`, `config.json`, `tokenizer.json`, `stance.json`,
        `metrics.json`, `versions.json`, `README.md` (the model card).

    Raises:
        InputError: If the config or the data is wrong, the backbone can not be had, or the folder holds another run.
    """
    if not isinstance(config, Config):
        config = load_config(config, overrides)
    elif overrides:
        raise InputError("overrides: expected with the path of a config file, found with a Config")
    folder = Path(output) if output is not None else Path("runs") / config.name
    examples = {"train": read_sources(config.data.train, _data_seed(config)), "dev": read_labelled(config.data.dev)}
    _claim(folder, config, resume)
    threads = torch.get_num_threads()
    verbosity = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    if not sys.stderr.isatty():
        transformers.logging.disable_progress_bar()
    try:
        if config.train.threads is not None:
            torch.set_num_threads(config.train.threads)
        _fine_tune(config, examples, folder)
    except BaseException:
        if not any((folder / "checkpoints").glob("checkpoint-*")):
            shutil.rmtree(folder)  # nothing to resume: leave nothing half written
        raise
    finally:
        torch.set_num_threads(threads)
        transformers.logging.set_verbosity(verbosity)
    return folder


def _claim(folder: Path, config: Config, resume: bool) -> None:
    """Make the run folder, or make sure that it is this run's."""
    record = folder / "config.yaml"
    if resume and record.is_file():
        if record.read_text(encoding="utf-8") != config.to_yaml():
            raise InputError(f"{folder}: expected the config it was started with to resume, found another; use its config.yaml")
        return
    if folder.exists() and any(folder.iterdir()):
        hint = "" if resume or not record.is_file() else ", or resume it with --resume"
        raise InputError(f"{folder}: expected a new or empty folder, found files; choose another with --output{hint}")
    folder.mkdir(parents=True, exist_ok=True)
    record.write_text(config.to_yaml(), encoding="utf-8")


def _fine_tune(config: Config, examples: Mapping[str, Sequence[Example]], folder: Path) -> None:
    transformers.set_seed(config.train.seed)
    ours = [example for example in examples["train"] if example.target in config.targets]
    model = load_backbone(config, ours, folder)
    encoder = PairEncoder(folder / "tokenizer.json", window=LONGEST, context_tokens=config.model.context_tokens)
    if config.train.gradient_checkpointing:
        model.gradient_checkpointing_enable()
    rng = random.Random(_data_seed(config))
    train_rows, lessons = _lessons(config, [*examples["train"], *_embedded(ours, config.data.embed_share, rng)])
    swaps = [_swapped(example, rng) if config.data.swap_share else [] for example in train_rows]
    trainer = _StanceTrainer(
        config=config,
        gold=gold_indices(examples["train"]),
        model=model,
        args=_arguments(config, folder, len(train_rows)),
        train_dataset=_dataset(train_rows, encoder, lessons, swaps),
        eval_dataset=_dataset(examples["dev"], encoder),
        data_collator=_Collator(encoder, config.data.swap_share),
        compute_metrics=_macro_f1,
        callbacks=[EarlyStoppingCallback(config.train.early_stopping_patience)],
    )
    trainer.remove_callback(transformers.PrinterCallback)
    newest = _last_checkpoints(folder, 1)
    trainer.train(resume_from_checkpoint=str(newest[0]) if newest else None)
    dev_set = _dataset(examples["dev"], encoder)
    dev, averaged = trainer.predict(dev_set), _last_checkpoints(folder, config.train.average_checkpoints)
    if len(averaged) > 1:
        best = {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()}
        trainer.model.load_state_dict(mean_weights(averaged), strict=False)
        mean = trainer.predict(dev_set)
        if mean.metrics["test_macro_f1"] < dev.metrics["test_macro_f1"]:
            trainer.model.load_state_dict(best)
            averaged = []
    meta = ModelMeta(
        name=config.name,
        targets=config.targets,
        window=config.model.window,
        context_tokens=config.model.context_tokens,
        library_version=__version__,
    )
    trainer.model.to(torch.float32).save_pretrained(folder)
    meta.write(folder)
    calibrate(folder, config)
    _write_versions(folder)
    report = evaluate(load(folder), config.data.dev)
    steps = [_step(path) for path in averaged] if len(averaged) > 1 else [trainer.state.best_global_step]
    _write_metrics(folder, trainer, report, {name: len(rows) for name, rows in examples.items()}, steps)
    write_card(folder, config, {"dev": report})
    shutil.rmtree(folder / "checkpoints")  # optimiser states, several times the model; only --resume needs them


def _embedded(train: Sequence[Example], share: float, rng: random.Random) -> list[Example]:
    """Repeat a share of the rows inside two to five off-topic statements: the stance of one sentence is that of the text."""
    fillers = [e for e in train if e.on_topic is False and e.context is None]
    hosts = [e for e in train if e.context is None]
    if not fillers or not hosts:
        return []
    rows = []
    for example in rng.sample(hosts, round(share * len(hosts))):
        others = [filler.text for filler in rng.sample(fillers, min(len(fillers), rng.randint(2, 5)))]
        others.insert(rng.randint(0, len(others)), example.text)
        rows.append(Example(" ".join(others), example.label, example.target, on_topic=example.on_topic))
    return rows


def _swapped(example: Example, rng: random.Random) -> list[Example]:
    """Give the speaker that a row names other names, offices, parties or countries: the words decide, not who says them."""
    if not find_speaker(example.text):
        return []
    return [replace(example, text=swap_speaker(example.text, rng)) for _ in range(SWAPS)]


def _read_unlabelled(path: Path) -> list[Example]:
    """Read rows without labels; they stand as neutral, which nobody looks at."""
    rows = []
    for row in read_rows(path):
        if row.error:
            raise InputError(f"{path}, line {row.line}: {row.error}")
        rows.append({name: row.values.get(name) for name in ("text", "context", "target")} | {"label": "neutral"})
    return read_labelled(rows)


def _gold(examples: Sequence[Example]) -> np.ndarray:
    """Return what labels teach, of shape (rows, 5): probabilities of the labels, of the topic, and weight of the topic."""
    rows = np.zeros((len(examples), 5))
    rows[np.arange(len(examples)), gold_indices(examples)] = 1
    rows[:, 3] = [bool(example.topic) for example in examples]
    rows[:, 4] = [example.label == "neutral" and example.topic is not None for example in examples]
    return rows


def _taught(examples: Sequence[Example], teacher: StanceClassifier) -> np.ndarray:
    """Return what a teacher teaches, in the form of `_gold`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # which targets a student learns is its config's choice
        found = teacher.predict([example.row() for example in examples])
    rows = np.array([[*(q.scores[label] for label in LABELS), q.topic, q.scores["neutral"]] for q in found])
    rows[:, 3] = np.clip(1 - (1 - rows[:, 3]) / np.maximum(rows[:, 4], 1e-6), 0, 1)  # undoes P(topic) = 1 - P(neutral) P(off)
    return rows


def _lessons(config: Config, labelled: Sequence[Example]) -> tuple[list[Example], np.ndarray]:
    """Return the rows to train on and what each teaches: its label, the teachers' answer, or both in the share of the config."""
    if not config.train.teacher:
        return list(labelled), _gold(labelled)
    unlabelled = [] if config.data.unlabelled is None else _read_unlabelled(config.data.unlabelled)
    examples = [*labelled, *unlabelled]
    share = np.repeat([config.train.teacher_weight, 1.0], [len(labelled), len(unlabelled)])[:, None]
    gold = _gold(examples)
    taught = np.mean([_taught(examples, load(teacher)) for teacher in config.train.teacher], axis=0)
    mixed = (1 - share) * gold + share * taught
    weight = np.maximum(mixed[:, 4:], 1e-9)
    mixed[:, 3:4] = ((1 - share) * gold[:, 4:] * gold[:, 3:4] + share * taught[:, 4:] * taught[:, 3:4]) / weight
    return examples, mixed


def _dataset(
    examples: Sequence[Example],
    encoder: PairEncoder,
    lessons: np.ndarray | None = None,
    swaps: Sequence[Sequence[Example]] | None = None,
) -> Dataset:
    lessons = _gold(examples) if lessons is None else lessons
    swaps = [[]] * len(examples) if swaps is None else swaps
    rows = []
    for number, (example, lesson, others) in enumerate(zip(examples, lessons, swaps, strict=True)):
        windows = [encoder.windows(e.target, e.text, e.context)[0] for e in (example, *others)]
        on_topic = -1 if example.topic is None else int(example.topic)
        rows.append(
            {
                "number": number,
                "ids": [window.ids for window in windows],
                "type_ids": [window.type_ids for window in windows],
                "labels": [LABELS.index(example.label), on_topic],
                "lesson": lesson.tolist(),
                "length": len(windows[0].ids),
            }
        )
    return Dataset.from_list(rows)


class _Collator:
    """Pads a batch to its longest row; in a share of the rows that name their speaker it is another one.

    Which one depends on the rows of the batch alone: it changes from epoch to epoch, and a resumed run meets the same.
    """

    def __init__(self, encoder: PairEncoder, swap_share: float) -> None:
        self.encoder, self.swap_share = encoder, swap_share

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        rng = random.Random(repr([row["number"] for row in rows]))
        windows = []
        for row in rows:
            swapped = len(row["ids"]) > 1 and rng.random() < self.swap_share
            i = rng.randrange(1, len(row["ids"])) if swapped else 0
            windows.append(Window(row["ids"][i], row["type_ids"][i]))
        batch = {name: torch.from_numpy(array) for name, array in self.encoder.pad(windows).items()}
        return batch | {name: torch.tensor([row[name] for row in rows]) for name in ("labels", "lesson")}


class _StanceTrainer(Trainer):  # type: ignore[misc]
    """Trains both answers of the three logits: the label (their differences) and the topic of neutral rows (their sum)."""

    def __init__(self, *, config: Config, gold: np.ndarray, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.loss_is_scaled_for_ga = False
        self._options = config.train
        counts = np.maximum(np.bincount(gold, minlength=len(LABELS)), 1)
        balanced = len(gold) / (len(LABELS) * counts)
        weights = balanced if config.train.class_weights == "balanced" else np.ones(len(LABELS))
        self._weights = torch.tensor(weights, dtype=torch.float32)

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None) -> Any:
        types = takes_types(self.accelerator.unwrap_model(model))
        names = ("input_ids", "attention_mask", "token_type_ids") if types else ("input_ids", "attention_mask")
        logits = model(**{name: inputs[name] for name in names}).logits.float()
        stance, topic, weight = inputs["lesson"].split([3, 1, 1], dim=1)
        loss = torch.nn.functional.cross_entropy(
            logits, stance, weight=self._weights.to(logits.device), label_smoothing=self._options.label_smoothing
        )
        total = logits.sum(dim=1, keepdim=True)
        loss = loss + self._options.topic_weight * torch.nn.functional.binary_cross_entropy_with_logits(total, topic, weight=weight)
        return (loss, {"loss": loss, "logits": logits}) if return_outputs else loss


def _arguments(config: Config, folder: Path, rows: int) -> TrainingArguments:
    t = config.train
    steps = -(-rows // (t.per_device_train_batch_size * t.gradient_accumulation_steps))
    every = max(1, steps // t.evals_per_epoch)
    return TrainingArguments(
        output_dir=str(folder / "checkpoints"),
        learning_rate=t.learning_rate,
        num_train_epochs=t.num_train_epochs,
        per_device_train_batch_size=t.per_device_train_batch_size,
        per_device_eval_batch_size=32,
        gradient_accumulation_steps=t.gradient_accumulation_steps,
        weight_decay=t.weight_decay,
        warmup_steps=t.warmup_steps,
        lr_scheduler_type=t.lr_scheduler_type,
        use_cpu=not torch.cuda.is_available(),
        bf16=_computes_bf16() if t.bf16 == "auto" else t.bf16,
        train_sampling_strategy="group_by_length",
        eval_strategy="steps",
        save_strategy="steps",
        logging_strategy="steps",
        eval_steps=every,
        save_steps=every,
        logging_steps=every,
        save_total_limit=max(2, t.average_checkpoints + 1),  # the best one, too
        load_best_model_at_end=True,
        metric_for_best_model="macro_f1",
        greater_is_better=True,
        restore_callback_states_from_checkpoint=True,
        remove_unused_columns=False,
        label_names=["labels"],
        report_to="none",
        disable_tqdm=not sys.stderr.isatty(),
        seed=_data_seed(config),
        data_seed=_data_seed(config),
    )


def _data_seed(config: Config) -> int:
    return config.train.seed if config.train.data_seed is None else config.train.data_seed


def _computes_bf16() -> bool:
    """Whether the hardware multiplies bfloat16, rather than emulating it at a loss."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    flags = Path("/proc/cpuinfo")
    words = flags.read_text(encoding="utf-8", errors="replace") if flags.is_file() else ""
    return "avx512_bf16" in words or "amx_bf16" in words


def _macro_f1(prediction: Any) -> dict[str, float]:
    from sklearn.metrics import f1_score

    gold, found = prediction.label_ids[:, 0], prediction.predictions.argmax(axis=1)
    return {"macro_f1": float(f1_score(gold, found, labels=range(len(LABELS)), average="macro", zero_division=0))}


def _last_checkpoints(folder: Path, count: int) -> list[Path]:
    """Return the newest whole checkpoints, oldest first; a kill while one was being written leaves it without its last file."""
    whole = []
    for path in (folder / "checkpoints").glob("checkpoint-*"):
        try:
            json.loads((path / "trainer_state.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            shutil.rmtree(path)
            continue
        whole.append(path)
    return sorted(whole, key=_step)[-count:]


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rsplit("-", 1)[1])


def _write_versions(folder: Path) -> None:
    names = ("torch", "transformers", "datasets", "accelerate", "tokenizers", "scikit-learn", "numpy")
    versions = {"stance": __version__, "python": platform.python_version()}
    versions |= {name: importlib.metadata.version(name) for name in names}
    (folder / "versions.json").write_text(json.dumps(versions, indent=2) + "\n", encoding="utf-8")


def _write_metrics(folder: Path, trainer: Trainer, report: Report, rows: Mapping[str, int], weights: list[int]) -> None:
    record = {
        "rows": dict(rows),
        "dev": dict(report.metrics),
        "best_step": trainer.state.best_global_step,
        "weights_of_steps": weights,
        "steps": trainer.state.global_step,
        "history": trainer.state.log_history,
    }
    (folder / "metrics.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
