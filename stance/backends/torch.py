"""Torch: for training checkpoints, for GPUs, and to check the ONNX engine against."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

import numpy as np

from stance.errors import require
from stance.modelfolder import ModelMeta, verified_file


class TorchBackend:
    """Runs `model.safetensors`, or the float weights restored from `model.onnx` where that is all there is."""

    name = "torch"

    def __init__(self, folder: Path, meta: ModelMeta, device: str = "auto") -> None:
        torch: Any = require("torch", "train")
        transformers: Any = require("transformers", "train")
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        if not sys.stderr.isatty():
            transformers.logging.disable_progress_bar()
        if (folder / "model.safetensors").is_file():
            verified_file(folder, meta.sha256, "model.safetensors")
            model = transformers.AutoModelForSequenceClassification.from_pretrained(
                folder, local_files_only=True, dtype=torch.float32
            )
        else:
            model = restored_model(folder, meta)
        self._torch = torch
        self.model = model.to(device).eval()
        self._device = device
        accepted = inspect.signature(model.forward).parameters
        self.input_names = [n for n in ("input_ids", "attention_mask", "token_type_ids") if n in accepted]

    def logits(self, arrays: dict[str, np.ndarray]) -> np.ndarray:
        """Return float32 logits of shape (rows, 3)."""
        tensors = {name: self._torch.from_numpy(arrays[name]).to(self._device) for name in self.input_names}
        with self._torch.inference_mode():
            result: np.ndarray = self.model(**tensors).logits.float().cpu().numpy()
        return result


def restored_model(folder: Path, meta: ModelMeta) -> Any:
    """Make a float model of an exported one, with the error that 8 bits leave in its weights.

    Args:
        folder: A model folder with `model.onnx` and `config.json`.
        meta: What its `stance.json` says.

    Raises:
        StanceError: If the weights are not those that `stance.json` describes.
    """
    from stance.export import restore_weights

    torch: Any = require("torch", "train")
    transformers: Any = require("transformers", "train")
    weights = restore_weights(verified_file(folder, meta.sha256, "model.onnx"))
    config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
    model = transformers.AutoModelForSequenceClassification.from_config(config)
    model.load_state_dict({name: torch.tensor(value) for name, value in weights.items()})
    return model
