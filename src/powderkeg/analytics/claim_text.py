"""Text as people read it: without markup, and with each letter's place in the original."""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

LONGEST_SENTENCE = 2_000
"""Longer ones are cut at a space: what is said of a number stands near it, and memory stays bounded."""
Language = Literal["english", "other", "none"]

_INLINE = frozenset(
    "a abbr b bdi bdo code del em font i ins kbd mark q s small span strong sub sup u var".split()
)
_RAW = ("script", "style", "noscript", "template", "svg")
_TAG = re.compile(r"</?([A-Za-z][A-Za-z0-9:-]{0,40})(?:[\s/][^<>]*)?>")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_URL = re.compile(r"https?://[^\s<>()\[\]\"']+")
_LINK_TARGET = re.compile(r"\]\([^()\s]{0,2000}(?:\s\"[^\"\n]{0,300}\")?\)")
_EMPHASIS = re.compile(r"\*+|__+|~~+|`+")
_MARK = re.compile(r"[<&\]*_~`h\[!]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_BREAK = re.compile(
    r"(?P<stop>[.!?][\"'”’)\]]*)\s+(?=[\"'“‘(\[]*[A-Z$€£\d])|\n[ \t]*\n\s*|\n(?=[ \t]*(?:[-+•#>]|\d{1,3}[.)]\s))|\|"
)
_ABBREVIATED = re.compile(
    r"\b(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|approx|vs|Mrd|Mio|No|U\.S|e\.g|i\.e|ca|est|Inc|Ltd)\.$",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+")
_ENGLISH = frozenset(
    "a about above after against all an and are as at be been below between by could for from has have if in into is it "
    "its last liquidate liquidated liquidates liquidation liquidations longs more near nearly of on open over past price "
    "rose fell shorts short long squeeze than that the their they this to trading up was were when while will with would "
    "billion million hours funding interest rate imbalance worth hit reached".split()
)
_OTHER = {
    "German": "der die das und von im ist nicht mit auf wurden werden bei für ein eine einem wert mrd preis sind als den "
    "positionen liquidiert dollar innerhalb stunden",
    "French": "le la les des et est dans une un pour sur avec ont été plus de du au aux heures milliards liquidés prix",
    "Spanish": "el la los las y es en una un por para con han sido más de del al horas millones mil liquidados precio fueron",
    "Portuguese": "o os as e em uma um por para com foram mais de do da dos ao horas milhões bilhões liquidados preço",
    "Italian": "il lo la gli le e è in una un per con sono stati più di del della ore miliardi liquidati prezzo",
    "Dutch": "de het een en van is niet met op werden bij voor uur miljard prijs",
    "Turkish": "ve bir bu için ile olarak saat milyar milyon fiyat dolar",
    "Polish": "i w na z do jest nie są został zostały przez godzin miliardów cena",
    "Russian": "",
}
_OTHER_WORDS = frozenset(word for words in _OTHER.values() for word in words.split()) - _ENGLISH


@dataclass(frozen=True, slots=True)
class ReadableText:
    """Text without markup.

    Attributes
    ----------
    plain
        What is read: tags, comments, scripts and signs of emphasis left out, entities as their letters.
    starts, origins, ends
        Where runs of `plain` begin, where these begin in the original, and for a run of one letter that stands
        for several (an entity) where it ends there; -1 for runs that stand letter by letter.
    """

    plain: str
    starts: tuple[int, ...]
    origins: tuple[int, ...]
    ends: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where plain[start:end], not empty, stands in the original."""
        return self._place(start)[0], self._place(end - 1)[1]

    def _place(self, position: int) -> tuple[int, int]:
        run = bisect_right(self.starts, position) - 1
        origin = self.origins[run] + position - self.starts[run]
        return (self.origins[run], self.ends[run]) if self.ends[run] >= 0 else (origin, origin + 1)


class _Runs:
    """Collects runs of plain text."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.starts: list[int] = []
        self.origins: list[int] = []
        self.ends: list[int] = []
        self.length = 0

    def add(self, text: str, origin: int, end: int = -1) -> None:
        if text:
            self.parts.append(text)
            self.starts.append(self.length)
            self.origins.append(origin)
            self.ends.append(end)
            self.length += len(text)


def readable(text: str) -> ReadableText:
    """Return `text` without markup, in one pass; nothing in it is executed, fetched or followed.

    Block tags become an empty line, so that they part sentences. What looks like a tag and is never closed stays.
    Control characters and signs without width or that turn the direction of writing become spaces or nothing.
    """
    runs = _Runs()
    unclosed: set[str] = set()
    done = position = 0
    size = len(text)
    lowered = text.lower()
    # A letter whose lower case is longer would shift every place behind it.
    lowered = lowered if len(lowered) == size else text
    while found := _MARK.search(text, position):
        at = found.start()
        stop, shown, end = _markup(text, lowered, at, unclosed)
        if stop <= at:
            position = at + 1
            continue
        _plain(runs, text, done, at)
        runs.add(shown, at, end)
        done = position = stop
    _plain(runs, text, done, size)
    if not runs.parts:
        return ReadableText("", (0,), (0,), (-1,))
    return ReadableText("".join(runs.parts), tuple(runs.starts), tuple(runs.origins), tuple(runs.ends))


def _plain(runs: _Runs, text: str, start: int, stop: int) -> None:
    if start < stop:
        runs.add(_CONTROL.sub(" ", text[start:stop]), start)


def _markup(text: str, lowered: str, at: int, unclosed: set[str]) -> tuple[int, str, int]:
    """Return where the markup at a place ends, what is read in its stead, and the end for one letter; or (at, ...)."""
    letter = text[at]
    if letter == "<":
        return _tag(text, lowered, at, unclosed)
    if letter == "&":
        entity = _ENTITY.match(text, at)
        shown = html.unescape(entity[0]) if entity else ""
        if entity and len(shown) == 1:
            return entity.end(), " " if _CONTROL.match(shown) else shown, entity.end()
        return at, "", -1
    if letter == "h":
        url = _URL.match(text, at)
        return (url.end(), " ", url.end()) if url else (at, "", -1)
    if letter == "]":
        target = _LINK_TARGET.match(text, at)
        return (target.end(), "", -1) if target else (at, "", -1)
    if letter in "[!":
        return at, "", -1
    emphasis = _EMPHASIS.match(text, at)
    return (emphasis.end(), "", -1) if emphasis else (at, "", -1)


def _tag(text: str, lowered: str, at: int, unclosed: set[str]) -> tuple[int, str, int]:
    if text.startswith("<!--", at):
        return _until(text, "-->", at, unclosed)
    tag = _TAG.match(text, at)
    if tag is None:
        return at, "", -1
    name = tag[1].lower()
    if name in _RAW and not text.startswith("</", at) and not tag[0].endswith("/>"):
        closing = f"</{name}"
        if closing not in unclosed:
            close = lowered.find(closing, tag.end())
            if close >= 0:
                end = text.find(">", close)
                return (len(text) if end < 0 else end + 1), "\n", tag.end()
            unclosed.add(closing)
    return tag.end(), "" if name in _INLINE else "\n\n", -1 if name in _INLINE else tag.end()


def _until(text: str, closing: str, at: int, unclosed: set[str]) -> tuple[int, str, int]:
    if closing in unclosed:
        return at, "", -1
    close = text.find(closing, at + 4)
    if close < 0:
        unclosed.add(closing)
        return at, "", -1
    return close + len(closing), "", -1


def sentences(plain: str) -> Iterator[tuple[int, int]]:
    """Yield [start, end) of each sentence, heading, item or cell, blanks around it left out; none is empty."""
    start = 0
    for found in _BREAK.finditer(plain):
        stop = found.end("stop") if found["stop"] else found.start()
        if found["stop"] and _ABBREVIATED.search(plain, max(start, stop - 12), stop):
            continue
        yield from _pieces(plain, start, stop)
        start = found.end()
    yield from _pieces(plain, start, len(plain))


def _pieces(plain: str, start: int, stop: int) -> Iterator[tuple[int, int]]:
    while start < stop:
        end = stop
        if stop - start > LONGEST_SENTENCE:
            space = plain.rfind(" ", start, start + LONGEST_SENTENCE)
            end = space if space > start else start + LONGEST_SENTENCE
        piece = plain[start:end]
        left = len(piece) - len(piece.lstrip())
        right = len(piece.rstrip())
        if right > left:
            yield start + left, start + right
        start = end


def language_of(sentence: str) -> Language:
    """Return whether words are English; ``none`` where there are too few to tell.

    Told from words that are frequent in English and not in others, and from letters that are not Latin.
    """
    words = _WORD.findall(sentence)
    letters = sum(map(len, words))
    foreign = sum(len(word) for word in words if ord(max(word)) > 0x24F)
    if letters and foreign > 0.3 * letters:
        return "other"
    lowered = [word.lower() for word in words]
    english = sum(word in _ENGLISH for word in lowered)
    others = sum(word in _OTHER_WORDS for word in lowered)
    if others > english and others >= 2:
        return "other"
    return "english" if english else "none"
