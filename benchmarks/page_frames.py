"""How long until the page has drawn 2,881 candles over their heatmap, and how long are frames?"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser
from rich.table import Table

from benchmarks.live_latency import process
from benchmarks.made_lake import BAR, COIN, made_lake
from benchmarks.page_browser import HEIGHT, WIDTH, chromium, serving_page
from powderkeg.model.times import iso

_OPENINGS = 7
_SECONDS = 3
_PATIENCE = 60_000
# What is drawn is on the screen with the frame after: the mark is of the call that draws.
_DRAWN = """
addEventListener("DOMContentLoaded", () => {
  const look = () => {
    const [mark] = performance.getEntriesByName("heatmap-drawn");
    if (mark) requestAnimationFrame((now) => (window.drawn = now));
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
});
"""
# One event a frame, as a hand that never rests: what the page has to do for it is in the next frame's time.
_MOVE = """
async ([kind, seconds]) => {
  const canvas = document.querySelector(".chart canvas:last-of-type");
  const box = document.querySelector(".chart").getBoundingClientRect();
  const [x, y] = [box.x + box.width * 0.4, box.y + box.height * 0.3];
  const target = document.elementFromPoint(x, y);
  const tell = (type, at, more = {}) =>
    target.dispatchEvent(new (type === "wheel" ? WheelEvent : MouseEvent)(type, {
      bubbles: true, cancelable: true, clientX: at, clientY: y, buttons: type === "wheel" ? 0 : 1, ...more,
    }));
  const view = window.powderkeg.view();
  let moved = false;
  tell("mouseenter", x);
  tell("mousemove", x);
  if (kind === "pan") tell("mousedown", x);
  const times = [];
  await new Promise((done) => {
    const begun = performance.now();
    let number = 0;
    const frame = (now) => {
      times.push(now);
      moved ||= window.powderkeg.view().from !== view.from;
      number += 1;
      if (kind === "pan") tell("mousemove", x + 300 * Math.sin(number / 25));
      else tell("wheel", x, { deltaY: number % 90 < 45 ? -60 : 60 });
      if (now - begun < 1000 * seconds) requestAnimationFrame(frame);
      else done();
    };
    requestAnimationFrame(frame);
  });
  if (kind === "pan") tell("mouseup", x);
  return { frames: times.slice(1).map((one, i) => one - times[i]), moved };
}
"""


def opened(browser: Browser, url: str) -> dict[str, Any]:
    """Return when the heatmap was drawn after navigation began and what came before it, in milliseconds."""
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    try:
        page = context.new_page()
        page.add_init_script(_DRAWN)
        page.goto(url)
        page.wait_for_function("() => window.drawn", timeout=_PATIENCE)
        return dict(
            page.evaluate(
                """() => {
                  const all = performance.getEntriesByType("resource");
                  const sent = all.find((one) => one.name.includes("/heatmap?"));
                  return { drawn: window.drawn, asked: sent.startTime, here: sent.responseEnd };
                }"""
            )
        )
    finally:
        context.close()


def moved(browser: Browser, url: str, kind: str) -> list[float]:
    """Return the milliseconds between frames while the chart is panned or zoomed."""
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    try:
        page = context.new_page()
        page.add_init_script(_DRAWN)
        page.goto(url)
        page.wait_for_function("() => window.drawn", timeout=_PATIENCE)
        page.wait_for_load_state("networkidle")
        found = page.evaluate(_MOVE, [kind, _SECONDS])
        if not found["moved"]:
            raise SystemExit(f"the chart did not {kind}")
        return [float(one) for one in found["frames"]]
    finally:
        context.close()


def table() -> Table:
    """Return the answer: the server has everything computed when it is asked."""
    out = Table("what", "median or p50", "p99", "largest")
    end = time.time_ns() // 1_000_000 // BAR * BAR
    with tempfile.TemporaryDirectory() as folder:
        lake = made_lake(Path(folder) / "lake", end)
        with process(serving_page, lake.root) as port, chromium() as browser:
            url = f"http://127.0.0.1:{port}/#coin={COIN}&range=30d&at={iso(end)}&panel=clusters"
            opened(browser, url)
            found = [opened(browser, url) for _ in range(_OPENINGS)]
            for text, values in (
                ("navigation to the question for the heatmap", [one["asked"] for one in found]),
                ("question to its last byte", [one["here"] - one["asked"] for one in found]),
                ("last byte to drawn", [one["drawn"] - one["here"] for one in found]),
                ("navigation to drawn", [one["drawn"] for one in found]),
            ):
                out.add_row(text, f"{statistics.median(values):.0f} ms", "", f"{max(values):.0f} ms")
            for kind in ("pan", "zoom"):
                frames = moved(browser, url, kind)
                cuts = statistics.quantiles(frames, n=100)
                row = (f"{value:.1f} ms" for value in (cuts[49], cuts[98], max(frames)))
                out.add_row(f"frame, {kind} for {_SECONDS} s ({len(frames)} frames)", *row)
    return out
