"""The dashboard in a real browser: what it shows is what the API says, and it survives what goes wrong."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import matplotlib.image
import numpy as np
import pytest
from playwright.sync_api import Browser

from cli.served_venues import SYMBOL
from powderkeg.lake.market_lake import Lake
from powderkeg.model.times import HOUR, MINUTE, iso
from server.browser import PATIENCE, OpenPage, PageServer, chromium, opened
from server.conftest import FilledLake, event, put

BARE = "range=1d&layers=heatmap&threshold=0.05"
PLAIN = "range=1d&layers=heatmap,candles,profile"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def server(filled: FilledLake) -> Iterator[PageServer]:
    made = PageServer(filled.lake, filled.end + 5 * MINUTE)
    made.start()
    yield made
    made.stop()


def api(server: PageServer, path: str) -> Any:
    """Return what the API answers to a path below ``/v1/``."""
    answer = httpx2.get(f"{server.url}v1/{path}", timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def cells(server: PageServer) -> dict[str, Any]:
    """Return the heatmap that the page shows with a range of a day, as JSON."""
    end = server.now // (5 * MINUTE) * 5 * MINUTE
    start = iso(end - 24 * HOUR)
    return dict(api(server, f"heatmap?coin=BTC&at={iso(end)}&history=31d&start={start}&step=5m"))


def pixel(page: OpenPage, x: float, y: float) -> tuple[int, ...]:
    """Return the colour of a pixel of the chart, red, green and blue: the middle of three in a column.

    One of them may lie on a line of the grid.
    """
    image = matplotlib.image.imread(io.BytesIO(page.page.locator(".chart").screenshot()), format="png")
    column = image[round(y) - 1 : round(y) + 2, round(x), :3]
    middle = np.median(np.round(column * 255), axis=0)
    return tuple(int(part) for part in middle)


def ms(text: str) -> int:
    return int(np.datetime64(text.rstrip("Z"), "ms").astype(np.int64))


def test_it_loads_and_shows_candles_and_a_heatmap_without_a_word_of_complaint(
    browser: Browser, server: PageServer
) -> None:
    with opened(browser, server, "range=1d") as page:
        page.ready()
        assert "BTC" in page.page.title() or page.page.get_by_test_id("coin").input_value() == "BTC"
        assert page.shown("freshness").startswith("live")
        expected = api(server, "map?coin=BTC&history=31d")["mark_price"]
        assert page.shown("price") == f"{expected:,.0f}"
        view = page.page.evaluate("() => window.powderkeg.view()")
        assert view["from"] <= 0
        assert view["to"] >= 288
        assert page.errors == []


def test_pixels_have_the_colour_of_their_cells_and_empty_cells_none(
    browser: Browser, server: PageServer
) -> None:
    told = cells(server)
    edges = np.array(told["edges"])
    with opened(browser, server, BARE) as page:
        page.ready()
        probed = empty = 0
        for column in (40, 150, 260):
            at = ms(told["columns"][column]["as_of"])
            for factor in (0.965, 0.975, 1.0, 1.025, 1.035):
                price = told["columns"][column]["mark_price"] * factor
                place = int(np.searchsorted(edges, price)) - 1
                middle = float(np.sqrt(edges[place] * edges[place + 1]))
                cell = page.page.evaluate("([t, p]) => window.powderkeg.cell(t, p)", [at, middle])
                where = page.page.evaluate(
                    "([t, p]) => window.powderkeg.place(t, p)", [at + 2.5 * MINUTE, middle]
                )
                wanted = usd_of(told, column, place)
                assert cell["perBin"] == 1
                assert cell["usd"] == pytest.approx(wanted, rel=1e-6)
                seen = pixel(page, where["x"], where["y"])
                if cell["colour"] is None:
                    empty += 1
                    assert seen == (13, 15, 21)
                else:
                    probed += 1
                    assert f"rgb({seen[0]}, {seen[1]}, {seen[2]})" == cell["colour"]
        assert probed >= 5
        assert empty >= 3
        assert page.errors == []


def usd_of(told: dict[str, Any], column: int, place: int) -> float:
    """Return what stands in a cell of the API's heatmap, USD."""
    found = told["cells"]
    mine = (np.array(found["column"]) == column) & (np.array(found["bin"]) == place)
    return float(np.array(found["long_notional"])[mine].sum() + np.array(found["short_notional"])[mine].sum())


def test_brighter_pixels_are_larger_amounts(browser: Browser, server: PageServer) -> None:
    with opened(browser, server, f"{BARE}&theme=dark") as page:
        page.ready()
        at = server.now - 6 * HOUR
        found = []
        for step in range(30):
            price = api(server, "map?coin=BTC&history=31d")["mark_price"] * (0.965 + 0.07 * step / 30)
            cell = page.page.evaluate("([t, p]) => window.powderkeg.cell(t, p)", [at, price])
            where = page.page.evaluate("([t, p]) => window.powderkeg.place(t, p)", [at, price])
            if cell and cell["colour"]:
                found.append((cell["usd"], sum(pixel(page, where["x"], where["y"]))))
            if len(found) >= 6:
                break
        found.sort()
        brightness = [one for _, one in found]
        assert len(found) >= 4
        assert brightness == sorted(brightness)


def test_the_crosshair_says_what_the_api_says(browser: Browser, server: PageServer) -> None:
    told = cells(server)
    edges = np.array(told["edges"])
    with opened(browser, server, PLAIN) as page:
        page.ready()
        column = 200
        at, mark = ms(told["columns"][column]["as_of"]), told["columns"][column]["mark_price"]
        place = int(np.searchsorted(edges, mark * 1.05)) - 1
        middle = float(np.sqrt(edges[place] * edges[place + 1]))
        where = page.page.evaluate("([t, p]) => window.powderkeg.place(t, p)", [at + 2.5 * MINUTE, middle])
        box = page.page.locator(".chart").bounding_box()
        assert box is not None
        page.page.mouse.move(box["x"] + where["x"], box["y"] + where["y"])
        tooltip = page.page.get_by_test_id("tooltip")
        assert iso(at)[:16].replace("T", " ") in tooltip.inner_text(timeout=PATIENCE)
        shown = float(page.page.get_by_test_id("cell-usd").get_attribute("data-usd") or "nan")
        assert shown == pytest.approx(usd_of(told, column, place), rel=1e-6)
        whole = api(server, "map?coin=BTC&history=31d")
        reached = float(page.page.locator(".tooltip dd").nth(0).inner_text().replace(",", ""))
        on_the_way = sum(
            one["short_notional"]
            for one in whole["bins"]
            if whole["mark_price"] <= one["price_low"] and one["price_high"] <= reached
        )
        assert money(page.shown("cumulative-usd")) == pytest.approx(on_the_way, rel=0.05)


def money(text: str) -> float:
    """Return the dollars of a text such as ``$1.23M``."""
    factor = {"K": 1e3, "M": 1e6, "B": 1e9}.get(text[-1], 1.0)
    return float(text.strip("$KMB")) * factor


def test_zoom_and_pan_change_the_range_and_all_of_it_comes_back(browser: Browser, server: PageServer) -> None:
    with opened(browser, server, PLAIN) as page:
        page.ready()

        def view() -> tuple[float, float]:
            found = page.page.evaluate("() => window.powderkeg.view()")
            return found["from"], found["to"]

        whole = view()
        page.page.keyboard.press("+")
        page.page.wait_for_function(f"() => window.powderkeg.view().from > {whole[0]}")
        closer = view()
        assert closer[1] - closer[0] == pytest.approx(0.7 * (whole[1] - whole[0]), rel=0.01)
        page.page.keyboard.press("ArrowLeft")
        page.page.wait_for_function(f"() => window.powderkeg.view().from < {closer[0]}")
        left = view()
        assert left[0] < closer[0]
        assert left[1] - left[0] == pytest.approx(closer[1] - closer[0], rel=0.01)
        box = page.page.locator(".chart").bounding_box()
        assert box is not None
        page.page.mouse.move(box["x"] + 400, box["y"] + 200)
        page.page.mouse.wheel(0, -400)
        page.page.wait_for_function(
            f"() => window.powderkeg.view().to - window.powderkeg.view().from < {left[1] - left[0]} * 0.99"
        )
        before = view()
        page.page.mouse.down()
        page.page.mouse.move(box["x"] + 600, box["y"] + 200, steps=4)
        page.page.mouse.up()
        page.page.wait_for_function(f"() => window.powderkeg.view().from < {before[0]}")
        page.page.keyboard.press("0")
        page.page.wait_for_function(f"() => window.powderkeg.view().to > {before[1]}")
        assert view() == pytest.approx(whole, abs=2)
        assert page.errors == []


def test_another_range_is_shown_whole(browser: Browser, server: PageServer) -> None:
    with opened(browser, server, PLAIN) as page:
        page.ready()
        for name, columns in (("7D", 2016), ("1D", 288), ("3D", 864)):
            page.page.get_by_role("button", name=name).click()
            page.page.wait_for_function(
                "many => { const { from, to } = window.powderkeg.view();"
                " return from < 1 && to > many && to < 1.6 * many; }",
                arg=columns,
                timeout=PATIENCE,
            )
        assert page.errors == []


def test_a_price_axis_that_is_linear_shows_the_same_cells(browser: Browser, server: PageServer) -> None:
    with opened(browser, server, f"{BARE}&scale=linear") as page:
        page.ready()
        at = server.now - 6 * HOUR
        mark = api(server, "map?coin=BTC&history=31d")["mark_price"]
        matched = 0
        for factor in (0.965, 0.975, 1.025, 1.035):
            cell = page.page.evaluate("([t, p]) => window.powderkeg.cell(t, p)", [at, mark * factor])
            where = page.page.evaluate(
                "([t, l, h]) => window.powderkeg.place(t, Math.sqrt(l * h))",
                [at, cell["priceLow"], cell["priceHigh"]],
            )
            if cell["colour"] and 0 < where["y"] < 600:
                red, green, blue = pixel(page, where["x"], where["y"])
                assert f"rgb({red}, {green}, {blue})" == cell["colour"]
                matched += 1
        assert matched >= 1


def test_thresholds_filter_the_picture_and_never_the_sums(browser: Browser, server: PageServer) -> None:
    with opened(browser, server, PLAIN) as page:
        page.ready()
        at, mark = server.now - 6 * HOUR, api(server, "map?coin=BTC&history=31d")["mark_price"]
        price = mark * 1.04
        before = page.page.evaluate("([t, p]) => window.powderkeg.cell(t, p)", [at, price])
        table = page.page.locator(".panel-body").inner_text()
        page.page.get_by_test_id("threshold").fill("0.9")
        after = page.page.evaluate("([t, p]) => window.powderkeg.cell(t, p)", [at, price])
        assert before["colour"] is not None
        assert after["colour"] is None
        assert after["usd"] == before["usd"]
        assert page.page.locator(".panel-body").inner_text() == table


def test_switches_work_and_the_address_holds_what_is_shown(browser: Browser, server: PageServer) -> None:
    with opened(browser, server, PLAIN) as page:
        page.ready()
        tabs = ("squeeze", "imbalance", "context", "whales", "assumptions", "coverage", "clusters")
        for tab in tabs:
            page.page.get_by_test_id(f"tab-{tab}").click()
            page.page.wait_for_function(f"() => location.hash.includes('panel={tab}')")
            page.page.wait_for_function(
                "() => !document.querySelector('.panel-body .waiting')"
                " && document.querySelector('.panel-body').innerText.length > 20",
                timeout=PATIENCE,
            )
            assert page.page.locator(".panel-body .problem").count() == 0, tab
        page.page.get_by_role("button", name="bybit").click()
        page.page.wait_for_function("() => location.hash.includes('venues=binance')")
        page.page.wait_for_function(
            "() => !document.querySelector('.panel-body').innerText.includes('Asking')"
        )
        alone = api(server, "map?coin=BTC&history=31d&venues=binance")["open_interest"]
        page.page.get_by_text(f"${alone / 10 ** (3 * int(np.log10(alone) // 3)):.3g}"[:4]).first.wait_for()
        page.page.get_by_test_id("model").select_option("fixed_tiers")
        page.page.wait_for_function("() => document.body.innerText.includes('Modelled: fixed_tiers')")
        page.page.keyboard.press("Escape")
        page.page.locator("body").press("t")
        assert page.page.locator("html").get_attribute("data-theme") == "light"
        page.page.reload()
        page.ready()
        assert page.page.locator("html").get_attribute("data-theme") == "light"
        assert page.page.get_by_test_id("model").input_value() == "fixed_tiers"
        assert page.errors == []


def test_measured_maps_are_another_picture_and_say_so(browser: Browser, server: PageServer) -> None:
    with opened(browser, server, f"{PLAIN}&kind=measured") as page:
        page.page.get_by_text("Counted positions.").wait_for(timeout=PATIENCE)
        whole = api(server, "measured/map?coin=BTC")
        assert whole["kind"] == "measured"
        page.page.get_by_test_id("tab-whales").click()
        page.page.get_by_text("Measured on hyperliquid").wait_for(timeout=PATIENCE)
        assert page.page.locator(".panel-body tbody tr").count() >= 1


def test_a_dragged_price_and_size_answer_each_other_as_the_api_does(
    browser: Browser, server: PageServer
) -> None:
    with opened(browser, server, f"{PLAIN}&panel=squeeze") as page:
        page.ready()
        envelope = page.page.get_by_test_id("envelope")
        envelope.wait_for(timeout=PATIENCE)
        box = envelope.bounding_box()
        assert box is not None
        page.page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] / 2)
        page.page.mouse.down()
        page.page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] / 2, steps=3)
        page.page.mouse.up()
        landing = float(page.shown("squeeze-landing").replace(",", ""))
        size = money(page.page.locator("[data-testid=squeeze-facts] dd").first.inner_text())
        (one,) = api(server, f"squeeze?coin=BTC&history=31d&side=up&to={landing}")["squeezes"]
        assert size == pytest.approx(one["reaching"][0]["push"], rel=0.03)
        page.page.get_by_text("Farthest price, median").wait_for(timeout=PATIENCE)


def test_assumptions_reweigh_the_map_at_once(browser: Browser, server: PageServer) -> None:
    with opened(browser, server, f"{PLAIN}&panel=assumptions") as page:
        page.ready()
        slider = page.page.locator(".slider input").first
        slider.wait_for(timeout=PATIENCE)
        slider.evaluate(
            "one => { one.value = Math.log(0.06); one.dispatchEvent(new Event('input', {bubbles: true})); }"
        )
        served, changed = (
            money(text)
            for text in page.page.locator(".panel-body table")
            .first.locator("tbody tr")
            .nth(1)
            .locator("td.number")
            .all_inner_texts()
        )
        assert changed > 1.5 * served
        page.page.get_by_role("button", name="As served").click()
        assert "–" in page.page.locator(".panel-body table").first.inner_text()


def test_live_liquidations_arrive(browser: Browser, tmp_path: Path, filled: FilledLake) -> None:
    lake = Lake(tmp_path / "lake", create=True)
    now = int(time.time() * 1000)
    put(lake, "liquidations", "bybit", SYMBOL, [event(now - HOUR, "long", 1_000.0)])
    server = PageServer(lake, now)
    server.start()
    try:
        with opened(browser, server) as page:
            page.page.get_by_text("No map of BTC.").wait_for(timeout=PATIENCE)
            page.page.wait_for_selector(".fresh.live", timeout=PATIENCE)
            deadline = time.monotonic() + 30
            count = 0
            while not page.page.get_by_test_id("tape").count():
                assert time.monotonic() < deadline, "nothing arrived"
                count += 1
                put(lake, "liquidations", "bybit", SYMBOL, [event(now - count, "short", 77_000.0 + count)])
                page.page.wait_for_timeout(1_000)
            assert "$77.0K" in page.shown("tape")
            assert "▲ short" in page.shown("tape")
    finally:
        server.stop()


def test_a_server_that_goes_and_comes_back_is_survived(browser: Browser, filled: FilledLake) -> None:
    server = PageServer(filled.lake, filled.end + 5 * MINUTE)
    server.start()
    with opened(browser, server, PLAIN) as page:
        page.ready()
        page.page.wait_for_selector(".fresh.live", timeout=PATIENCE)
        server.stop()
        page.page.wait_for_selector(".fresh.lost", timeout=PATIENCE)
        assert "connection is gone" in page.shown("banner")
        assert page.page.evaluate("() => window.powderkeg.view().to") > 20, "the picture stays"
        server.start()
        page.page.wait_for_selector(".fresh.live", timeout=PATIENCE)
        page.page.wait_for_selector("[data-testid=banner]", state="detached", timeout=PATIENCE)
        # The browser itself reports what it could not reach; the page has nothing to add.
        assert [one for one in page.errors if "Failed to" not in one and "WebSocket" not in one] == []
        server.stop()


def test_a_phone_shows_everything_without_scrolling_sideways(browser: Browser, server: PageServer) -> None:
    with opened(browser, server, "range=1d", width=390, height=844, has_touch=True, is_mobile=True) as page:
        page.ready()
        assert page.page.evaluate("() => document.documentElement.scrollWidth") <= 390
        page.page.get_by_test_id("tab-squeeze").click()
        page.page.get_by_test_id("envelope").wait_for(timeout=PATIENCE)
        assert page.page.evaluate("() => document.documentElement.scrollWidth") <= 390
        assert page.errors == []


@pytest.mark.parametrize(
    ("view", "words"),
    [
        ("coin=NOSUCHCOIN", "No map of NOSUCHCOIN."),
        ("coin=BTC&at=2019-01-01T00:00Z", "No map of BTC."),
    ],
)
def test_what_is_not_there_is_said_in_words(
    browser: Browser, server: PageServer, view: str, words: str
) -> None:
    with opened(browser, server, view) as page:
        page.page.get_by_text(words).wait_for(timeout=PATIENCE)
        assert page.page.get_by_test_id("tab-clusters").is_visible()


def test_an_address_with_odd_characters_changes_nothing(browser: Browser, server: PageServer) -> None:
    view = "coin=%3Cimg%20src%3Dx%3E&range=forever&theme=plaid&threshold=NaN&at=noon&layers=,"
    with opened(browser, server, view) as page:
        page.ready()
        assert page.page.get_by_test_id("coin").input_value() == "BTC"
        assert page.page.locator("html").get_attribute("data-theme") == "dark"
        page.page.get_by_test_id("coin").fill("<b>&\"'")
        page.page.get_by_test_id("coin").press("Enter")
        assert page.page.evaluate("() => location.hash").startswith("#coin=BTC")
        assert page.errors == []


def test_a_venue_that_is_not_in_the_sum_says_why(browser: Browser, server: PageServer) -> None:
    with opened(browser, server, PLAIN) as page:
        page.ready()
        missing = page.page.locator(".venues button.missing").first
        missing.wait_for(timeout=PATIENCE)
        assert "the lake has none" in (missing.get_attribute("title") or "")


def test_a_stale_feed_is_said_to_be_stale(browser: Browser, filled: FilledLake) -> None:
    server = PageServer(filled.lake, filled.end + 25 * MINUTE)
    server.start()
    with opened(browser, server, PLAIN) as page:
        page.page.wait_for_selector(".fresh.stale", timeout=PATIENCE)
        assert "STALE" in page.shown("freshness")
    server.stop()


def test_times_are_utc_wherever_the_visitor_is_unless_local_is_chosen(
    browser: Browser, server: PageServer, filled: FilledLake
) -> None:
    wanted = iso(filled.end)
    with opened(browser, server, "range=1d&panel=coverage", timezone_id="Asia/Tokyo") as page:
        page.page.get_by_text(wanted[:16].replace("T", " ") + " UTC").wait_for(timeout=PATIENCE)
    with opened(browser, server, "range=1d&panel=coverage&zone=local", timezone_id="Asia/Tokyo") as page:
        there = str(np.datetime64(wanted.rstrip("Z")) + np.timedelta64(9, "h"))[:16].replace("T", " ")
        page.page.get_by_text(f"{there} local").wait_for(timeout=PATIENCE)


def test_a_token_is_asked_for_and_then_used_for_http_and_the_stream(
    browser: Browser, filled: FilledLake
) -> None:
    token = "a token of some length"  # noqa: S105
    server = PageServer(filled.lake, filled.end + 5 * MINUTE, token=token)
    server.start()
    with opened(browser, server, "range=1d") as page:
        field = page.page.get_by_label("Token")
        field.wait_for(timeout=PATIENCE)
        field.fill(token)
        page.page.get_by_role("button", name="Open").click()
        page.ready()
        page.page.wait_for_selector(".fresh.live", timeout=PATIENCE)
        assert token not in page.page.evaluate("() => location.href + document.cookie")
        assert token not in json.dumps(page.page.evaluate("() => ({...localStorage})"))
    server.stop()


def test_a_saved_picture_says_what_it_shows(browser: Browser, server: PageServer, tmp_path: Path) -> None:
    with opened(browser, server, PLAIN) as page:
        page.ready()
        with page.page.expect_download(timeout=PATIENCE) as waiting:
            page.page.locator("body").press("s")
        found = waiting.value
        assert found.suggested_filename.startswith("powderkeg-BTC-")
        found.save_as(tmp_path / "picture.png")
        image = matplotlib.image.imread(tmp_path / "picture.png")
        assert image.shape[0] > 600
        assert image.shape[1] > 900
        # Heading and footer hold text: their pixels differ from the background.
        for rows in (image[8:40], image[-30:]):
            assert float(np.abs(rows - image[2, 2]).max()) > 0.3
