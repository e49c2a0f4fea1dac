"""From an article to who stands where: the function, the command line, and the page as a browser shows it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from conftest import ROOT

import stance
from stance import InputError
from stance.page import Page
from stance.results import ModelInfo, Prediction, Statement
from stance.tally import Tally

ARTICLE = (ROOT / "data" / "examples" / "article.txt").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def statements() -> list[Statement]:
    return stance.analyze(ARTICLE)


def test_the_example_article(statements):
    """Six speakers; who takes which side on the target, and nothing in the article's own voice."""
    sides: dict[str, set[str]] = {}
    for s in statements:
        assert ARTICLE[s.start : s.end] == s.text
        if s.on_topic and s.prediction.label != "neutral":
            sides.setdefault(s.speaker, set()).add(s.prediction.label)
    assert sides["Liisa Raudsepp"] == sides["Mads Holmgaard"] == {"supporting"}
    assert sides["Gergely Pásztor"] == sides["Vadim Lukhovitsky"] == {"opposing"}
    assert set(sides) <= {"Liisa Raudsepp", "Mads Holmgaard", "Gergely Pásztor", "Vadim Lukhovitsky", "Beatriz Salvador"}
    ammunition = [s for s in statements if "deliveries" in s.text]
    assert [(s.speaker, s.on_topic) for s in ammunition] == [("Liisa Raudsepp", False)]
    assert not any("housing" in s.text or "Copenhagen" in s.text for s in statements)


def test_many_articles_give_what_each_gives_alone(statements):
    other = "Rain fell on Brno all day. “The river is rising,” said the mayor, Jan Kos."
    assert stance.analyze([ARTICLE, other]) == [statements, stance.analyze(other)]
    with pytest.raises(InputError, match="empty"):
        stance.analyze("  \n")
    with pytest.raises(InputError, match="int"):
        stance.analyze([5])


def statement(speaker: str, text: str, label: str | None, topic: float = 1.0, start: int = 0) -> Statement:
    scores = dict.fromkeys(stance.LABELS, 0.05) | {label or "neutral": 0.9}
    prediction = Prediction(label, 0.9, scores, topic, label is None, 1, ModelInfo("m", "r", "v"))
    return Statement(speaker, "", text, start, start + len(text), "direct", "said", "", prediction, ModelInfo("quotes", "b", "0"))


def test_a_quotation_in_several_articles_counts_once():
    tally = Tally()
    tally.add([statement("Anna Kos", "We will go.", "supporting"), statement("Jan Wilk", "We will go.", "supporting")])
    tally.add([statement("Anna Kos", "“We will go”", "supporting"), statement("anna kos", "Not we.", "opposing")])
    tally.add([statement("Jan Wilk", "It rains.", "neutral", topic=0.1), statement("", "Perhaps.", None)])
    speakers = {s.name: s for s in tally.speakers()}
    assert tally.repeated == 1 and tally.articles == 3
    assert speakers["Anna Kos"].side == "both" and speakers["Jan Wilk"].side == "for" and speakers["Jan Wilk"].off_topic == 1
    tally.add([statement("Anna Kos; Eva Orr", "Both of us.", "supporting")])
    assert {s.name: s.side for s in tally.speakers()}["Eva Orr"] == "for"
    assert tally.sides() == {"for": ["Eva Orr", "Jan Wilk"], "against": [], "both": ["Anna Kos"], "open": ["(nobody named)"]}


class _Text(HTMLParser):
    """What a screen reader would read, and the marks with their classes."""

    def __init__(self) -> None:
        super().__init__()
        self.text, self.open, self.marks = "", [], []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "br"):
            self.open.append((tag, dict(attrs)))
        if tag == "mark":
            self.marks.append((dict(attrs)["class"], ""))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag, f"</{tag}> closes another"

    def handle_data(self, data):
        if self.open and self.open[-1][0] == "mark":
            self.marks[-1] = (self.marks[-1][0], self.marks[-1][1] + data)
        if self.open and self.open[-1][0] not in ("style", "title"):
            self.text += data


def test_the_page_tells_everything_in_text_and_escapes_what_it_shows(tmp_path):
    article = "<b>Kos</b> & Wilk\n\n“We go.\n\nAnd stay.”\n\nIt rains <script>."
    start = article.index("We go")
    with Page(tmp_path / "p.html", "troops & <more>", "model") as page:
        page.add("a <name>", article, [statement("Anna <Kos>", article[start : start + 17], "supporting", start=start)])
    html = (tmp_path / "p.html").read_text(encoding="utf-8")
    parser = _Text()
    parser.feed(html)
    assert parser.open == [] and "<script" not in html and "http" not in html
    for words in ("For", "Anna <Kos>", "Against", "nobody", "a <name>", "It rains <script>.", "supporting 0.90"):
        assert words in parser.text
    marked = [(kind, text) for kind, text in parser.marks if text not in stance.LABELS and "matter" not in text]
    assert marked == [("supporting", "We go."), ("supporting", "And stay.")]


def test_no_page_is_left_by_a_failure(tmp_path):
    with pytest.raises(RuntimeError), Page(tmp_path / "p.html", "t", "m"):
        raise RuntimeError
    with Page(tmp_path / "p.html", "t", "m"):
        pass  # no article, no page
    with pytest.raises(InputError, match="folder"), Page(tmp_path / "none" / "p.html", "t", "m"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_command_line(cli, tmp_path: Path):
    file = tmp_path / "a.txt"
    file.write_text(ARTICLE, encoding="utf-8")
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe")
    done = cli("analyze", file, "--html", tmp_path / "a.html")
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert re.search(r"^for: .*Liisa Raudsepp", done.stdout, re.M) and re.search(r"^against: .*Gergely Pásztor", done.stdout, re.M)
    assert "Gergely Pásztor" in (tmp_path / "a.html").read_text(encoding="utf-8")
    done = cli("analyze", tmp_path, "--json")
    assert done.returncode == 3 and done.stderr.count("\n") == 1 and "bad.txt" in done.stderr and "UTF-8" in done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [ARTICLE[row["start"] : row["end"]] for row in rows] == [row["text"] for row in rows]
    assert {"article", "speaker", "stance", "on_topic", "model", "reader"} <= set(rows[0])
    done = cli("analyze", "-", input=ARTICLE)
    assert done.returncode == 0 and "Beatriz Salvador" in done.stdout
    assert cli("analyze", tmp_path / "none.txt").returncode == 2


def test_the_page_in_a_browser(cli, tmp_path: Path):
    """A browser lays the page out without horizontal scrolling, and its marks differ by more than colour."""
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("NO CHROMIUM HERE: the page was not looked at in a browser; install Debian's package chromium")
    file = tmp_path / "a.html"
    assert cli("analyze", ROOT / "data/examples/article.txt", "--html", file).returncode == 0
    probe = (
        "<script>const s = c => getComputedStyle(document.querySelector('article mark.' + c)).borderBottomStyle;"
        "document.title = [document.documentElement.scrollWidth <= innerWidth, s('supporting'), s('opposing')].join()</script>"
    )
    (tmp_path / "probe.html").write_text(file.read_text(encoding="utf-8") + probe, encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", "--window-size=500,800"]
    command = [browser, *options, str(tmp_path / "probe.html")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert "<title>true,solid,double</title>" in done.stdout, done.stdout[:300] + done.stderr[-300:]
