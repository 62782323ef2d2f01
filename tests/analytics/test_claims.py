"""What is read out of a text, and what is said not to be."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powderkeg.analytics.claims import Claim, Extracted, NotUnderstood, extracted_claims
from powderkeg.model.times import DAY, HOUR, MINUTE, milliseconds

AT = milliseconds("2026-03-17")
WORDS = st.sampled_from(
    "BTC <b> </b> &amp; &#36; ** $9.6 billion of shorts liquidate if reaches 96,900 $86,583 open interest "
    "rose 5% funding imbalance of 7,132 <!-- --> <script> 4,34 Mrd. 24 hours 10 October 2025 near $81,000 "
    "\x1b[31m \u202e [x](http://y) ß".split(" ")
)


def read(text: str) -> Extracted:
    found = extracted_claims(text, at=AT)
    places: list[Claim | NotUnderstood] = [*found.claims, *found.not_understood]
    for one in places:
        assert 0 <= one.start < one.end <= len(text)
        assert text[one.start : one.end] == one.text
    return found


def only(text: str, kind: str) -> Claim:
    (claim,) = [one for one in read(text).claims if one.kind == kind]
    return claim


def test_the_four_headlines() -> None:
    first = read("Bitcoin: a short build-up near $81,000 could lead to a squeeze to $90,000.").claims
    assert [(one.kind, one.price and one.price.value, one.side) for one in first] == [
        ("build_up", 81_000, "short"),
        ("target", 90_000, None),
    ]
    ratio = only("BTC shows a liquidation imbalance of 7,132% today.", "imbalance")
    assert ratio.amount
    assert (ratio.amount.value, ratio.amount.unit) == (7132, "percent")
    wrong = only("BTC shows a liquidation imbalance of $7,132 today.", "imbalance")
    assert wrong.amount
    assert wrong.amount.unit == "USD"
    text = "$9.6 billion of shorts liquidate if BTC reaches $96,900, with price at $86,583."
    standing, price = read(text).claims
    assert standing.text == "$9.6 billion of shorts liquidate if BTC reaches $96,900"
    assert standing.amount
    assert standing.price
    assert (standing.side, standing.amount.value, standing.price.value) == ("short", 9.6e9, 96_900)
    assert (standing.amount.low, standing.amount.high) == pytest.approx((9.55e9, 9.65e9))
    assert price.price
    assert (price.kind, price.price.value) == ("price", 86_583)
    amount, larger = read(
        "With $4.34 bn of shorts at risk and larger clusters above than below, BTC waits."
    ).claims
    assert amount.amount
    assert (amount.kind, amount.amount.value, amount.side) == ("standing_liquidations", 4.34e9, "short")
    assert (larger.kind, larger.relation, larger.text) == (
        "comparison",
        "short",
        "larger clusters above than below",
    )


@pytest.mark.parametrize(
    "number", ["$9.6bn", "$9.6 billion", "$9,600,000,000", "9.6B USD", "US$9.6bn", "9.6 billion dollars"]
)
def test_one_amount_in_many_spellings(number: str) -> None:
    claim = only(f"{number} of shorts would be liquidated at $96,900.", "standing_liquidations")
    assert claim.amount
    assert claim.amount.unit == "USD"
    assert claim.amount.value == pytest.approx(9.6e9)
    assert (claim.amount.low, claim.amount.high) == pytest.approx((9.55e9, 9.65e9))
    assert claim.text.startswith(number)


@pytest.mark.parametrize(
    ("words", "low", "high"),
    [("about", 9e8, 1.1e9), ("over", 9.5e8, float("inf")), ("nearly", 9e8, 1.05e9), ("less than", 0, 1.05e9)],
)
def test_words_that_say_how_exact_a_number_is(words: str, low: float, high: float) -> None:
    claim = only(f"Liquidations: {words} $1 billion of longs were liquidated.", "realised_liquidations")
    assert claim.amount
    assert (claim.amount.low, claim.amount.high) == pytest.approx((low, high))


def test_realised_and_standing_are_told_apart_and_sides_go_with_their_number() -> None:
    longs, shorts = read("$1.2B of longs and over $300 million of shorts were liquidated in 24 hours.").claims
    assert (longs.kind, longs.side, longs.window) == ("realised_liquidations", "long", DAY)
    assert (shorts.kind, shorts.side, shorts.window) == ("realised_liquidations", "short", DAY)
    assert longs.coin is None


def test_open_interest_funding_and_the_coin_named_before() -> None:
    text = "BTC rises. Open interest rose 5% to $38.2 billion in the past week. The funding rate is -0.01%."
    found = read(text).claims
    assert [one.kind for one in found] == ["open_interest_change", "open_interest", "funding"]
    assert {one.coin for one in found} == {"BTC"}
    assert "BTC was named last before it" in found[0].notes[0]
    assert found[2].amount
    assert found[2].amount.value == -0.01


@pytest.mark.parametrize(
    ("words", "start", "length"),
    [
        ("on 10 October 2025", "2025-10-10", DAY),
        ("on October 10th, 2025", "2025-10-10", DAY),
        ("on Oct. 10, 2025 at 21:15 UTC", "2025-10-10T21:15", 1),
        ("at 2025-10-10T21:15+02:00", "2025-10-10T19:15", 1),
        ("yesterday", "2026-03-16", DAY),
        ("on 10 October", "2025-10-10", DAY),
    ],
)
def test_dates(words: str, start: str, length: int) -> None:
    claim = only(f"$1.2bn of BTC longs were liquidated {words}.", "realised_liquidations")
    assert claim.moment
    assert claim.moment.start == milliseconds(start)
    assert claim.moment.length == length


@pytest.mark.parametrize(
    ("words", "length"),
    [("in the past 24 hours", DAY), ("in the last hour", HOUR), ("within 30 minutes", 30 * MINUTE)],
)
def test_lengths(words: str, length: int) -> None:
    assert only(f"$12m of longs were liquidated {words}", "realised_liquidations").window == length


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Shorts im Wert von 4,34 Mrd. Dollar wurden innerhalb von 24 Stunden liquidiert.", "not in English"),
        ("4,34 Mrd.", "unit of another language"),
        ("За 24 часа ликвидировано 500 миллионов", "not in English"),
        ("Shorts of $4,34 bn would be liquidated.", "no number in English notation"),
        ("Between $1-2 billion of longs were liquidated.", "a range of numbers"),
        ("BTC longs of $5m were liquidated on 10/11/2025.", "can be two dates"),
        ("ETF inflows hit $500 million.", "none of the kinds"),
        ("We drank 3 coffees.", "unit is not said"),
        ("It fell 5% yesterday.", "a share that is of none"),
        ("1 2 3 4 5 6 7 8 9 " * 5, "numbers in one sentence"),
    ],
)
def test_what_is_not_understood_is_said(text: str, reason: str) -> None:
    assert any(reason in one.reason for one in read(text).not_understood)


def test_markup_is_left_out_and_never_hides_a_number() -> None:
    text = (
        "<p>**$9.6<b> billion</b>** of <i>shorts</i>&nbsp;liquidate at &#36;96,900</p>"
        "<script>$5bn of longs were liquidated</script>"
    )
    (claim,) = read(text).claims
    assert claim.amount
    assert claim.price
    assert (claim.amount.value, claim.price.value) == (9.6e9, 96_900)
    assert read("<!-- $5bn of longs were liquidated -->").claims == ()
    assert read("$5bn of longs were liquidated <b").claims


@given(st.lists(WORDS, max_size=40))
@settings(max_examples=60, deadline=None)
def test_every_span_quotes_the_text(words: list[str]) -> None:
    read(" ".join(words))


@given(st.text(max_size=120))
@settings(max_examples=50, deadline=None)
def test_any_text_is_read(text: str) -> None:
    read(text)


@pytest.mark.parametrize("piece", ["<", "<!--", "&#36;", "5% ", "[](", "$1bn, ", "\n \n", "imbalance of "])
def test_time_grows_with_the_length(piece: str) -> None:
    def taken(size: int) -> float:
        begun = time.process_time()
        extracted_claims(piece * (size // len(piece)))
        return time.process_time() - begun

    taken(1_000)
    assert taken(40_000) < 15 * (taken(8_000) + 0.02)


def test_a_file_of_three_megabytes_is_read_in_seconds() -> None:
    page = "The market moved and nothing that can be counted was said about it by anybody. " * 60 + (
        "$1.2bn of BTC longs were liquidated in 24 hours.\n\n"
    )
    text = page * (3_000_000 // len(page))
    told: list[tuple[int, int]] = []
    begun = time.process_time()
    found = extracted_claims(text, progress=lambda done, of: told.append((done, of)))
    assert time.process_time() - begun < 15
    assert len(found.claims) == text.count("$1.2bn")
    assert told == sorted(told)
    assert told[-1] == (len(text), len(text))
