"""Training the quote reader: one small encoder that tags statements and cues, and points from each statement to its speaker.

    python -m stance.quotes.training data/articles/train.jsonl data/articles/dev.jsonl --output runs/quotes

What points is a product of two vectors, one of the statement (the mean over its tokens), one of each token around it. The
probabilities of all tokens that name the speaker, wherever they stand, are raised together, so that the model has to find out by
itself whom "she" or "the minister" means.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import torch
from torch.nn import functional
from transformers import AutoModelForTokenClassification, AutoTokenizer

from stance.backbone import keep_embeddings
from stance.export import channel_maxima, quantize, to_onnx
from stance.modelcard import named_sets
from stance.modelfolder import TOKENIZER, sha256
from stance.quotes.decoding import CUE, KEY, OUTPUTS, POINTER, QUERY, TAGS
from stance.quotes.encoding import SECTION, ArticleEncoder
from stance.quotes.people import People
from stance.quotes.reader import META_FILE, load_reader
from stance.quotes.scoring import score
from stance.tables import read_rows
from stance.version import __version__
from stance.vocabulary import trim_tokenizer

NEAR_CUE = 160  # characters between a statement and its cue
TAG_WEIGHTS = [1.0, 1.5, 1.0, 1.5, 1.0]  # a beginning is one token where the rest is twenty
CUE_WEIGHT, SPEAKER_WEIGHT = 0.5, 1.0
HEAD_RATE = 5.0  # times the encoder's learning rate: the head begins from nothing
SMOOTHING = 0.03
BATCH = 2
QUOTES = ('""', "“”", "‘’", "«»", "„“", "„”", "“”", '""')


@dataclass(frozen=True)
class Settings:
    """What a training can vary.

    Attributes:
        backbone: An encoder of BERT's kind, with two token types.
        layers: How many of its layers are kept, from the first.
        vocabulary: How many tokens are kept.
        epochs: Passes over the articles.
        learning_rate: The highest, after the warm-up.
        seed: Of order, dropout and the head.
    """

    backbone: str = "sentence-transformers/all-MiniLM-L6-v2"
    layers: int = 6
    vocabulary: int = 6000
    epochs: int = 16
    learning_rate: float = 2e-4
    seed: int = 1


@dataclass(frozen=True)
class Lesson:
    """A section of an article.

    Attributes:
        section: Token ids and capitals, shape (tokens,) each.
        tags: Index in `TAGS` of each, shape (tokens,).
        cues: 1 for parts of a cue, shape (tokens,).
        statements: Which tokens are part of each statement, shape (statements, tokens).
        names: Which tokens name its speaker, shape (statements, 1 + tokens): the start token where none in the section does.
    """

    section: tuple[np.ndarray, np.ndarray]
    tags: np.ndarray
    cues: np.ndarray
    statements: np.ndarray
    names: np.ndarray


def read_articles(path: str | Path) -> list[dict[str, Any]]:
    """Read a set of articles with marked statements, as `data/README.md` describes them."""
    return [row.values for row in read_rows(path)]


def train(
    articles: Sequence[Mapping[str, Any]], dev: Sequence[Mapping[str, Any]], output: Path, settings: Settings
) -> dict[str, float]:
    """Train a quote reader, export it in 8 bits and measure it on dev.

    Args:
        articles: What to learn from.
        dev: What it is measured on.
        output: The new folder.
        settings: How.

    Returns:
        The scores of the exported reader on dev.
    """
    torch.manual_seed(settings.seed)
    rng = random.Random(settings.seed)
    output.mkdir(parents=True, exist_ok=True)
    tokenizer = AutoTokenizer.from_pretrained(settings.backbone)
    model = AutoModelForTokenClassification.from_pretrained(settings.backbone, num_labels=OUTPUTS, dtype=torch.float32)
    model.bert.encoder.layer = model.bert.encoder.layer[: settings.layers]
    model.config.num_hidden_layers = len(model.bert.encoder.layer)
    tokenizer.backend_tokenizer.save(str(output / TOKENIZER))
    keep_embeddings(model, trim_tokenizer(output / TOKENIZER, settings.vocabulary, [a["text"] for a in articles]))
    encoder = ArticleEncoder(output / TOKENIZER)
    new = {id(p) for p in model.classifier.parameters()}
    groups = [
        {"params": [p for p in model.parameters() if id(p) not in new], "highest": settings.learning_rate},
        {"params": list(model.classifier.parameters()), "highest": HEAD_RATE * settings.learning_rate},
    ]
    optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate, weight_decay=0.01)
    read = [_Marked(article) for article in articles]
    step, steps = 0, 0
    for epoch in range(settings.epochs):
        sections = [lesson for article in read for lesson in article.sections(encoder, rng)]
        sections.sort(key=lambda lesson: len(lesson.tags) + rng.randrange(SECTION // 8))
        batches = [sections[i : i + BATCH] for i in range(0, len(sections), BATCH)]
        rng.shuffle(batches)
        steps = steps or settings.epochs * len(batches)
        model.train()
        losses = []
        for batch in batches:
            for group in optimizer.param_groups:
                group["lr"] = group["highest"] * min(1.0, (step + 1) / (0.08 * steps)) * max(0.02, 1 - step / steps)
            parts = _losses(model, encoder, batch)
            optimizer.zero_grad()
            parts.sum().backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            step += 1
            losses.append(parts.tolist())
        told = " ".join(map("{} {:.3f}".format, ("tags", "cues", "speakers"), np.mean(losses, axis=0)))
        sys.stdout.write(f"epoch {epoch + 1} of {settings.epochs}: loss of {told}\n")
        sys.stdout.flush()
    model.eval()
    _export(model, encoder, read, output)
    reader = load_reader(output)
    return score((a["statements"], [q.to_dict() for q in reader.read(a["text"])]) for a in dev)


def write_card(folder: Path, sets: Mapping[str, Path], settings: Settings, scores: Mapping[str, float]) -> None:
    """Write the model card: what it does, data, figures, limits."""
    backbone = Path(settings.backbone).name
    text = f"""---
language: en
license: apache-2.0
library_name: stance-classifier
pipeline_tag: token-classification
base_model: {backbone}
---
# quotes: the statements of an article, and who makes them

Tags the statements of a news article, direct or reported, and the words that ascribe them, and points from each statement to the
words that name its speaker. `stance.quotes` makes quotes of that: names in full, roles, offsets, context.

- Backbone: `{backbone}`, the first {settings.layers} layers, {settings.vocabulary} tokens; one run of {settings.epochs} epochs,
  seed {settings.seed}; 8 bits.
- Train: {named_sets([sets["train"]])}: synthetic articles, composed and marked by a language model for this project.
- Dev: {named_sets([sets["dev"]])}.
- Licence: Apache-2.0, as that of the backbone.

On dev, {scores["statements"]} statements: recall {scores["recall"]:.3f}, precision {scores["precision"]:.3f} (a statement is found
where an F1 of its characters is 0.5 or more); of those found, the right speaker {scores["speaker"]:.3f}, the right form
{scores["form"]:.3f}. The rules behind the model were made with dev in view, so that these figures flatter a little.

Limits: English news. Long interviews, people called by nothing but a pronoun, statements without any words that ascribe them, and
speakers named only after many other people are where it errs most. It does not tell whether a quotation was really said.
"""
    (folder / "README.md").write_text(text, encoding="utf-8")


def _losses(model: Any, encoder: ArticleEncoder, batch: Sequence[Lesson]) -> torch.Tensor:
    """Return the weighted losses of tags, cues and speakers, shape (3,)."""
    arrays = {name: torch.from_numpy(value) for name, value in encoder.pad([x.section for x in batch]).items()}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(**arrays).logits.float()
    told = torch.cat([logits[i, 1 : len(x.tags) + 1] for i, x in enumerate(batch)])  # without start token and padding
    tags, cues = (torch.from_numpy(np.concatenate(each)) for each in zip(*((x.tags, x.cues) for x in batch), strict=True))
    tagging = functional.cross_entropy(told[:, : len(TAGS)], tags, weight=torch.tensor(TAG_WEIGHTS), label_smoothing=SMOOTHING)
    cueing = CUE_WEIGHT * functional.binary_cross_entropy_with_logits(told[:, CUE], cues.float())
    missed = []
    for i, x in enumerate(batch):
        if len(x.statements):
            out = logits[i, : len(x.tags) + 1]
            part = torch.from_numpy(x.statements).float()
            query = (part @ out[1:, QUERY]) / part.sum(dim=1, keepdim=True)
            z = query @ out[:, KEY].T / math.sqrt(POINTER)
            names = torch.from_numpy(x.names)
            missed.append(torch.logsumexp(z, 1) - torch.logsumexp(z.masked_fill(~names, -1e4), 1))
    pointing = SPEAKER_WEIGHT * torch.cat(missed).mean() if missed else torch.zeros(())
    return torch.stack([tagging, cueing, pointing])


class _Marked:
    """An article with its statements, and the places that name each speaker."""

    def __init__(self, article: Mapping[str, Any]) -> None:
        self.text: str = article["text"]
        self.statements: list[dict[str, Any]] = article["statements"]
        people = People(self.text)
        self.named = [_naming(self.text, people, s["speaker"]) for s in self.statements]
        self.cues = [_nearest(self.text, s["cue"], s["start"], s["end"]) for s in self.statements]

    def sections(self, encoder: ArticleEncoder, rng: random.Random) -> list[Lesson]:
        """Cut the article into sections at a random place, half of the time with other quotation marks."""
        tokens = encoder.encode(_other_marks(self.text, rng))
        tags, cues = np.zeros(len(tokens), dtype=np.int64), np.zeros(len(tokens), dtype=np.int64)
        parts, names = (np.zeros((len(self.statements), len(tokens)), dtype=bool) for _ in range(2))
        for number, (s, places, cue) in enumerate(zip(self.statements, self.named, self.cues, strict=True)):
            parts[number] = tokens.within(s["start"], s["end"])
            inside = np.flatnonzero(parts[number])
            if len(inside):
                begins = TAGS.index("B-direct" if s["form"] == "direct" else "B-reported")
                tags[inside[0] : inside[-1] + 1] = begins + 1
                tags[inside[0]] = begins
            for place in places:
                names[number] |= tokens.within(*place)
            if cue is not None:
                cues[tokens.within(*cue)] = 1
        lessons = []
        for start in range(-rng.randrange(SECTION), len(tokens), SECTION):
            part = slice(max(0, start), start + SECTION)
            if len(tokens.ids[part]) < 8:
                continue
            held = parts[:, part].any(axis=1)
            named = names[held, part]
            named = np.column_stack([~named.any(axis=1), named])
            lessons.append(Lesson(tokens.section(part), tags[part], cues[part], parts[held, part], named))
        return lessons


def _other_marks(text: str, rng: random.Random) -> str:
    """Swap an article's quotation marks for others, character by character, so that offsets stay."""
    if rng.random() < 0.5:
        return text
    used = max(QUOTES, key=lambda pair: min(text.count(pair[0]), text.count(pair[1])))
    new = rng.choice(QUOTES)
    if used == "‘’" or not text.count(used[0]):  # ’ is an apostrophe, too
        return text
    if used == '""':
        opening = re.compile(r'(?:(?<=^)|(?<=[\s(—–\[]))"', re.M)
        return opening.sub(new[0], text).replace('"', new[1])
    return text.translate(str.maketrans(used, new))


def _nearest(text: str, cue: str, start: int, end: int) -> tuple[int, int] | None:
    """Where a statement's cue stands: its nearest occurrence."""
    if not re.search(r"\w", cue):
        return None
    pattern = r"(?<!\w)" + r"\s+".join(map(re.escape, cue.split())) + r"(?!\w)"
    places = [m.span() for m in re.finditer(pattern, text, re.I)]
    away = {place: 0 if start <= place[0] < end else max(start - place[1], place[0] - end) for place in places}
    best = min(places, key=lambda place: away[place], default=None)
    return best if best is not None and away[best] < NEAR_CUE else None


def _naming(text: str, people: People, speaker: str) -> list[tuple[int, int]]:
    """Return where a speaker is named: each mention of the person, else the longest stretch of the description that occurs."""
    places = []
    for part in (p.strip() for p in speaker.split(";")):
        persons = [p for p in people.persons if p.name == part or p.name.endswith(f" {part}") or part.endswith(f" {p.name}")]
        found = [(m.start, m.end) for m in people.mentions if m.person in persons]
        words = part.split()
        for length in range(len(words), 0, -1):
            if found and length < len(words):
                break
            for stretch in (words[i : i + length] for i in range(len(words) - length + 1)):
                if length == len(words) or len(" ".join(stretch)) > 4:
                    pattern = r"(?<!\w)" + r"\s+".join(map(re.escape, stretch)) + r"(?!\w)"
                    found += [m.span() for m in re.finditer(pattern, text, re.I)]
        places += found
    return places


def _export(model: Any, encoder: ArticleEncoder, read: Sequence[_Marked], output: Path) -> None:
    """Write `model.onnx`, its 8-bit scales taken from sections of the training articles."""
    inputs = ["input_ids", "attention_mask", "token_type_ids"]
    graph = to_onnx(SimpleNamespace(model=model, input_names=inputs))
    rng = random.Random(0)
    rows = [lesson.section for article in read[:: math.ceil(len(read) / 64)] for lesson in article.sections(encoder, rng)[:3]]
    batches = (encoder.pad(rows[i : i + 16]) for i in range(0, len(rows), 16))
    onnx.save_model(quantize(graph, channel_maxima(graph, batches)), output / "model.onnx")
    digests = {name: sha256(output / name) for name in ("model.onnx", TOKENIZER)}
    about = {"name": "quotes", "library_version": __version__, "sha256": digests}
    (output / META_FILE).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Train from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path)
    parser.add_argument("dev", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    for name, value in vars(Settings()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    options = vars(parser.parse_args())
    sets, output = {name: options.pop(name) for name in ("train", "dev")}, options.pop("output")
    settings = replace(Settings(), **options)
    if output.exists() and any(output.iterdir()):
        parser.error(f"{output}: expected a new or empty folder; remove it or choose another")
    scores = train(read_articles(sets["train"]), read_articles(sets["dev"]), output, settings)
    write_card(output, sets, settings, scores)
    sys.stdout.write(json.dumps(scores) + "\n")


if __name__ == "__main__":
    main()
