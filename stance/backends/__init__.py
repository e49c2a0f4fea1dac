"""Engines that turn token ids into logits: same interface, same numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from stance.errors import InputError
from stance.modelfolder import ModelMeta


class Backend(Protocol):
    """Anything that maps padded int64 arrays of shape (rows, tokens) to float32 logits: (rows, 3), or (rows, tokens, outputs)."""

    name: str

    def logits(self, arrays: dict[str, np.ndarray]) -> np.ndarray:
        """Return the logits of a batch."""
        ...


def open_backend(folder: Path, meta: ModelMeta, backend: str = "auto", device: str = "auto") -> Backend:
    """Open a model folder with ONNX Runtime or torch.

    Args:
        folder: The model folder.
        meta: Its `stance.json`.
        backend: `auto` (ONNX where the folder has it), `onnx` or `torch`.
        device: `auto`, `cpu`, or a torch device such as `cuda`; ONNX runs on the CPU.
    """
    if backend not in ("auto", "onnx", "torch"):
        raise InputError(f"backend: expected auto, onnx or torch, found {backend!r}")
    if backend == "auto":
        on_cpu = device in ("auto", "cpu")
        checkpoint = (folder / "model.safetensors").is_file() and not (folder / "model.onnx").is_file()
        backend = "onnx" if on_cpu and not checkpoint else "torch"
    if backend == "onnx":
        from stance.backends.onnx import OnnxBackend

        return OnnxBackend(folder, meta.sha256, device)
    from stance.backends.torch import TorchBackend

    return TorchBackend(folder, meta, device)
