"""The HTML page of an analysis: one file, no script, no network; stance is told by words and marks as well as by colour."""

from __future__ import annotations

import html
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from stance.errors import InputError
from stance.labels import LABELS
from stance.results import Statement
from stance.tally import Tally

# Colours that people with any common colour blindness tell apart (Okabe & Ito 2008, "Color Universal Design").
_STYLE = """
:root { color-scheme: light; }
body { font: 1.05rem/1.65 Georgia, "Times New Roman", serif; color: #1a1a1a; background: #fff; max-width: 46rem;
  margin: 2rem auto; padding: 0 1rem; }
h1, h2, h3, table, .tag, .legend, .summary, footer { font-family: system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
article p { white-space: pre-line; }
mark { background: none; color: inherit; padding: .1em .15em; border-radius: .15em; }
mark.supporting { background: #d6ebf8; border-bottom: 3px solid #0072b2; }
mark.opposing { background: #fbe3d2; border-bottom: 3px double #b84e00; }
mark.neutral { background: #f0f0f0; border-bottom: 2px dotted #555; }
mark.abstained { border: 1px dashed #555; }
mark.off { border-bottom: 1px dotted #999; }
.tag { font-size: .72rem; line-height: 1; border: 1px solid currentColor; border-radius: .6em; padding: .1em .5em;
  margin: 0 .2em; }
.tag.supporting { color: #005a8c; } .tag.opposing { color: #9a4100; } .tag.neutral, .tag.off { color: #444; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; } caption { text-align: left; padding-bottom: .4rem; }
th, td { text-align: left; padding: .3rem .5rem; border-bottom: 1px solid #ccc; vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
dl.summary { display: grid; grid-template-columns: 9rem 1fr; gap: .3rem 1rem; } dt { font-weight: 600; } dd { margin: 0; }
footer { margin-top: 3rem; font-size: .8rem; color: #444; border-top: 1px solid #ccc; padding-top: .8rem; }
@media print { body { max-width: none; margin: 0; font-size: 11pt; } tr { break-inside: avoid; }
  mark, .tag { -webkit-print-color-adjust: exact; print-color-adjust: exact; } }
"""
_SIGNS = {"supporting": "+", "opposing": "−", "neutral": "○", "": "?"}
_SIDES = {"for": "For", "against": "Against", "both": "On both sides", "open": "Takes no side"}


class Page:
    """Writes the page article by article, in constant memory; the file appears under its name when it is whole.

    Args:
        path: The file to write.
        target: What the stances are about.
        models: The models that found the statements and their stances.
    """

    def __init__(self, path: str | Path, target: str, models: str) -> None:
        self.path = Path(path)
        self.target, self.models = target, models
        self.tally = Tally()

    def __enter__(self) -> Page:
        if not self.path.absolute().parent.is_dir():
            raise InputError(f"{self.path}: expected a folder to write into, found none at {self.path.absolute().parent}")
        self._body = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        return self

    def add(self, name: str, article: str, statements: Sequence[Statement]) -> None:
        """Add one article."""
        self.tally.add(statements)
        self._body.write(_article(self.tally.articles, name, article, statements))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._body as body:
            if kind is not None or not self.tally.articles:
                return
            temporary = self.path.with_name(f".{self.path.name}.part")
            with temporary.open("w", encoding="utf-8", errors="replace") as file:
                file.write(self._head())
                body.seek(0)
                while chunk := body.read(1 << 16):
                    file.write(chunk)
                file.write(self._foot())
            temporary.replace(self.path)

    def _head(self) -> str:
        target, tally = html.escape(self.target), self.tally
        sides = tally.sides()
        rows = "".join(
            f"<dt>{_SIDES[side]}</dt><dd>{html.escape(', '.join(names)) or 'nobody'}</dd>"
            for side, names in sides.items()
            if names or side in ("for", "against")
        )
        articles = "1 article" if tally.articles == 1 else f"{tally.articles} articles"
        legend = " ".join(f'<mark class="{label}">{label}</mark> ({_SIGNS[label]})' for label in LABELS)
        return (
            f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f"<title>Who is for, who is against: {target}</title><style>{_STYLE}</style></head><body><main>\n"
            f"<h1>Who is for, who is against</h1>\n<p>{target[:1].upper()}{target[1:]}, in {articles}.</p>\n"
            f'<dl class="summary">{rows}</dl>\n{_table(tally)}\n'
            f'<p class="legend">In the text: {legend}; <mark class="off">on another matter</mark>. '
            "The number is the probability of the stance.</p>\n"
        )

    def _foot(self) -> str:
        return (
            f"</main><footer>Made with {html.escape(self.models)}. Programs "
            "err: read a sample yourself before you publish a count.</footer></body></html>\n"
        )


def _table(tally: Tally) -> str:
    rows = []
    speakers = tally.speakers()
    abstained = any(speaker.counts[""] for speaker in speakers)
    for speaker in speakers:
        if not speaker.side:
            continue
        cells = "".join(f'<td class="n">{speaker.counts[label]}</td>' for label in LABELS)
        if abstained:
            cells += f'<td class="n">{speaker.counts[""]}</td>'
        rows.append(
            f'<tr><th scope="row">{html.escape(speaker.name)}</th><td>{html.escape(speaker.role)}</td>{cells}'
            f'<td class="n">{speaker.off_topic}</td></tr>'
        )
    if not rows:
        return "<p>No statement on this matter was found.</p>"
    names = [*LABELS, *(["abstained"] if abstained else []), "on other matters"]
    head = "".join(f'<th scope="col" class="n">{name}</th>' for name in names)
    repeated = f"; {tally.repeated} repeated ones counted once" if tally.repeated else ""
    return (
        f'<div class="wide"><table><caption>Statements by speaker{repeated}</caption><thead><tr>'
        f'<th scope="col">Speaker</th><th scope="col">Role</th>{head}'
        f"</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _article(number: int, name: str, article: str, statements: Sequence[Statement]) -> str:
    parts, place = [], 0
    for statement in statements:
        parts.append(html.escape(article[place : statement.start]))
        parts.append(_marked(statement))
        place = statement.end
    parts.append(html.escape(article[place:]))
    text = "".join(parts)
    paragraphs = "".join(f"<p>{part.strip()}</p>\n" for part in text.split("\n\n") if part.strip())
    title = f'<h2 id="a{number}">{html.escape(name)}</h2>'
    return f'<section aria-labelledby="a{number}">{title}\n<article>\n{paragraphs}</article></section>\n'


def _marked(statement: Statement) -> str:
    label = statement.prediction.label or ""
    kind = (label or "abstained") if statement.on_topic else "off"
    told = f"{label or 'abstained'} {statement.prediction.score:.2f}" if statement.on_topic else "other matter"
    sign = f"{_SIGNS[label]} " if statement.on_topic else ""
    words = html.escape(statement.text)
    # a mark may not reach over paragraphs in HTML: it is closed and opened again
    words = words.replace("\n\n", f'</mark>\n\n<mark class="{kind}">')
    who = html.escape(statement.speaker or "nobody named")
    return f'<mark class="{kind}">{words}</mark><span class="tag {kind}">{sign}{who}: {told}</span>'
