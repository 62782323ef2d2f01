"""Lengths, sizes and texts of strangers as the terminal shows them."""

from __future__ import annotations

from powderkeg.model.times import DAY, HOUR, MINUTE, SECOND, iso

_LENGTHS = (("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND), ("ms", 1))


def length_text(length: int) -> str:
    """Return a length of time in ms by its two largest units, cut off below, such as ``3d 4h``."""
    for position, (unit, size) in enumerate(_LENGTHS):
        if length >= size:
            text = f"{length // size:,}{unit}"
            rest = length % size
            if position + 1 < len(_LENGTHS):
                smaller, step = _LENGTHS[position + 1]
                text += f" {rest // step}{smaller}" if rest >= step else ""
            return text
    return "0ms"


def size_text(size: int) -> str:
    """Return bytes with two or three significant digits, such as ``1.2 MB``."""
    for factor, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= 0.9995 * factor:
            value = size / factor
            return f"{value:.1f} {unit}" if value < 99.95 else f"{value:,.0f} {unit}"
    return f"{size} B"


def time_text(time: int) -> str:
    """Return UTC milliseconds as a date, with the time of day down to the second where it is not midnight."""
    text = iso(time // SECOND * SECOND).removesuffix("Z").replace("T", " ")
    return text.removesuffix(" 00:00:00") if text.endswith(" 00:00:00") else text.removesuffix(":00")


def count_text(count: int, one: str, many: str = "") -> str:
    """Return ``1 part`` or ``2 parts``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def plain_text(text: str) -> str:
    """Return text of a venue or a user on one line, and with nothing in it that a terminal would act on."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in text
    )
