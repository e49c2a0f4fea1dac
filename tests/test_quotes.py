"""Who says what: quotation marks of all kinds, names, and the reader on planted articles and on any text."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stance.errors import StanceError
from stance.quotes import QuoteReader, load_reader
from stance.quotes.context import Surroundings
from stance.quotes.decoding import Found, join, spoken_paragraphs
from stance.quotes.people import People
from stance.quotes.reader import _description
from stance.quotes.scoring import match, overlap, same_speaker
from stance.quotes.segments import paragraphs, quotations, sentences


def inner(text: str) -> list[str]:
    return [q.inner.of(text) for p in paragraphs(text) for q in quotations(text, p)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"We go," she said. "And soon."', ["We go,", "And soon."]),
        ("“We go,” she said.", ["We go,"]),
        ("‘We don’t go,’ he said, of the soldiers’ pay.", ["We don’t go,"]),
        ("He called it ‘a stroll’ for the boys’ sake.", ["a stroll"]),
        ("«Nous y allons», he said; »we go«, she said.", ["Nous y allons", "we go"]),
        ("„Wir gehen“, he said.", ["Wir gehen"]),
        ("”Vi går”, he said.", ["Vi går"]),
        ("She said: “He told me ‘no’ twice.”", ["He told me ‘no’ twice."]),
        ("“The first paragraph.\n\n“The second,” he said.", ["The first paragraph.", "The second,"]),
        ("“The mark was forgotten, he said. She left.", ["The mark was forgotten, he said. She left."]),
        ("It's the soldiers' dog, 6\" tall, rock 'n' roll.", []),
        ("", []),
    ],
)
def test_quotation_marks(text, expected):
    assert inner(text) == expected


MARKS = "“”„‟‘’‚‛«»‹›\"'"
PIECES = [*MARKS, " ", "\n", "\n\n", ".", ",", "!", "he said", "Kos", "We go", "é", "\u2028", "🙂"]
NOISE = st.lists(st.sampled_from(PIECES), max_size=60)


@given(NOISE.map("".join) | st.text(max_size=200))
def test_segments_hold_on_any_text(text):
    """Paragraphs, quotations and sentences lie in one another, in order, without overlap, and cover every visible character."""
    covered = 0
    for paragraph in paragraphs(text):
        assert covered <= paragraph.start < paragraph.end <= len(text)
        assert not text[covered : paragraph.start].strip()
        covered = place = paragraph.end
        place = paragraph.start
        quoted = quotations(text, paragraph)
        for q in quoted:
            assert place <= q.start < q.inner.start < q.inner.end <= q.end <= paragraph.end
            place = q.end
        place = paragraph.start
        for sentence in sentences(text, paragraph, quoted):
            assert not text[place : sentence.start].strip()
            assert not any(q.start < sentence.start < q.end for q in quoted)
            place = sentence.end
        assert not text[place : paragraph.end].strip()
    assert not text[covered:].strip()


def test_names_and_their_short_forms():
    text = (
        "Czech Defence Minister Jana Vrbová-Kos met Petr Holub, a retired general, in Brno. Vrbová-Kos and General Holub "
        "disagreed. Polar Shipping Agency Arkady Orlov, said J. Vrbová-Kos. Anna Holub was not there."
    )
    people = People(text)
    assert [p.name for p in people.persons] == ["Jana Vrbová-Kos", "Petr Holub", "Arkady Orlov", "Anna Holub"]
    assert [(text[m.start : m.end], m.person.name) for m in people.mentions] == [
        ("Jana Vrbová-Kos", "Jana Vrbová-Kos"),
        ("Petr Holub", "Petr Holub"),
        ("Vrbová-Kos", "Jana Vrbová-Kos"),
        ("Holub", "Petr Holub"),
        ("Arkady Orlov", "Arkady Orlov"),
        ("J. Vrbová-Kos", "Jana Vrbová-Kos"),
        ("Anna Holub", "Anna Holub"),
    ]
    assert people.persons[1].role == "a retired general"


def test_matching_is_one_to_one_and_by_overlap():
    assert overlap((0, 10), (5, 15)) == 0.5 and overlap((0, 4), (4, 8)) == 0
    assert match([(0, 10), (10, 20)], [(0, 20), (11, 20)]) == {1: 1, 0: 0}
    assert match([(0, 10)], [(0, 10), (0, 9)]) == {0: 0}
    assert same_speaker("Jana Vrbová", "the minister Jana Vrbová") and same_speaker("Kos; Orlov", "Orlov and Kos")
    assert same_speaker("Anna Zed; Bob Ash", "Zed; Ash") and not same_speaker("", "")
    assert not same_speaker("Jana Vrbová", "Petr Vrba") and not same_speaker("Kos; Orlov", "Kos")


@pytest.fixture(scope="module")
def reader() -> QuoteReader:
    return load_reader()


ARTICLE = """Holub: Not one soldier

BRNO – Czech Defence Minister Jana Vrbová said on Tuesday that a battalion would leave for Ukraine in May. “Our engineers are
ready,” she told reporters. “They have been ready for a year.”

Petr Holub, the leader of the opposition, ruled out sending a single soldier. The plan was a gamble, he said.

The cabinet meets on Friday. Last year it met in Prague.
"""


def test_a_planted_article(reader):
    quotes = reader.read(ARTICLE)
    found = {q.text: (q.speaker, q.form) for q in quotes}
    assert found["a battalion would leave for Ukraine in May"] == ("Jana Vrbová", "reported")
    (direct,) = (q for q in quotes if q.text.startswith("Our engineers"))
    assert direct.text.endswith("for a year.") and (direct.speaker, direct.form) == ("Jana Vrbová", "direct")
    assert any("ruled out" in q.text and q.speaker == "Petr Holub" for q in quotes)
    assert any(q.text.startswith("The plan was a gamble") and q.speaker == "Petr Holub" for q in quotes)
    assert not any("Friday" in q.text or "Prague" in q.text for q in quotes)


@st.composite
def articles_with_stray_marks(draw: st.DrawFn) -> str:
    """The article with quotation marks inserted and removed at random."""
    text = list(ARTICLE)
    for _ in range(draw(st.integers(0, 12))):
        place = draw(st.integers(0, len(text) - 1))
        if draw(st.booleans()):
            text.insert(place, draw(st.sampled_from(MARKS)))
        elif text[place] in MARKS:
            del text[place]
    return "".join(text)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300) | NOISE.map(" ".join) | articles_with_stray_marks())
@example("\ud800 “broken” he said")
@example("“" * 400)
def test_offsets_hold_and_nothing_is_raised(reader, text):
    place = 0
    for quote in reader.read(text):
        assert text[quote.start : quote.end] == quote.text and quote.text.strip() == quote.text
        assert place <= quote.start < quote.end
        place = quote.end


@pytest.mark.parametrize("words", ["We go to Kyiv,", "No to War,", "NOT ON MY WATCH"])
def test_short_quotations_are_no_titles(reader, words):
    text = f"“{words}” the minister, Anna Kos, told reporters on Monday."
    assert [(q.text.rstrip(","), q.speaker) for q in reader.read(text)] == [(words.rstrip(","), "Anna Kos")]


@pytest.mark.parametrize(
    ("parts", "gap", "cue", "whole"),
    [
        (("All of them are", "out of danger"), ", according to the hospital, ", "according to", True),
        (("the speech was known", "the troops were new"), ", whereas what it said about ", "", True),
        (("he backed the plan", "she did not"), ", and Eva Orr said ", "said", False),
        (("he backed the plan", "she did not"), ". Later that day ", "", False),
    ],
)
def test_parts_of_one_statement_are_joined(parts, gap, cue, whole):
    text = gap.join(parts)
    found = [Found(text.index(part), text.index(part) + len(part), False) for part in parts]
    cues = [(text.index(cue), text.index(cue) + len(cue))] if cue else []
    assert join(text, found, cues) == ([Found(0, len(text), False)] if whole else found)


SPEECH = "The minister, Anna Kos, said she would go.\n\nThis is how we see it, and so does every neighbour."


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        (SPEECH, True),
        (SPEECH.replace("we see", "they see"), False),
        (SPEECH.replace("we see it", "it was in World War I"), False),
        (SPEECH + "\n\nWe have heard this before, and our readers have, too.", False),  # an essay: "we" tells nothing
        (SPEECH.replace("said she would go", "left"), False),  # nobody spoke
    ],
)
def test_a_bare_paragraph_in_the_first_person_is_speech(text, spoken):
    found = [Found(text.index("she would"), text.index(".\n"), False)] if "she would" in text else []
    places = Surroundings(text)
    expected = [Found(places.paragraphs[1].start, places.paragraphs[1].end, True, follows=True)] if spoken else []
    assert spoken_paragraphs(text, places.paragraphs, places.quotations, found) == expected


@pytest.mark.parametrize(
    ("sentence", "pointed", "expected"),
    [
        ("In Berlin, the defence ministry in Warsaw said so.", "ministry", "defence ministry in Warsaw"),
        ("A senior diplomat from Spain said so.", "diplomat", "senior diplomat from Spain"),
        ("As the Russian presidential spokesman said.", "presidential", "Russian presidential spokesman"),
        ("So said the corporal’s mother.", "mother", "corporal’s mother"),
        ("They said a", "a", ""),
    ],
)
def test_an_unnamed_speaker_is_described_whole(sentence, pointed, expected):
    start = sentence.rindex(pointed)
    assert _description(sentence, start, start + len(pointed)) == expected


def test_context_is_the_title_and_the_sentences_before():
    surroundings = Surroundings(ARTICLE)

    def context(words: str) -> str:
        return surroundings.context(ARTICLE.index(words))

    assert context("Not one soldier") == ""
    assert context("a battalion") == "Holub: Not one soldier"
    assert context("They have been").startswith("Holub: Not one soldier. BRNO – Czech Defence Minister")
    assert context("ruled out").endswith("They have been ready for a year.”")
    assert (
        context("The plan was")
        == "Holub: Not one soldier. Petr Holub, the leader of the opposition, ruled out sending a single soldier."
    )
    assert len(Surroundings("word " * 90 + ".\n\nShe left. He went.").context(463)) < 130


def test_a_damaged_reader_is_refused(tmp_path):
    for content in ("{", "{}", "[]"):
        (tmp_path / "quotes.json").write_text(content)
        with pytest.raises(StanceError, match=r"quotes\.json"):
            load_reader(tmp_path)
    with pytest.raises(StanceError, match="expected a quote reader"):
        load_reader(tmp_path / "none")


def test_a_long_article_is_read_like_its_parts(reader):
    """Sections overlap: what is found in an article is found again behind ten others."""
    alone = {(q.text, q.speaker) for q in reader.read(ARTICLE)}
    others = "\n\n".join(f"The mills of town {i} are working, and the harvest came late this year." * 4 for i in range(60))
    later = {(q.text, q.speaker) for q in reader.read(others + "\n\n" + ARTICLE)}
    assert len(alone) >= 4 and len(alone & later) >= 0.8 * len(alone)
