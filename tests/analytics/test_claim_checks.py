"""Claims with known verdicts, on a made market and on a lake written by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from powderkeg.analytics.claim_checking import ClaimCheck
from powderkeg.analytics.claim_checks import claim_check
from powderkeg.analytics.claim_evidence import ClaimEvidence, file_evidence, lake_evidence
from powderkeg.analytics.claims import extracted_claims
from powderkeg.lake.market_lake import Lake
from powderkeg.maps.market_frame import market_frame
from powderkeg.maps.venue_models import VenueModels
from powderkeg.model.times import DAY, HOUR, MINUTE, iso
from powderkeg.venues.registry import venues
from reported_liquidations import START, MadeLake, order, total
from small_market import small_market


def checks(text: str, evidence: ClaimEvidence, at: int) -> list[ClaimCheck]:
    return [claim_check(claim, evidence, at) for claim in extracted_claims(text, at=at).claims]


def only(text: str, evidence: ClaimEvidence, at: int) -> ClaimCheck:
    (found,) = checks(text, evidence, at)
    return found


@pytest.fixture(scope="module")
def market() -> ClaimEvidence:
    """Return twelve days of a made market at about $86,583."""
    made = small_market(np.random.default_rng(3), start=1_767_225_600_000, days=12, price=86_583.0)
    bars = pl.DataFrame(
        {name: getattr(made, name) for name in ("ts", "open", "high", "low", "close", "volume")}
    )
    interest = pl.DataFrame({"ts": made.open_interest_ts, "open_interest": made.open_interest})
    funding = pl.DataFrame({"ts": made.funding_ts, "funding_rate": made.funding_rate})
    frame = market_frame(bars, interest, symbol="BTC", funding=funding, open_interest_unit="base")
    return file_evidence(frame, VenueModels())


@pytest.fixture(scope="module")
def at(market: ClaimEvidence) -> int:
    return market.frames_until(0)[0].end


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> ClaimEvidence:
    """Return a lake in which Gate added up 71.32 times as many longs as shorts, with nothing missing."""
    made = MadeLake(Lake(tmp_path_factory.mktemp("claims") / "lake", create=True))
    rows = [total(i * 5 * MINUTE, 5 * MINUTE, 7.132e5, 1e4) for i in range(288)]
    made.totals("gate", "BTC_USDT", rows, [(0, DAY)])
    return lake_evidence(made.lake, venues(["gate"]), "BTC", VenueModels())


def test_an_amount_standing_up_to_a_price(market: ClaimEvidence, at: int) -> None:
    found = market.map(at)
    high, low = found.mark_price * 1.05, found.mark_price / 1.05
    shorts, longs = found.liquidated_if(high).notional, found.liquidated_if(low).notional

    def claimed(amount: float, price: float = high) -> ClaimCheck:
        return only(
            f"${amount / 1e6:,.2f} million of shorts liquidate if BTC reaches ${price:,.0f}", market, at
        )

    true = claimed(shorts)
    assert true.verdict == "supported"
    assert {fact.name for fact in true.facts} >= {"mark_price", "standing_notional.short", "open_interest"}
    assert claimed(100 * shorts).verdict == "unit_error_suspected"
    assert claimed(2 * shorts).verdict == "not_decidable"
    assert claimed(7 * shorts).verdict == "contradicted"
    assert claimed(shorts, low).verdict == "contradicted"
    assert "not liquidated" in claimed(shorts, low).sentence
    assert not 0.66 < longs / shorts < 1.5
    assert "other side" in claimed(longs).sentence


def test_the_headline_of_9_6_billion(market: ClaimEvidence, at: int) -> None:
    mark = market.map(at).mark_price
    standing, price = checks(
        f"$9.6 billion of shorts liquidate if BTC reaches $96,900, with price at ${mark:,.0f}.", market, at
    )
    # All open interest of the made market is a third of it.
    assert standing.verdict == "contradicted"
    assert price.verdict == "supported"
    assert only("BTC price at $186,583", market, at).verdict == "contradicted"


def test_the_headline_of_larger_clusters_above(market: ClaimEvidence, at: int) -> None:
    found = market.map(at)
    (ten,) = found.imbalance((0.1,))
    above = only("BTC has larger clusters above than below.", market, at)
    below = only("BTC has larger clusters below than above.", market, at)
    assert ten.imbalance
    true, false = (above, below) if ten.imbalance > 0 else (below, above)
    assert {true.verdict, false.verdict} in ({"supported", "contradicted"}, {"not_decidable"})
    if true.verdict != "not_decidable":
        assert true.verdict == "supported"
    whole = found.liquidated_if(found.grid.edges[-1]).notional
    amount = only(f"${whole / 1e9:.4f} bn of BTC shorts stand at risk", market, at)
    assert amount.verdict == "supported"


def test_the_headline_of_a_build_up_and_a_squeeze(market: ClaimEvidence, at: int) -> None:
    (frame,) = market.frames(at)
    level = frame.close[-1]
    text = f"BTC: a short build-up near ${level:,.0f} could lead to a squeeze to ${1.1 * level:,.0f}."
    built, target = checks(text, market, at)
    share, move = (fact.value for fact in built.facts)
    assert share is not None
    assert move is not None
    known = "not_decidable" if abs(share) < 0.005 else "supported" if share > 0 > move else "contradicted"
    assert built.verdict == known
    assert target.verdict == "not_decidable"
    assert "cannot be known" in target.sentence
    assert target.missing.startswith("powderkeg squeeze BTC --to")
    biggest = max(
        (one for one in market.map(at).clusters() if one.side == "short"), key=lambda one: one.notional
    )
    assert only(f"A cluster of BTC shorts near ${biggest.price_peak:,.0f}", market, at).verdict == "supported"
    assert only(f"A cluster of BTC shorts near ${3 * level:,.0f}", market, at).verdict == "contradicted"


def test_open_interest_its_change_and_funding(market: ClaimEvidence, at: int) -> None:
    (frame,) = market.frames(at)
    interest = frame.open_interest[-1] * frame.mark_close[-1]
    text = "BTC open interest stands at ${:.3f} billion"
    assert only(text.format(interest / 1e9), market, at).verdict == "supported"
    assert only(text.format(2 * interest / 1e9), market, at).verdict == "unit_error_suspected"
    assert only(text.format(interest / 2.6e9), market, at).verdict == "contradicted"
    assert only(text.format(5 * interest / 1e9), market, at).verdict == "not_decidable"
    then = frame.open_interest[-1 - DAY // frame.step]
    change = 100 * (frame.open_interest[-1] / then - 1)
    verb = "rose" if change > 0 else "fell"
    text = "BTC open interest {} {:.2f}% in the past 24 hours"
    assert only(text.format(verb, abs(change)), market, at).verdict == "supported"
    assert only(text.format(verb, abs(change) + 30), market, at).verdict == "contradicted"
    assert frame.funding_rate is not None
    rate = 100 * frame.funding_rate[np.flatnonzero(frame.funding_rate)[-1]]
    assert only(f"BTC funding is {rate:.4f}%", market, at).verdict == "supported"
    assert only(f"BTC funding is {rate / 100:.6f}%", market, at).verdict == "unit_error_suspected"
    assert only(f"BTC funding is {rate + 1:.4f}%", market, at).verdict == "contradicted"


def test_the_headline_of_an_imbalance_of_7_132(reported: ClaimEvidence) -> None:
    end = START + DAY
    true = only("BTC liquidation imbalance of 7,132%", reported, end)
    assert true.verdict == "supported"
    wrong = only("BTC liquidation imbalance of $7,132", reported, end)
    assert wrong.verdict == "unit_error_suspected"
    assert "ratio in percent, not dollars" in wrong.sentence
    bare = only("BTC liquidation imbalance of 7,132 in 24 hours", reported, end)
    assert (bare.verdict, "gives no unit" in bare.sentence) == ("supported", True)
    false = only("BTC liquidation imbalance of 300% in 24 hours", reported, end)
    assert false.verdict == "contradicted"
    assert any(fact.value == pytest.approx(7132) for fact in false.facts)


def test_what_was_liquidated(reported: ClaimEvidence) -> None:
    end = START + DAY
    text = "${} of BTC longs were liquidated in 24 hours"
    usd = 7.132e5 * 288
    assert only(text.format(f"{usd / 1e6:.0f} million"), reported, end).verdict == "supported"
    assert only(text.format("1 million"), reported, end).verdict == "contradicted"
    assert only(text.format("2.88 million"), reported, end).verdict == "unit_error_suspected"  # the shorts
    assert only(text.format("500 million"), reported, end).verdict == "contradicted"
    assert (
        only("More BTC longs were liquidated than shorts in 24 hours", reported, end).verdict == "supported"
    )
    assert (
        only("More BTC shorts were liquidated than longs in 24 hours", reported, end).verdict
        == "contradicted"
    )


def test_a_thinned_feed_contradicts_only_less(tmp_path: Path) -> None:
    made = MadeLake(Lake(tmp_path / "lake", create=True))
    made.events("binance", "BTCUSDT", [order(i * MINUTE, "long", 2e4) for i in range(60)], [(0, HOUR)])
    evidence = lake_evidence(made.lake, venues(["binance"]), "BTC", VenueModels())
    text = "${} million of BTC longs were liquidated in the past hour"
    more = only(text.format(900), evidence, START + HOUR)
    assert more.verdict == "not_decidable"
    assert more.missing.startswith("powderkeg record")
    assert only(text.format(0.2), evidence, START + HOUR).verdict == "contradicted"


def test_what_cannot_be_decided_says_what_is_missing(
    market: ClaimEvidence, reported: ClaimEvidence, at: int
) -> None:
    for text, words in (
        ("€2bn of BTC longs were liquidated", "no rate of exchange"),
        ("$2bn of ETH longs were liquidated", "the data are of BTC"),
        ("$2bn of BTC longs were liquidated in 24 hours", "files hold no reported liquidations"),
        ("BTC price at $90,000 on 1 June 2020", "The data lack"),
        ("$19 billion in crypto positions were liquidated", "all coins together"),
    ):
        found = only(text, market, at)
        assert found.verdict == "not_decidable"
        assert words in found.sentence
    none = only("$5m of BTC longs liquidate if the price reaches $60,000", reported, START + DAY)
    assert none.verdict == "not_decidable"
    assert none.missing == "powderkeg backfill binance BTC"


def test_a_coin_that_is_assumed_is_told(market: ClaimEvidence, at: int) -> None:
    found = only("The price is at $86,000", market, at)
    assert found.claim.notes == ("the text names no coin: taken as BTC",)


def test_nothing_later_than_the_claim_is_in_it(market: ClaimEvidence, at: int) -> None:
    early = at - 3 * DAY
    for text, time in ((f"BTC price at $86,000 at {iso(early)}", at), ("BTC price at $86,000", early)):
        found = only(text, market, time)
        assert found.as_of == early
        assert all(fact.as_of <= early for fact in found.facts)
