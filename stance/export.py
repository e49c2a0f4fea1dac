"""Export to ONNX with 8-bit weights and activations, whose answers do not depend on what else is in the batch.

Every linear layer computes in int8, as follows (X: activations, one row a token; W: weights, one column an output):

1. Smoothing (Xiao et al. 2023, arXiv:2211.10438): each input channel k is divided by s_k = max|X_k|^a / max|W_k|^(1-a), and row k
   of W multiplied by it, so that a few large channels do not use up the range of all others. The maxima of X come from the
   training rows.
2. Activations get a scale for each *token*, computed as it comes: max|x| / 127. A scale for the whole tensor, as in ONNX
   Runtime's dynamic quantisation, would let one statement change the rounding of another.
3. The output of a GELU is never below -0.17: it is shifted by that and quantised without a sign, at twice the resolution; the
   shift's share of the product is a constant that goes into the bias.
4. Weights get a scale for each output column: max|w| / 127.

Embedding tables are stored in 8 bits with a scale for each row.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from stance.backends.onnx import quiet_onnxruntime
from stance.config import Config, load_config
from stance.data import read_labelled
from stance.encoding import PairEncoder
from stance.errors import InputError, StanceError, require
from stance.evaluation import evaluate
from stance.modelcard import write_card
from stance.modelfolder import read_meta
from stance.predict import StanceClassifier, load
from stance.sources import read_sources

SMOOTHING = 0.5  # a in step 1: what its authors use; from 0.5 to 0.7 the share of labels that change on dev differs by chance
GELU_MINIMUM = 0.17
CALIBRATION_ROWS = 512
QUANTIZED, SCALE, SHIFTED = ".int8", ".scale", ".shifted"  # suffixes of the initializers that stand for a parameter
LEVELS, SMOOTH = "_levels", "_smoothing"  # suffixes of what is made of an activation
WRAPPER = "model."  # what the exporter puts before the name of every parameter
SMALLEST = 100_000  # weights with fewer elements stay in float32


@dataclass(frozen=True)
class Parity:
    """How the exported model compares with torch on the rows it was checked on."""

    rows: int
    disagreement: float
    largest_move: float


def export(run: str | Path, output: str | Path, *, max_disagreement: float | None = None) -> Parity:
    """Export a run folder to a model folder for ONNX Runtime.

    Args:
        run: What `stance.train` wrote.
        output: The new model folder; it appears only when the export has passed its check.
        max_disagreement: Share of dev rows whose label may differ from torch; by default what the run's config says.

    Raises:
        InputError: If `run` is no run folder or `output` exists.
        StanceError: If more labels differ than allowed.
    """
    run, output = Path(run), Path(output)
    if not (run / "config.yaml").is_file() or not (run / "model.safetensors").is_file():
        raise InputError(f"{run}: expected the folder of a finished training run, found no config.yaml or model.safetensors")
    if output.exists() and any(output.iterdir()):
        raise InputError(f"{output}: expected a new or empty folder, found files; remove it or choose another")
    config = load_config(run / "config.yaml")
    parent = load(run, backend="torch")
    with tempfile.TemporaryDirectory(dir=_existing_parent(output), prefix=".export-") as temporary:
        folder = Path(temporary) / "model"
        folder.mkdir()
        for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
            shutil.copyfile(run / name, folder / name)
        graph = to_onnx(parent.backend)
        batches = _calibration_batches(config, parent.encoder)
        onnx.save_model(quantize(graph, channel_maxima(graph, batches)), folder / "model.onnx")
        meta = read_meta(run)
        replace(meta, sha256={}).write(folder)
        exported = load(folder, backend="onnx")
        parity = _parity(parent, exported, config)
        allowed = config.export.max_disagreement if max_disagreement is None else max_disagreement
        if parity.disagreement > allowed:
            raise StanceError(
                f"export: expected at most {allowed:.2%} of {parity.rows} labels to differ from torch, "
                f"found {parity.disagreement:.2%}; nothing was written"
            )
        reports = {"dev": evaluate(exported, config.data.dev)}
        for test in config.data.test:
            reports[f"{test.parent.name}/{test.stem}"] = evaluate(exported, test, train=config.data.train[0].path)
        write_card(folder, config, reports, parity)
        output.parent.mkdir(parents=True, exist_ok=True)
        if output.exists():
            output.rmdir()
        shutil.move(folder, output)
    return parity


def _existing_parent(path: Path) -> Path:
    """The nearest folder above `path` that exists: temporary files there are on the same disk."""
    return next(parent for parent in path.absolute().parents if parent.is_dir())


def to_onnx(backend: Any) -> onnx.ModelProto:
    """Export a backend's torch model (`model`, `input_names`) with free batch and length."""
    torch: Any = require("torch", "train")
    names = backend.input_names
    inputs = {name: torch.ones((2, 16), dtype=torch.int64) for name in names}

    class Wrapped(torch.nn.Module):  # type: ignore[misc]
        def __init__(self, model: Any) -> None:
            super().__init__()
            self.model = model

        def forward(self, *values: Any) -> Any:
            return self.model(**dict(zip(names, values, strict=True))).logits

    backend.model.set_attn_implementation("eager")  # plain matrix products, which the quantiser can see
    batch, length = torch.export.Dim("batch"), torch.export.Dim("length")
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        file = Path(folder) / "model.onnx"
        torch.onnx.export(
            Wrapped(backend.model),
            tuple(inputs.values()),
            file,
            input_names=list(inputs),
            output_names=["logits"],
            dynamo=True,
            dynamic_shapes=(tuple({0: batch, 1: length} for _ in inputs),),
            external_data=False,
            verbose=False,
        )
        return onnx.load(file)


def _calibration_batches(config: Config, encoder: PairEncoder) -> Iterator[dict[str, np.ndarray]]:
    """Yield padded batches of training rows, spread evenly over the set."""
    examples = [e for e in read_sources(config.data.train, config.train.seed) if e.target in config.targets]
    chosen = examples[:: max(1, len(examples) // CALIBRATION_ROWS)][:CALIBRATION_ROWS]
    windows = [encoder.windows(e.target, e.text, e.context)[0] for e in chosen]
    windows.sort(key=lambda window: len(window.ids))
    for start in range(0, len(windows), 32):
        yield encoder.pad(windows[start : start + 32])


def _linear_layers(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    weights = {tensor.name: tensor.dims for tensor in graph.initializer}
    return [
        node for node in graph.node if node.op_type == "MatMul" and np.prod(weights.get(node.input[1], [0]), dtype=int) >= SMALLEST
    ]


def channel_maxima(model: onnx.ModelProto, batches: Iterable[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return max|X_k| of each input channel of each linear layer, by the name of X; padding is left out.

    Args:
        model: The float model.
        batches: Padded input arrays.
    """
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    names = sorted({node.input[0] for node in _linear_layers(probe.graph)})
    probe.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    session = _session(probe)
    inputs = [node.name for node in session.get_inputs()]
    maxima: dict[str, np.ndarray] = {}
    for arrays in batches:
        real = arrays["attention_mask"].astype(bool)
        for name, value in zip(names, session.run(names, {key: arrays[key] for key in inputs}), strict=True):
            largest = np.abs(value[real]).max(axis=0)
            maxima[name] = np.maximum(maxima.get(name, largest), largest)
    return maxima


def quantize(model: onnx.ModelProto, maxima: Mapping[str, np.ndarray]) -> onnx.ModelProto:
    """Return the 8-bit model; the module's text says how.

    Args:
        model: The float model.
        maxima: What `channel_maxima` found.
    """
    return _Quantizer(model, maxima).run()


class _Quantizer:
    def __init__(self, model: onnx.ModelProto, maxima: Mapping[str, np.ndarray]) -> None:
        self.model = onnx.ModelProto()
        self.model.CopyFrom(model)
        self.graph = self.model.graph
        self.maxima = maxima
        self.weights = {tensor.name: tensor for tensor in model.graph.initializer}
        self.added: list[onnx.TensorProto] = []
        self.replaced: set[str] = set()
        self.done: set[str] = set()
        self.nodes: list[onnx.NodeProto] = []
        self.consumers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
        self.producer = {name: node for node in model.graph.node for name in node.output}
        for node in model.graph.node:
            for name in node.input:
                self.consumers[name].append(node)

    def run(self) -> onnx.ModelProto:
        if all(opset.domain != "com.microsoft" for opset in self.model.opset_import):
            self.model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
        linear = {node.output[0] for node in _linear_layers(self.graph)}
        sharing: dict[str, list[onnx.NodeProto]] = defaultdict(list)
        for node in _linear_layers(self.graph):
            sharing[node.input[0]].append(node)
        self.constant("one", np.float32(1))
        self.constant("last_axis", np.array([-1], dtype=np.int64))
        self.constant("smallest_scale", np.float32(1e-8))
        for zero in (0, 128):
            self.constant(f"zero_{zero}", np.uint8(zero))
            self.constant(f"levels_{zero}", np.float32(255 if zero == 0 else 127))
        self.constant("shift", np.float32(GELU_MINIMUM))
        inputs: dict[str, tuple[np.ndarray, bool]] = {}
        for node in self.graph.node:
            if node.output[0] in self.done:
                continue
            if node.output[0] in linear:
                x = node.input[0]
                if x not in inputs:
                    inputs[x] = self.quantize_input(x, sharing[x])
                self.linear_layer(node, *inputs[x])
            elif node.op_type == "Gather" and self.large(node.input[0]):
                self.embedding(node)
            elif node.op_type == "Gemm" and self.large(node.input[1]):
                self.gemm(node)
            else:
                self.nodes.append(node)
        kept = [tensor for tensor in self.graph.initializer if tensor.name not in self.replaced]
        del self.graph.node[:], self.graph.initializer[:], self.graph.value_info[:]
        self.graph.node.extend(self.nodes)
        self.graph.initializer.extend([*kept, *self.added])
        return self.model

    def large(self, name: str) -> bool:
        return name in self.weights and int(np.prod(self.weights[name].dims)) >= SMALLEST

    def constant(self, name: str, value: Any) -> str:
        self.added.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def quantize_input(self, x: str, layers: Sequence[onnx.NodeProto]) -> tuple[np.ndarray, bool]:
        """Emit the nodes that turn X into `X_levels` (uint8) and `X_k` (the scale of each token); return (s, shifted)."""
        shifted = self.producer[x].op_type == "Gelu"
        largest_w = np.max([np.abs(self.weight(node)).max(axis=1) for node in layers], axis=0)
        largest_x = np.maximum(self.maxima[x] + (GELU_MINIMUM if shifted else 0), 1e-5)
        s = largest_x**SMOOTHING / np.maximum(largest_w, 1e-5) ** (1 - SMOOTHING)
        zero = 0 if shifted else 128
        source = self.node("Add", [x, "shift"], f"{x}_shifted") if shifted else x
        smooth = self.node("Mul", [source, self.constant(x + SMOOTH, (1 / s).astype(np.float32))], f"{x}_smooth")
        magnitude = smooth if shifted else self.node("Abs", [smooth], f"{x}_abs")
        largest = self.node("ReduceMax", [magnitude, "last_axis"], f"{x}_max", keepdims=1)
        bounded = self.node("Max", [largest, "smallest_scale"], f"{x}_bounded")
        scale = self.node("Div", [bounded, f"levels_{zero}"], f"{x}_k")
        unit = self.node("Div", [smooth, scale], f"{x}_unit")
        self.node("QuantizeLinear", [unit, "one", f"zero_{zero}"], x + LEVELS)
        return s, shifted

    def linear_layer(self, node: onnx.NodeProto, s: np.ndarray, shifted: bool) -> None:
        """Emit one linear layer in int8, together with the bias addition that follows it."""
        x, out = node.input[0], node.output[0]
        (add,) = self.consumers[out]
        bias = next(name for name in add.input if name in self.weights)
        name = bias.removesuffix(".bias") + ".weight"  # the exporter folds the weight's transposition and loses its name
        q, scale = _int8(self.weight(node) * s[:, None], axis=0)
        self.replaced.add(node.input[1])
        zero = "zero_0" if shifted else "zero_128"
        inputs = [x + LEVELS, self.constant(name + QUANTIZED, q), "one", self.constant(name + SCALE, scale), zero]
        product = self.node("MatMulIntegerToFloat", inputs, f"{out}_int", domain="com.microsoft")
        self.node("Mul", [product, f"{x}_k"], out)
        if shifted:
            b = numpy_helper.to_array(self.weights[bias]) - _shift(q, scale, s)
            self.replaced.add(bias)
            bias = self.constant(bias + SHIFTED, b.astype(np.float32))
        self.node("Add", [out, bias], add.output[0])
        self.done.add(add.output[0])

    def weight(self, node: onnx.NodeProto) -> np.ndarray:
        return np.asarray(numpy_helper.to_array(self.weights[node.input[1]]))

    def embedding(self, node: onnx.NodeProto) -> None:
        name = node.input[0]
        if name not in self.replaced:
            q, scale = _int8(numpy_helper.to_array(self.weights[name]), axis=1)
            self.constant(name + QUANTIZED, q)
            self.constant(name + SCALE, scale)
            self.replaced.add(name)
        out = node.output[0]
        rows = self.node("Gather", [name + QUANTIZED, node.input[1]], f"{out}_int")
        scales = self.node("Gather", [name + SCALE, node.input[1]], f"{out}_row_scale")
        self.node("Mul", [self.node("Cast", [rows], f"{out}_float", to=TensorProto.FLOAT), scales], out)

    def gemm(self, node: onnx.NodeProto) -> None:
        name = node.input[1]
        q, scale = _int8(numpy_helper.to_array(self.weights[name]), axis=1)
        self.replaced.add(name)
        integer = self.node("Cast", [self.constant(name + QUANTIZED, q)], f"{name}_float", to=TensorProto.FLOAT)
        node.input[1] = self.node("Mul", [integer, self.constant(name + SCALE, scale)], f"{name}_restored")
        self.nodes.append(node)


def restore_weights(path: Path) -> dict[str, np.ndarray]:
    """Return the float weights of an exported model by their names in torch, with the error that 8 bits leave.

    Args:
        path: An ONNX file that `quantize` made.
    """
    model = onnx.load(path)
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    found = {name: value for name, value in tensors.items() if name.startswith(WRAPPER)}
    found = {name: value for name, value in found.items() if value.dtype != np.int64}  # positions: computed, not learned
    for name in [name for name in found if name.endswith(QUANTIZED)]:
        q, scale = found.pop(name), found.pop(name.removesuffix(QUANTIZED) + SCALE)
        found[name.removesuffix(QUANTIZED)] = q.astype(np.float32) * scale
    for node in model.graph.node:
        if node.op_type != "MatMulIntegerToFloat":
            continue
        name = node.input[1].removesuffix(QUANTIZED)
        smoothing = tensors[node.input[0].removesuffix(LEVELS) + SMOOTH]
        bias = name.removesuffix(".weight") + ".bias"
        if bias + SHIFTED in found:
            shift = _shift(tensors[node.input[1]], tensors[node.input[3]], 1 / smoothing)
            found[bias] = (found.pop(bias + SHIFTED) + shift).astype(np.float32)
        found[name] = np.ascontiguousarray((found[name] * smoothing[:, None]).T)
    return {name.removeprefix(WRAPPER): value for name, value in found.items()}


def _shift(q: np.ndarray, scale: np.ndarray, s: np.ndarray) -> np.ndarray:
    """What the shift of a GELU's output adds to each output of the layer that reads it."""
    result: np.ndarray = GELU_MINIMUM * (q.astype(np.float64) * scale / s[:, None]).sum(axis=0)
    return result


def _session(model: onnx.ModelProto) -> Any:
    onnxruntime = quiet_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _parity(parent: StanceClassifier, exported: StanceClassifier, config: Config) -> Parity:
    rows = [example.row() for example in read_labelled(config.data.dev)]
    expected, found = parent.predict_proba(rows), exported.predict_proba(rows)
    disagreement = float((expected.argmax(axis=1) != found.argmax(axis=1)).mean())
    return Parity(len(rows), disagreement, float(np.abs(expected - found).max()))


def _int8(w: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Quantise symmetrically, with one scale for each index of the other axis."""
    scale = np.maximum(np.abs(w).max(axis=axis, keepdims=True), 1e-8) / 127
    q = np.clip(np.round(w / scale), -127, 127).astype(np.int8)
    return q, (scale[0] if axis == 0 else scale).astype(np.float32)
