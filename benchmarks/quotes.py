"""Quote extraction on articles with marked statements, beside the bare quotation marks and textacy's direct quotations.

    python benchmarks/quotes.py data/articles/test.jsonl            # this project's sets, or folders of .txt with .jsonl beside
    python benchmarks/quotes.py --polnear FOLDER dev|test           # PolNeAR 1.0: articles.tar.gz and *.jsonl.gz of that split

Prints recall, precision and F1 of statements (exact, and by an F1 of their characters of 0.5 or more), the share found with
the right speaker, and recall by kind of cue.
"""

from __future__ import annotations

import argparse
import gzip
import json
import tarfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sklearn.metrics import f1_score

from stance.analysis import Analyzer
from stance.quotes import load_reader
from stance.quotes.people import People
from stance.quotes.scoring import match, same_speaker, spans
from stance.quotes.segments import paragraphs, quotations
from stance.tables import read_rows

SAYING = frozenset(
    """
    say tell add note claim argue insist state warn explain announce declare write tweet suggest acknowledge admit agree
    ask reply respond continue recall report predict stress emphasize emphasise believe think concede contend assert
    maintain observe remark conclude complain joke describe call reveal confirm deny vow promise urge counter object
    question wonder estimate
    """.split()
)
IRREGULAR = {"said": "say", "says": "say", "told": "tell", "wrote": "write", "thought": "think", "written": "write"}


def kind_of_cue(cue: str) -> str:
    """Sort a cue: a verb of saying of the list above, "according to", or other."""
    words = cue.lower().replace(":", " ").split()
    if "according" in words:
        return "according to"
    for word in words:
        stems = {word, IRREGULAR.get(word, word), word.removesuffix("s"), word.removesuffix("ed"), word.removesuffix("d")}
        stems |= {word.removesuffix("ing"), word.removesuffix("ing") + "e", word.removesuffix("ied") + "y", word.removesuffix("es")}
        if stems & SAYING:
            return "verb of saying"
    return "other"


def polnear(folder: Path, split: str) -> Iterator[dict[str, Any]]:
    """Yield the articles of a split of PolNeAR with content spans as statements."""
    statements: dict[str, list[dict[str, Any]]] = defaultdict(list)
    with gzip.open(folder / f"{split}.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            content = [span for part in row["content"] for span in part["spans"]]
            if content:
                source = " ".join(part["text"] for part in row["source"])
                cue = " ".join(part["text"] for part in row["cue"])
                start, end = min(s for s, _ in content), max(e for _, e in content)
                where = [span for part in row["source"] for span in part["spans"]]
                statements[row["doc"]].append({"start": start, "end": end, "speaker": source, "cue": cue, "where": where})
    with tarfile.open(folder / "articles.tar.gz") as archive:
        for member in archive.getmembers():
            path = Path(member.name)
            file_object = archive.extractfile(member) if path.suffix == ".txt" and path.parts[0] == split else None
            if file_object is not None:
                yield {"text": file_object.read().decode("utf-8"), "statements": statements[path.stem]}


def marked(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the articles of a set in this project's form, or of a folder of texts with their statements beside."""
    if path.is_dir():
        for text in sorted(path.glob("*.txt")):
            yield {
                "text": text.read_text(encoding="utf-8"),
                "statements": [r.values for r in read_rows(text.with_suffix(".jsonl"))],
            }
    else:
        yield from (row.values for row in read_rows(path))


def textacy() -> Callable[[str], list[dict[str, Any]]]:
    """Return textacy's direct quotations; an article that it refuses (an odd number of marks) has none."""
    import spacy  # type: ignore[import-not-found]
    from textacy.extract import direct_quotations  # type: ignore[import-not-found]

    nlp = spacy.load("en_core_web_sm")

    def read(text: str) -> list[dict[str, Any]]:
        try:
            found = list(direct_quotations(nlp(text)))
        except ValueError:
            return []
        return [
            {"start": q.content.start_char, "end": q.content.end_char, "speaker": " ".join(t.text for t in q.speaker)}
            for q in found
        ]

    return read


def quotation_marks(text: str) -> list[dict[str, Any]]:
    """Take each quotation of three words or more for a statement of the person whose name stands nearest."""
    found = []
    people = People(text)
    for q in (q for part in paragraphs(text) for q in quotations(text, part) if len(q.inner.of(text).split()) >= 3):
        outside = (m for m in people.mentions if m.end <= q.start or m.start >= q.end)
        nearest = min(outside, key=lambda m: max(q.start - m.end, m.start - q.end), default=None)
        found.append({"start": q.inner.start, "end": q.inner.end, "speaker": nearest.person.name if nearest else ""})
    return found


def measure(articles: Sequence[Mapping[str, Any]], read: Callable[[str], list[dict[str, Any]]]) -> dict[str, float]:
    """Return the figures of one reader."""
    count: Counter[str] = Counter()
    for article in articles:
        gold, found = article["statements"], read(article["text"])
        places = spans(gold), spans(found)
        pairs = match(*places)
        count["expected"] += len(gold)
        count["found"] += len(found)
        count["matched"] += len(pairs)
        count["exact"] += len(match(*places, least=0.999))
        count["speaker"] += sum(_same(article["text"], gold[i], found[j]) for i, j in pairs.items())
        for i, s in enumerate(gold):
            kind = kind_of_cue(s.get("cue", ""))
            count[f"expected, {kind}"] += 1
            count[f"matched, {kind}"] += i in pairs

    def share(part: str, whole: str) -> float:
        return count[part] / max(1, count[whole])

    out = {"recall": share("matched", "expected"), "precision": share("matched", "found")}
    out["F1"] = 2 * count["matched"] / max(1, count["expected"] + count["found"])
    out["exact F1"] = 2 * count["exact"] / max(1, count["expected"] + count["found"])
    out["speaker"] = share("speaker", "matched")
    for kind in ("verb of saying", "according to", "other"):
        out[f"recall, {kind} ({count[f'expected, {kind}']})"] = share(f"matched, {kind}", f"expected, {kind}")
    return out


def stances(articles: Sequence[Mapping[str, Any]], analyzer: Analyzer) -> dict[str, float]:
    """Return how often stance and topic are right on the statements that were found; disputed ones are left out."""
    gold, found, topics = [], [], []
    for article in articles:
        statements = analyzer.analyze(article["text"])
        wanted = [s for s in article["statements"] if not set(s.get("disputed", [])) & {"label", "span", "on_topic"}]
        pairs = match(spans(wanted), [(s.start, s.end) for s in statements])
        for i, j in pairs.items():
            gold.append(wanted[i]["label"])
            found.append(statements[j].prediction.label)
            if "on_topic" in wanted[i]:
                topics.append(wanted[i]["on_topic"] == statements[j].on_topic)
    out = {"stance macro-F1": float(f1_score(gold, found, average="macro")), "statements": len(gold)}
    return out | ({"on topic": sum(topics) / len(topics)} if topics else {})


def _same(text: str, gold: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Whether the speaker is right; of PolNeAR's sources, which may be "she", whether the words lie in the source or name it."""
    if same_speaker(gold["speaker"], found["speaker"]):
        return True
    words = set(found["speaker"].casefold().split())
    return "where" in gold and bool(words & set(gold["speaker"].casefold().replace("’s", "").split()) - {"the", "a", "of"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--polnear", action="store_true", help="the first is PolNeAR's folder, the second a split")
    parser.add_argument("--reader", type=Path, help="a quote reader's folder; default: the shipped one")
    parser.add_argument("--stance", action="store_true", help="measure stance and topic of what was found, too")
    parser.add_argument("--textacy", action="store_true", help="beside textacy, where it and en_core_web_sm are installed")
    options = parser.parse_args()
    sets = (
        {"PolNeAR": list(polnear(options.sets[0], str(options.sets[1])))}
        if options.polnear
        else {str(path): list(marked(path)) for path in options.sets}
    )
    reader = load_reader(options.reader)
    sides: dict[str, Callable[[str], list[dict[str, Any]]]] = {
        "stance": lambda text: [q.to_dict() for q in reader.read(text)],
        "quotation marks": quotation_marks,
    }
    if options.textacy:
        sides["textacy"] = textacy()
    for name, articles in sets.items():
        for side, read in sides.items():
            figures = measure(articles, read)
            if options.stance and side == "stance":
                figures |= stances(articles, Analyzer(reader=reader))
            print(f"{name}, {side}: " + ", ".join(f"{key} {value:.3f}" for key, value in figures.items()))


if __name__ == "__main__":
    main()
