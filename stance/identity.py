"""Who speaks must not matter: finding the words that name a statement's speaker, and swapping them.

Only words that stand for the speaker are touched. The country of the soldiers ("Latvian sappers") is content and stays.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

COUNTRIES = (
    "American Australian Austrian Belgian British Bulgarian Canadian Croatian Czech Danish Dutch Estonian Finnish French German "
    "Greek Hungarian Icelandic Irish Italian Japanese Latvian Lithuanian Norwegian Polish Portuguese Romanian Slovak Slovenian "
    "Spanish Swedish Swiss Turkish"
).split()
PARTIES = (
    "Liberal,Labour,Conservative,Green,Socialist,Social Democratic,Christian Democratic,Centre Party,Left Party,Republican,"
    "nationalist,centrist,independent"
).split(",")
OFFICES = (
    "MP,senator,deputy,ambassador,general,colonel,admiral,analyst,mayor,minister,defence minister,foreign minister,"
    "deputy minister,state secretary,spokesman,spokeswoman,commissioner,chief of staff,committee chair,lawmaker"
).split(",")
FORENAMES = (
    "Adrián,Agnieszka,Aino,Alastair,Anselm,Astrid,Beatriz,Björn,Camille,Carys,Chiara,Cormac,Dagmar,Darius,Dimitra,Eamon,Edgars,"
    "Elif,Emre,Fionn,Fleur,Gudrun,Hendrik,Henrique,Ioana,Iris,Jakub,Janez,Jolana,Kaisa,Katrin,Kerem,Lars,Leonor,Liisa,Luca,Maarten,"
    "Magnus,Marek,Marisol,Mihai,Milena,Niamh,Nikos,Oskar,Pavel,Raquel,Roland,Sabine,Sakari,Signe,Silvia,Stefan,Tadeusz,Teresa,Tibor,"
    "Ulrike,Vesna,Wanda,Yannis"
).split(",")
SURNAMES = (
    "Abbot,Aalto,Albescu,Arnesen,Baranyi,Beaumont,Bergqvist,Brandt,Caldwell,Castellani,Cosgrave,Dahl,Delacroix,Dobrev,Dvořák,"
    "Engström,Farkas,Fernandes,Fischer,Galanis,Garrido,Goossens,Haugen,Hoxha,Ivanauskas,Jansen,Kask,Kaya,Kowal,Kramer,Lefort,"
    "Liepa,Lindgren,Maddox,Marchetti,Mäkinen,Nieminen,Novák,O'Dwyer,Oliveira,Pallas,Petrov,Quintana,Radu,Rasmussen,Ricci,Sahin,"
    "Sandoval,Schuster,Sikora,Stavrou,Tamm,Thorne,Urban,Vermeer,Vidal,Walsh,Weber,Yıldız,Zeman"
).split(",")
_WORD = r"[A-ZÀ-Ž][\w’'-]+"
_NAME = rf"{_WORD} (?:(?:van der|van|von|de|der|di|da|Mac|ter) )?{_WORD}"
_SAYING = r"said|told|added|wrote|argued|replied|called|asked|noted|warned|who|demanded|spoke"
_TITLES = "MP MEP TD Dr Senator Minister President Deputy Congressman Congresswoman Representative General Colonel Major".split()
_TITLED = "|".join(rf"(?<=\b{title} )" for title in _TITLES)
_NO_PLACE = "".join(rf"(?<!\b{word} )" for word in "the at in of to from for on into near by with than and".split())
_NO_NAME = "Any|As|At|By|Every|For|From|In|Last|Mister|Mr|Next|No|Of|On|The|To|What|With|Without"
_BODY = "Act|Alliance|Army|Assembly|Corps|Council|Forces?|Minister|Movement|Parliament|Party|Service|Street|Union"
_OFFICE = "|".join(sorted(OFFICES, key=len, reverse=True))
_BEFORE = r"(?:prime|deputy|former|retired|opposition|shadow|vice)"
PATTERNS = {
    # "the Latvian minister": the adjective of a country, or a party's name, just before an office
    "country": re.compile(rf"\b({'|'.join(COUNTRIES)})(?=(?: {_BEFORE})? (?:{_OFFICE})\b)"),
    "party": re.compile(rf"\b({'|'.join(PARTIES)})(?= (?:{_OFFICE}|leader|spokesperson|politician)\b)"),
    "office": re.compile(rf"(?<=\bthe )({_OFFICE})(?= (?:{_SAYING}|{_NAME}))"),
    # after a title, a small word (less those before places and bodies), a comma or a quotation mark, or first; and before a verb
    # of saying, a comma or the end
    "name": re.compile(
        rf"""(?:{_TITLED}|(?<=\b[Aa]ccording to )|(?<=[a-z] ){_NO_PLACE}|(?<=[a-z], )|(?<=[”"»] )|^(?!(?:{_NO_NAME})\b))"""
        rf"""(?!\w+ (?:{_BODY})\b)({_NAME})(?=,? (?:{_SAYING})\b|\.$|,)"""
    ),
}


def find_speaker(text: str) -> dict[str, re.Match[str]]:
    """Return where a text names its speaker's country, party, office and name, as far as it does."""
    return {kind: match for kind, pattern in PATTERNS.items() if (match := pattern.search(text))}


def replace(text: str, match: re.Match[str], value: str) -> str:
    """Put other words in the place of a match, with the article before them put right ("a Greek", "an Irish")."""
    before, after = text[: match.start(1)], text[match.end(1) :]
    article = "n" if value[0] in "AEIOUaeiou" or value == "MP" else ""
    return re.sub(r"\b([Aa])n? $", rf"\g<1>{article} ", before) + value + after


def swap_speaker(text: str, rng: random.Random) -> str:
    """Give a statement another speaker; a text that names none comes back as it is."""
    pools: dict[str, Sequence[str]] = {"country": COUNTRIES, "party": PARTIES, "office": OFFICES}
    for kind, pattern in PATTERNS.items():
        match = pattern.search(text)
        if match:
            value = f"{rng.choice(FORENAMES)} {rng.choice(SURNAMES)}" if kind == "name" else rng.choice(pools[kind])
            text = replace(text, match, value)
    return text
