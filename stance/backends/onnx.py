"""The default engine: ONNX Runtime on the CPU, without torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stance.errors import InputError, StanceError
from stance.modelfolder import verified_file


def quiet_onnxruntime() -> Any:
    """Import ONNX Runtime with its telemetry off.

    From 1.29 on its official builds report sessions to the vendor and leave a device id in the home folder, unless this variable
    was set before the import. Whoever sets it to something else keeps what they set.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # for builds where only this call helps
    return onnxruntime


class OnnxBackend:
    """Runs `model.onnx`."""

    name = "onnx"

    def __init__(self, folder: Path, digests: Mapping[str, str], device: str = "auto") -> None:
        if device not in ("auto", "cpu"):
            raise InputError(f"device: the onnx backend runs on the cpu, found {device!r}; use backend='torch'")
        onnxruntime = quiet_onnxruntime()
        path = verified_file(folder, digests, "model.onnx")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises classes of its own that share no base
            reason = str(error).splitlines()[0]
            raise StanceError(f"{path}: ONNX Runtime can not open it ({reason}); update onnxruntime") from None
        self._inputs = [node.name for node in self._session.get_inputs()]

    def logits(self, arrays: dict[str, np.ndarray]) -> np.ndarray:
        """Return the float32 logits of a batch."""
        result: np.ndarray = self._session.run(["logits"], {name: arrays[name] for name in self._inputs})[0]
        return result
