"""Trimming a WordPiece vocabulary: a third of a small encoder's weights are rows that the task never looks up."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stance.errors import InputError


def trim_tokenizer(tokenizer_file: Path, size: int, texts: Iterable[str]) -> list[int]:
    """Rewrite a `tokenizer.json` with fewer tokens.

    Kept are: the special tokens, the single ASCII characters (so that every English word can still be spelled), the tokens of
    the texts, and then the tokens of lowest id, which in BERT's vocabulary are the most frequent ones, up to `size`.

    Args:
        tokenizer_file: The file, changed in place.
        size: Number of tokens to keep.
        texts: Texts whose tokens are kept.

    Returns:
        The old ids of the kept tokens, in their new order: the rows of the embedding matrix to keep.

    Raises:
        InputError: If the tokenizer is no WordPiece one.
    """
    from tokenizers import Tokenizer

    spec: dict[str, Any] = json.loads(tokenizer_file.read_text(encoding="utf-8"))
    if spec["model"].get("type") != "WordPiece":
        raise InputError(f"model.vocabulary: expected a WordPiece tokenizer, found {spec['model'].get('type')}; set it to null")
    vocabulary: dict[str, int] = spec["model"]["vocab"]
    token_of = {i: token for token, i in vocabulary.items()}
    token_of |= {entry["id"]: entry["content"] for entry in spec["added_tokens"]}
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    wanted = {entry["id"] for entry in spec["added_tokens"]} | {vocabulary[spec["model"]["unk_token"]]}
    wanted |= {i for token, i in vocabulary.items() if len(bare := token.removeprefix("##")) == 1 and bare.isascii()}
    for encoding in tokenizer.encode_batch(list(texts), add_special_tokens=False):
        wanted |= set(encoding.ids)
    for i in sorted(token_of):
        if len(wanted) >= size:
            break
        token = token_of[i]
        if not token.startswith("[unused") and token.isascii():
            wanted.add(i)
    kept = sorted(wanted)
    new_id = {old: new for new, old in enumerate(kept)}
    spec["model"]["vocab"] = {token: new_id[i] for token, i in vocabulary.items() if i in new_id}
    for entry in spec["added_tokens"]:
        entry["id"] = new_id[entry["id"]]
    post = spec.get("post_processor") or {}
    for name in ("sep", "cls"):  # RobertaProcessing and BertProcessing name their tokens as [token, id]
        if isinstance(post.get(name), list):
            post[name][1] = new_id[post[name][1]]
    for entry in (post.get("special_tokens") or {}).values():  # TemplateProcessing
        entry["ids"] = [new_id[i] for i in entry["ids"]]
    if spec.get("padding"):
        spec["padding"]["pad_id"] = new_id[spec["padding"]["pad_id"]]
    tokenizer_file.write_text(json.dumps(spec, ensure_ascii=False), encoding="utf-8")
    return kept
