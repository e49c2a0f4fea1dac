"""Trimming a WordPiece vocabulary: a third of a small encoder's weights are rows that the task never looks up."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stance.errors import InputError

PRINT = "‘’‚“”„«»‹›–—‑−…•°½§£€éßæœøłđðþı"
"""Characters beyond ASCII that English newspapers print."""


def trim_tokenizer(tokenizer_file: Path, size: int, texts: Iterable[str]) -> list[int]:
    """Rewrite a `tokenizer.json` with fewer tokens.

    Kept are: the special tokens, the single characters of English print (so that every word can still be spelled), then, most
    frequent first, the tokens of the texts, less those that only capitalised words of one or two texts need, and then the tokens of
    lowest id, which in BERT's vocabulary are the most frequent ones, up to `size`.

    Args:
        tokenizer_file: The file, changed in place.
        size: Number of tokens to keep.
        texts: Texts whose tokens come first.

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
    letters = {i: token.removeprefix("##") for token, i in vocabulary.items() if len(token.removeprefix("##")) == 1}
    wanted |= {i for i, letter in letters.items() if letter.isascii() or letter in PRINT}
    for i in _by_use(tokenizer, texts):
        if len(wanted) >= size:
            break
        wanted.add(i)
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


def _by_use(tokenizer: Any, texts: Iterable[str]) -> list[int]:
    """Return the tokens that texts use, most frequent first; those of capitalised words alone, if three texts have them."""
    plain: Counter[int] = Counter()
    names: Counter[int] = Counter()
    for text in texts:
        words = re.findall(r"\w+|[^\w\s]", text)
        for count, chosen in ((plain, [w for w in words if not w[0].isupper()]), (names, [w for w in words if w[0].isupper()])):
            count.update({i for encoding in tokenizer.encode_batch(chosen, add_special_tokens=False) for i in encoding.ids})
    used = plain + Counter({i: n for i, n in names.items() if i in plain or n >= 3})
    return [i for i, _ in used.most_common()]
