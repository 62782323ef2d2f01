"""Checked claims as the terminal shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from powderkeg.cli.terminal import output, price_text
from powderkeg.cli.terminal_text import count_text, plain_text
from powderkeg.model.amount_text import usd
from powderkeg.model.times import iso

if TYPE_CHECKING:
    from powderkeg.analytics.claim_checking import ClaimCheck
    from powderkeg.analytics.claims import NotUnderstood
    from powderkeg.model.fact import Fact

_SHOWN = {
    "supported": ("✔", "supported", "#56B4E9"),
    "contradicted": ("✘", "contradicted", "#D55E00"),
    "unit_error_suspected": ("≠", "unit error suspected", "#E69F00"),
    "not_decidable": ("?", "not decidable", "dim"),
}
_AROUND = 60
_MOST = 200


def print_checks(text: str, checks: Sequence[ClaimCheck], unknown: Sequence[NotUnderstood]) -> None:
    """Print each claim in its sentence with its verdict as a sign and a word, the numbers and the reason."""
    if not checks:
        output.print("No claim was found that can be checked.")
    for one in checks[:_MOST]:
        sign, word, colour = _SHOWN[one.verdict]
        output.print(
            Text.assemble((f"{sign} {word}", f"bold {colour}"), f"  {one.coin} as of {iso(one.as_of)}")
        )
        output.print(_quoted(text, one.claim.start, one.claim.end), soft_wrap=True)
        output.print(Text(f"  {plain_text(one.sentence)}"), soft_wrap=True)
        for fact in one.facts:
            output.print(
                Text(f"    {fact.name}  {_value(fact)}  ({plain_text(fact.source)})", "dim"), soft_wrap=True
            )
        output.print(Text(f"  rule: {one.tolerance}", "dim"), soft_wrap=True)
        for note in one.claim.notes:
            output.print(Text(f"  note: {plain_text(note)}", "dim"), soft_wrap=True)
        if one.missing:
            output.print(Text(f"  would decide it: {one.missing}"), soft_wrap=True)
        output.print()
    if len(checks) > _MOST:
        output.print(f"and {len(checks) - _MOST:,} more; --json has all of them")
    if unknown:
        output.print(f"Not understood: {count_text(len(unknown), 'place')}")
        for place in unknown[:20]:
            output.print(_quoted(text, place.start, place.end), soft_wrap=True)
            output.print(Text(f"    {plain_text(place.reason)}", "dim"), soft_wrap=True)
        if len(unknown) > 20:
            output.print(f"and {len(unknown) - 20:,} more; --json has all of them")


def _quoted(text: str, start: int, end: int) -> Text:
    """Return the place with some words around it, itself underlined; nothing in it acts on the terminal."""
    first = max(text.rfind("\n", 0, start) + 1, start - _AROUND)
    stop = text.find("\n", end)
    last = min(len(text) if stop < 0 else stop, end + _AROUND)
    middle = text[start:end] if end - start <= 4 * _AROUND else f"{text[start : start + 4 * _AROUND]}…"
    before, after = plain_text(text[first:start]), plain_text(text[end:last])
    return Text.assemble("  “", before, (plain_text(middle), "underline bold"), after, "”")


def _value(fact: Fact) -> str:
    if fact.value is None:
        return "not known"

    def shown(value: float) -> str:
        if fact.unit == "USD":
            return usd(value)
        return price_text(value) + ("" if fact.unit == "price" else f" {fact.unit}")

    band = "" if fact.low is None or fact.high is None else f" [{shown(fact.low)} to {shown(fact.high)}]"
    seen = "" if fact.coverage is None else f", {fact.coverage:.0%} of the time known"
    return f"{shown(fact.value)}{band}{seen}"
