"""The trimmed vocabulary: what a text needs stays, every word can still be spelled."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tokenizers import Tokenizer

from stance.vocabulary import trim_tokenizer

TEXTS = ["A contingent of grenadiers, said Szczepańska – “at once”…", "Szczepańska’s grenadiers stay home."]


def test_words_come_before_names_and_print_is_kept(backbone: Path, tmp_path: Path):
    whole = Tokenizer.from_file(str(backbone / "tokenizer.json"))
    file = Path(shutil.copy(backbone / "tokenizer.json", tmp_path / "tokenizer.json"))
    kept = trim_tokenizer(file, 1200, TEXTS)
    trimmed = Tokenizer.from_file(str(file))
    for tokenizer in (whole, trimmed):
        tokenizer.no_truncation()
        tokenizer.no_padding()
    assert len(kept) == trimmed.get_vocab_size() == 1200
    names = {trimmed.id_to_token(new): whole.id_to_token(old) for new, old in enumerate(kept)}
    assert all(new == old for new, old in names.items())  # row i of the new embeddings is that of the token i now stands for
    for word in ("contingent", "grenadiers", "home", "once"):
        assert trimmed.encode(word, add_special_tokens=False).tokens == whole.encode(word, add_special_tokens=False).tokens
    assert len(trimmed.encode("Szczepańska", add_special_tokens=False)) > len(whole.encode("Szczepańska", add_special_tokens=False))
    assert "[UNK]" not in trimmed.encode("“Quizzical” – he’d vex them… «jamais», 5 £", add_special_tokens=False).tokens
    assert json.loads(file.read_text())["model"]["type"] == "WordPiece"
