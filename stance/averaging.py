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
from tokenizers import Tokenizer

from stance.calibration import calibrate
from stance.config import load_config
from stance.errors import InputError
from stance.evaluation import evaluate
from stance.modelcard import write_card
from stance.modelfolder import read_meta
from stance.predict import load

EMBEDDINGS = "word_embeddings.weight"
"""How the name of an encoder's token embeddings ends in transformers."""


def average(runs: Sequence[str | Path], output: str | Path) -> Path:
    """Average the weights of runs that began with the same weights, calibrate the mean on dev and write it as a run folder.

    The runs may have seen other rows, or the same rows in another order (`train.data_seed`). Their mean errs less than they do on
    texts unlike those that they were trained on, at the cost of one model.

    Args:
        runs: Two or more finished runs of the same `model` section and `train.seed`. Config, dev set and vocabulary of the first
            hold for the mean; a token that not all runs have is averaged over those that have it.
        output: The new run folder; `stance.export` takes it as any other.

    Returns:
        The run folder: what `stance.train` writes, less `versions.json`.

    Raises:
        InputError: If there are fewer than two runs, one is unfinished or began elsewhere, or `output` holds files.
    """
    folders, output = [Path(run) for run in runs], Path(output)
    if len(folders) < 2:
        raise InputError(f"average: expected two runs or more, found {len(folders)}")
    for folder in folders:
        if not (folder / "model.safetensors").is_file() or not (folder / "config.yaml").is_file():
            raise InputError(f"{folder}: expected the folder of a finished training run, found no config.yaml or model.safetensors")
    configs = [load_config(folder / "config.yaml") for folder in folders]
    config = configs[0]
    for folder, other in zip(folders, configs, strict=True):
        if (other.model, other.train.seed) != (config.model, config.train.seed):
            raise InputError(f"{folder}: expected a run that began as {folders[0]} did, with the same model section and train.seed")
    if output.exists() and any(output.iterdir()):
        raise InputError(f"{output}: expected a new or empty folder, found files; choose another")
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".average-") as temporary:
        folder = Path(temporary) / "run"
        folder.mkdir()
        for name in ("config.yaml", "config.json", "tokenizer.json", "tokenizer_config.json"):
            shutil.copyfile(folders[0] / name, folder / name)
        save_file(_mean_of_runs(folders), folder / "model.safetensors", metadata={"format": "pt"})
        replace(read_meta(folders[0]), averaged_runs=len(folders)).write(folder)
        calibrate(folder, config)
        report = evaluate(load(folder), config.data.dev)
        record = {"dev": dict(report.metrics), "runs": [json.loads((run / "metrics.json").read_text("utf-8")) for run in folders]}
        (folder / "metrics.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        write_card(folder, config, {"dev": report})
        if output.exists():
            output.rmdir()
        shutil.move(folder, output)
    return output


def _mean_of_runs(folders: Sequence[Path]) -> dict[str, torch.Tensor]:
    """Average runs whose trimmed vocabularies may differ: token embeddings by token, all else tensor by tensor."""
    vocabularies = [Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab() for folder in folders]
    mean = mean_weights(folders, apart=EMBEDDINGS)
    for name, first in load_file(folders[0] / "model.safetensors").items():
        if not name.endswith(EMBEDDINGS):
            continue
        total, count = torch.zeros(first.shape, dtype=torch.float64), torch.zeros(len(first), 1, dtype=torch.float64)
        for folder, vocabulary in zip(folders, vocabularies, strict=True):
            shared = [(index, vocabulary[token]) for token, index in vocabularies[0].items() if token in vocabulary]
            here, there = torch.tensor(shared).T
            total[here] += load_file(folder / "model.safetensors")[name][there].to(torch.float64)
            count[here] += 1
        mean[name] = (total / count).to(torch.float32)
    return mean


def mean_weights(folders: Sequence[Path], apart: str | None = None) -> dict[str, torch.Tensor]:
    """Return the mean of the weights in folders (each with `model.safetensors`), tensor by tensor, summed in double precision.

    Args:
        folders: Folders whose tensors have the same names and shapes.
        apart: Ending of the names of tensors to leave out.
    """
    mean: dict[str, torch.Tensor] = {}
    for folder in folders:
        for name, tensor in load_file(folder / "model.safetensors").items():
            if apart is not None and name.endswith(apart):
                continue
            share = tensor.to(torch.float64) / len(folders)
            mean[name] = mean[name] + share if name in mean else share
    return {name: tensor.to(torch.float32) for name, tensor in mean.items()}
