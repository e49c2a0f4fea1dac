"""Real fits of a real pretrained encoder on a few hundred rows: what a run leaves, resuming, export, the plain ecosystem."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import rows_of, shortest_rows

import stance
from stance.errors import InputError, StanceError
from stance.probabilities import probabilities


def test_a_run_learns_and_leaves_its_record(run: Path):
    assert {p.name for p in run.iterdir()} == {
        "README.md",
        "config.json",
        "config.yaml",
        "metrics.json",
        "model.safetensors",
        "stance.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "versions.json",
    }
    record = json.loads((run / "metrics.json").read_text())
    majority = 1 / 6  # macro-F1 of always answering one of three equally frequent labels
    assert record["dev"]["macro_f1"] > majority + 0.1
    single = [entry["eval_macro_f1"] for entry in record["history"] if "eval_macro_f1" in entry]
    assert record["dev"]["macro_f1"] >= max(single) - 1e-9  # an average of checkpoints is taken only where it is no worse
    losses = [entry["loss"] for entry in record["history"] if "loss" in entry]
    assert losses[-1] < losses[0]
    assert json.loads((run / "config.json").read_text())["id2label"] == {str(i): x for i, x in enumerate(stance.LABELS)}
    assert (run / "README.md").read_text().startswith("---\nlanguage: en\nlicense: apache-2.0\n")


def test_weights_are_averaged_over_checkpoints(tmp_path: Path):
    from safetensors.torch import save_file
    from torch import tensor

    from stance.averaging import mean_weights
    from stance.training import _last_checkpoints

    for step, value in ((9, 7.0), (10, 1.0), (100, 2.0)):
        folder = tmp_path / "checkpoints" / f"checkpoint-{step}"
        folder.mkdir(parents=True)
        save_file({"w": tensor([value, -value])}, folder / "model.safetensors")
        (folder / "trainer_state.json").write_text("{}")
    (tmp_path / "checkpoints" / "checkpoint-101").mkdir()  # killed while it was written
    assert mean_weights(_last_checkpoints(tmp_path, 2))["w"].tolist() == [1.5, -1.5]


TEXTS = [row["text"] for row in rows_of("dev")[:40] if not row.get("context")]


def test_plain_transformers_gives_the_librarys_scores(run: Path):
    from transformers import pipeline

    plain = pipeline("text-classification", model=str(run), top_k=None)
    clf = stance.load(run)
    ours = probabilities(np.concatenate(clf.logits([clf.windows({"text": text}) for text in TEXTS])))
    for text, expected in zip(TEXTS, ours, strict=True):
        found = {row["label"]: row["score"] for row in plain({"text": stance.DEFAULT_TARGET, "text_pair": text})}
        assert max(abs(found[label] - p) for label, p in zip(stance.LABELS, expected, strict=True)) < 1e-4


def test_temperature_is_used_by_default(run: Path):
    clf = stance.load(run)
    assert clf.meta.temperature != 1
    logits = clf.logits([clf.windows({"text": TEXTS[0]})])[0]
    assert np.allclose(clf.predict_proba(TEXTS[:1]), probabilities(logits, clf.meta.temperature), atol=1e-6)


def test_exported_model_agrees_with_torch(run: Path, exported: Path):
    texts = [row["text"] for row in rows_of("test")]
    onnx, parent, restored = stance.load(exported), stance.load(run), stance.load(exported, backend="torch")
    assert (onnx.backend.name, parent.backend.name, restored.backend.name) == ("onnx", "torch", "torch")
    p, q, r = (clf.predict_proba(texts) for clf in (onnx, parent, restored))
    assert (p.argmax(axis=1) == q.argmax(axis=1)).mean() > 0.97
    assert np.abs(p - q).max() < 0.1
    assert np.abs(r - q).max() < 0.1
    alone = onnx.predict_proba(texts[:50], batch_size=1)
    assert np.abs(alone - onnx.predict_proba(texts[:50], batch_size=50)).max() < 1e-3


def test_export_fails_on_too_many_different_labels(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import stance.export

    rounding = stance.export._int8
    monkeypatch.setattr(stance.export, "_int8", lambda w, axis: (rounding(w, axis)[0] // 64 * 64, rounding(w, axis)[1]))
    with pytest.raises(StanceError, match="nothing was written"):
        stance.export.export(run, tmp_path / "broken")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_another_run_is_refused(run: Path, tiny_config: Path):
    with pytest.raises(InputError, match="--resume"):
        stance.train(tiny_config, output=run)
    with pytest.raises(InputError, match="another; use its config"):
        stance.train(tiny_config, {"train.seed": 9}, output=run, resume=True)


def test_an_unknown_backbone_names_the_ways_out(tiny_config: Path, tmp_path: Path):
    with pytest.raises(InputError, match=r"fetch_backbone\.py") as caught:
        stance.train(tiny_config, {"model.backbone": "nobody/nothing"}, output=tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_killed_and_resumed_equals_unbroken(run: Path, tiny_config: Path, tmp_path: Path):
    """SIGKILL in mid-epoch, then --resume: the same weights, to the bit, on one thread."""
    folder = tmp_path / "killed"
    command = [sys.executable, "-m", "stance", "train", str(tiny_config), "--output", str(folder)]
    process = subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 240
    while not list(folder.glob("checkpoints/checkpoint-*/trainer_state.json")):
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()[1]
        time.sleep(0.02)
    time.sleep(0.7)  # some steps into the next epoch
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "model.safetensors").exists(), "the run ended before it could be killed"
    done = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    unbroken, resumed = (json.loads((f / "metrics.json").read_text()) for f in (run, folder))
    assert resumed["steps"] == unbroken["steps"] and resumed["best_step"] == unbroken["best_step"]
    digests = [json.loads((f / "stance.json").read_text())["sha256"] for f in (run, folder)]
    assert digests[0] == digests[1]


def test_an_exported_model_can_be_trained_further(exported: Path, run: Path, tiny_config: Path, tmp_path: Path):
    """Its float weights are restored from 8 bits: a start with all but no step answers as the exported model does in torch."""
    still = {"model.backbone": str(exported), "train.learning_rate": 1e-12, "train.num_train_epochs": 1}
    folder = stance.train(tiny_config, overrides=still | {"train.average_checkpoints": 1}, output=tmp_path / "still")
    rows = [{"text": text} for text in TEXTS]
    before, after = (stance.load(path, backend="torch").predict_proba(rows) for path in (exported, folder))
    temperature = [json.loads((path / "stance.json").read_text())["temperature"] for path in (exported, folder)]
    logits = [np.log(p) * t for p, t in zip((before, after), temperature, strict=True)]
    centred = [x - x.mean(axis=1, keepdims=True) for x in logits]
    np.testing.assert_allclose(*centred, atol=1e-4)
    assert stance.load(exported).predict(TEXTS[0]).label == stance.load(run).predict(TEXTS[0]).label


def test_a_shipped_model_gets_its_vocabulary_back(exported: Path, backbone: Path, tiny_config: Path, tmp_path: Path):
    """Words that had been trimmed away are whole again, with the encoder's embeddings; the others keep the model's."""
    from safetensors.torch import load_file
    from tokenizers import Tokenizer

    from stance.export import restore_weights

    few = tmp_path / "few.jsonl"
    few.write_text("".join(json.dumps(row) + "\n" for row in rows_of("train")[:16]))
    still = {"model.backbone": str(exported), "train.learning_rate": 1e-12, "train.num_train_epochs": 1, "model.vocabulary": "null"}
    still |= {"data.train": str(few)}
    folder = stance.train(tiny_config, overrides=still | {"model.vocabulary_from": str(backbone)}, output=tmp_path / "wide")
    names = [Tokenizer.from_file(str(f / "tokenizer.json")).get_vocab() for f in (exported, backbone, folder)]
    trimmed, whole, wide = names
    assert wide == whole and len(trimmed) == 6000
    found = load_file(folder / "model.safetensors")["bert.embeddings.word_embeddings.weight"].numpy()
    ours = restore_weights(exported / "model.onnx")["bert.embeddings.word_embeddings.weight"]
    theirs = load_file(backbone / "model.safetensors")["embeddings.word_embeddings.weight"].numpy()
    for token, i in wide.items():
        expected = ours[trimmed[token]] if token in trimmed else theirs[whole[token]]
        np.testing.assert_allclose(found[i], expected, atol=1e-5)
    texts = [{"text": text} for text in TEXTS]
    agree = stance.load(folder).predict_proba(texts).argmax(axis=1) == stance.load(exported).predict_proba(texts).argmax(axis=1)
    assert agree.mean() > 0.7
    other = {"model.backbone": "base", "model.vocabulary_from": str(backbone)}  # a model of another encoder
    with pytest.raises(InputError, match=r"vocabulary_from: expected the encoder"):
        stance.train(tiny_config, overrides=still | other, output=tmp_path / "other")


def test_the_speaker_of_a_row_changes_from_batch_to_batch(tmp_path: Path, run: Path):
    """A row that names its speaker is read with others in its share of the batches; the same batch is always read alike."""
    from stance.data import Example
    from stance.encoding import PairEncoder
    from stance.training import _Collator, _dataset, _swapped

    encoder = PairEncoder(run / "tokenizer.json")
    rows = [Example("No brigade of ours will go, Jan Wilk said.", "opposing"), Example("It rains.", "neutral", on_topic=False)] * 20
    data = list(_dataset(rows, encoder, swaps=[_swapped(row, random.Random(i)) for i, row in enumerate(rows)]))
    plain, swapping = _Collator(encoder, 0.0), _Collator(encoder, 1.0)
    before, after = (collate(data)["input_ids"].tolist() for collate in (plain, swapping))
    width = min(len(before[0]), len(after[0]))
    changed = [a[:width] != b[:width] for a, b in zip(before, after, strict=True)]
    assert changed == [True, False] * 20
    assert swapping(data)["input_ids"].tolist() == after
    assert swapping(data[::-1])["input_ids"].tolist()[::-1] != after


def test_teachers_teach_without_labels(run: Path, exported: Path, tiny_config: Path, tmp_path: Path):
    """A student that sees no label at all comes to answer as its teachers do, topic included."""
    (tmp_path / "one.jsonl").write_text(json.dumps({"text": "Yes.", "label": "opposing"}) + "\n")
    rows = [{"text": row["text"]} for row in shortest_rows("train", 240)]
    (tmp_path / "pool.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = {"data.train": str(tmp_path / "one.jsonl"), "data.embed_share": 0, "data.swap_share": 0, "train.num_train_epochs": 8}
    options |= {"data.unlabelled": str(tmp_path / "pool.jsonl"), "train.teacher": [str(run), str(exported)]}
    student = stance.load(stance.train(tiny_config, overrides=options, output=tmp_path / "student"))
    teacher = stance.load(run)
    taught, learned = teacher.predict_proba(rows), student.predict_proba(rows)
    usual = np.bincount(taught.argmax(axis=1)).max() / len(rows)  # what always giving the teacher's commonest answer reaches
    agreement = (taught.argmax(axis=1) == learned.argmax(axis=1)).mean()
    assert agreement > usual + (1 - usual) / 2
    topics = [[p.topic for p in model.predict(rows)] for model in (teacher, student)]
    assert np.corrcoef(*topics)[0, 1] > 0.5


def test_runs_over_the_data_in_another_order_are_averaged(run: Path, tiny_config: Path, tmp_path: Path, cli):
    """The mean answers much as the runs do, exports as any run, and only runs of one start are averaged."""
    other = stance.train(tiny_config, overrides={"train.data_seed": 2}, output=tmp_path / "other")
    done = cli("average", run, other, "--output", tmp_path / "mean")
    assert done.returncode == 0, done.stderr
    rows = [{"text": text} for text in TEXTS]
    first, second, mean = (stance.load(folder).predict_proba(rows) for folder in (run, other, tmp_path / "mean"))
    assert np.abs(first - second).max() > 0.02  # another order makes another model
    between = np.abs(mean - (first + second) / 2).mean()
    assert between < np.abs(first - second).mean()
    assert "the mean of the weights of 2 runs that began alike" in (tmp_path / "mean" / "README.md").read_text()
    stranger = shutil.copytree(run, tmp_path / "stranger")
    record = stranger / "config.yaml"
    record.write_text(record.read_text().replace("  seed: 1\n", "  seed: 2\n"))  # whose weights began elsewhere
    with pytest.raises(InputError, match="began as"):
        stance.average([run, stranger], tmp_path / "none")
    with pytest.raises(InputError, match="two runs"):
        stance.average([run], tmp_path / "none")
    assert not (tmp_path / "none").exists()
