"""Averaging of runs: one model whose weights are the mean of several (a model soup, Wortsman et al. 2022, arXiv:2203.05482)."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from stance.calibration import calibrate
from stance.config import Config, load_config
from stance.data import read_labelled
from stance.errors import InputError
from stance.evaluation import evaluate
from stance.modelcard import write_card
from stance.modelfolder import read_meta
from stance.predict import load


def average(runs: Sequence[str | Path], output: str | Path) -> Path:
    """Average the weights of runs that began with the same weights, calibrate the mean on dev and write it as a run folder.

    It is as accurate as the runs' mean vote, or nearly so, at the cost of one model.

    Args:
        runs: Two or more finished runs, of configs that differ in nothing but `train.data_seed`.
        output: The new run folder; `stance.export` takes it as any other.

    Returns:
        The run folder: what `stance.train` writes, less `versions.json`.

    Raises:
        InputError: If there are fewer than two runs, one is unfinished or of another config, or `output` holds files.
    """
    folders, output = [Path(run) for run in runs], Path(output)
    if len(folders) < 2:
        raise InputError(f"average: expected two runs or more, found {len(folders)}")
    for folder in folders:
        if not (folder / "model.safetensors").is_file() or not (folder / "config.yaml").is_file():
            raise InputError(f"{folder}: expected the folder of a finished training run, found no config.yaml or model.safetensors")
    configs = [load_config(folder / "config.yaml") for folder in folders]
    for folder, config in zip(folders, configs, strict=True):
        if _without_data_seed(config) != _without_data_seed(configs[0]):
            raise InputError(f"{folder}: expected the config of {folders[0]} but for train.data_seed, found another; train it anew")
    if output.exists() and any(output.iterdir()):
        raise InputError(f"{output}: expected a new or empty folder, found files; choose another")
    config = configs[0]
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".average-") as temporary:
        folder = Path(temporary) / "run"
        folder.mkdir()
        for name in ("config.yaml", "config.json", "tokenizer.json", "tokenizer_config.json"):
            shutil.copyfile(folders[0] / name, folder / name)
        save_file(mean_weights(folders), folder / "model.safetensors", metadata={"format": "pt"})
        replace(read_meta(folders[0]), averaged_runs=len(folders)).write(folder)
        calibrate(folder, read_labelled(config.data.dev))
        report = evaluate(load(folder), config.data.dev)
        record = {"dev": dict(report.metrics), "runs": [json.loads((run / "metrics.json").read_text("utf-8")) for run in folders]}
        (folder / "metrics.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        write_card(folder, config, {"dev": report})
        if output.exists():
            output.rmdir()
        shutil.move(folder, output)
    return output


def _without_data_seed(config: Config) -> Config:
    return config.model_copy(update={"train": config.train.model_copy(update={"data_seed": None})})


def mean_weights(folders: Sequence[Path]) -> dict[str, torch.Tensor]:
    """Return the mean of the weights in folders (each with `model.safetensors`), tensor by tensor, summed in double precision."""
    mean: dict[str, torch.Tensor] = {}
    for folder in folders:
        for name, tensor in load_file(folder / "model.safetensors").items():
            share = tensor.to(torch.float64) / len(folders)
            mean[name] = mean[name] + share if name in mean else share
    return {name: tensor.to(torch.float32) for name, tensor in mean.items()}
