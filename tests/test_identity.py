"""Who speaks: found where a text names the speaker, swapped without touching the rest."""

from __future__ import annotations

import random

import pytest

from stance.identity import find_speaker, replace, swap_speaker


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The Latvian minister said no.", {"country": "Latvian"}),
        ("Latvian sappers should go, the minister Ilze Kalna said.", {"office": "minister", "name": "Ilze Kalna"}),
        ("He wants it, said Green MP Jan van der Laan, who leads the group.", {"party": "Green", "name": "Jan van der Laan"}),
        ("General Delmas-Roy called it a seminar.", {"name": "General Delmas-Roy"}),
        ("Pavel Hruška, chair of the committee, refuses.", {"name": "Pavel Hruška"}),
        ("Not us, Senator Amy Stallworth said.", {"name": "Amy Stallworth"}),
        ("According to Solomiia Tverda, an adviser, it is late.", {"name": "Solomiia Tverda"}),
        ("For Ukraine, the chief can have the battalion.", {}),
        ("It lies with the National Security Council, he said.", {}),
        ("It was settled at Mont Valérien.", {}),
        ("No soldier of ours will go to Odesa.", {}),
        ("The Polish border and the French army are far away.", {}),
    ],
)
def test_only_the_speaker_is_found(text, found):
    assert {kind: match[1] for kind, match in find_speaker(text).items()} == found


def test_the_article_follows():
    text = "He had, a Greek admiral said, seen it."
    match = find_speaker(text)["country"]
    assert replace(text, match, "Irish") == "He had, an Irish admiral said, seen it."
    assert (
        replace(text.replace("a Greek", "an Irish"), find_speaker(text.replace("a Greek", "an Irish"))["country"], "Greek") == text
    )


def test_a_swap_leaves_everything_else():
    text = "Estonian sappers will be there by May, said deputy minister Jan Wilk, and they will stay."
    swapped = swap_speaker(text, random.Random(3))
    assert swapped != text and "Jan Wilk" not in swapped
    assert swapped.startswith("Estonian sappers will be there by May, said ") and swapped.endswith(", and they will stay.")
    nobody = "They will be there by May."
    assert swap_speaker(nobody, random.Random(3)) == nobody
