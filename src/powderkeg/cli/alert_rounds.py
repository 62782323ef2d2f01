"""Rounds of alerts: the lake is observed, rules are evaluated, and what fired is sent."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from powderkeg.analytics.alert_evaluation import Watched
from powderkeg.analytics.alert_observations import CoinObserver
from powderkeg.analytics.alert_watch import evaluate, watch_list
from powderkeg.cli.lake_options import now
from powderkeg.errors import PowderkegError
from powderkeg.ingest.alert_delivery import Courier, deliver, targets_of
from powderkeg.ingest.live_tail import LiveTail
from powderkeg.lake.alert_store import AlertStore, DeliveryRules, Message
from powderkeg.maps.venue_models import read_venue_models
from powderkeg.model.market_rows import MarkPrice
from powderkeg.model.times import MINUTE
from powderkeg.model.window import Window

if TYPE_CHECKING:
    from powderkeg.analytics.alert_rules import AlertRule
    from powderkeg.lake.market_lake import Lake
    from powderkeg.settings.settings import Settings
    from powderkeg.venues.venue import Venue

BAR = 5 * MINUTE
_OF_PRICE = ("price_near_wall", "price_crosses")
_HEARD = MINUTE


class AlertRounds:
    """Evaluates rules over a lake, and sends what fires to the services of the settings.

    Attributes
    ----------
    troubles
        Coin -> why it could not be observed in the last round.
    """

    def __init__(
        self, lake: Lake, rules: Sequence[AlertRule], venues: Sequence[Venue], settings: Settings
    ) -> None:
        self._lake = lake
        self._rules = tuple(rules)
        self._venues = {venue.name: venue for venue in venues}
        self._models = read_venue_models(settings.parameter_paths)
        self._store = AlertStore(lake.root)
        self._targets = targets_of(self._store, [url.get_secret_value() for url in settings.alerts.urls])
        self._how = DeliveryRules(per_minute=settings.alerts.per_minute, attempts=settings.alerts.attempts)
        self._observers: dict[str, CoinObserver] = {}
        self._tail = LiveTail(lake.root, tuple(venues))
        self.troubles: dict[str, str] = {}

    def evaluate_all(self) -> list[Message]:
        """Read the lake anew, evaluate all rules, and return the messages of those that fired."""
        at = now()
        self._observers, self.troubles = {}, {}
        for coin in sorted({rule.coin for rule in self._rules}):
            try:
                self._observers[coin] = CoinObserver(
                    self._lake,
                    tuple(self._venues.values()),
                    coin,
                    self._rules,
                    Window(at, at + 2 * BAR),
                    self._models,
                )
            except PowderkegError as error:  # the rules of other coins go on
                self.troubles[coin] = str(error)
        return self._evaluate(self._rules)

    def evaluate_prices(self) -> list[Message]:
        """Evaluate the rules of the price with the map of the last round and the newest price heard."""
        return self._evaluate([rule for rule in self._rules if rule.kind in _OF_PRICE])

    def deliver(self) -> tuple[int, int]:
        """Send what waits, and return how many messages arrived and how many did not."""
        return deliver(self._store, self._targets, now, self._how)

    def watch_list(self) -> list[Watched]:
        """Return where each rule stands."""
        return watch_list(self._store, self._rules)

    def run(self, every: float, seconds: float | None, *, as_json: bool) -> None:
        """Go on until Ctrl-C, SIGTERM or for so many seconds; `every` seconds between two looks."""
        from powderkeg.cli.terminal_alerts import print_line, print_troubles

        last = -1
        with _ending(seconds) as stop, Courier(self._store, self._targets, now, self._how):
            while not stop.is_set():
                if (bar := now() // BAR) != last:
                    last, fired = bar, self.evaluate_all()
                    print_troubles(self.troubles)
                else:
                    fired = self.evaluate_prices()
                for message in fired:
                    if as_json:
                        print(json.dumps(json.loads(message.body)), flush=True)
                    else:
                        print_line(message)
                stop.wait(every)

    def _evaluate(self, rules: Sequence[AlertRule]) -> list[Message]:
        at = now()
        asked = {rule.coin for rule in rules}
        observations = []
        for coin in sorted(asked & self._observers.keys()):
            observer = self._observers[coin]
            try:
                observations.append(observer.at(at, self._heard(observer, at)))
            except PowderkegError as error:
                self.troubles[coin] = str(error)
        return evaluate(self._store, rules, observations, [one.name for one in self._targets], at)

    def _heard(self, observer: CoinObserver, at: int) -> float | None:
        """Return the price that a recorder has heard within the last minute, if one did."""
        name = observer.reference
        if name is None:
            return None
        symbol = self._venues[name].symbol(observer.coin)
        heard = self._tail.look(wanted={name: [symbol]}).prices.get((name, symbol))
        if heard is None or at - heard.received > _HEARD:
            return None
        return heard.row.mark_price if isinstance(heard.row, MarkPrice) else heard.row.price


@contextlib.contextmanager
def _ending(seconds: float | None) -> Iterator[threading.Event]:
    """Yield an event that is set on Ctrl-C, on SIGTERM and after `seconds`."""
    stop = threading.Event()
    before = {name: signal.signal(name, lambda *_: stop.set()) for name in (signal.SIGINT, signal.SIGTERM)}
    timer = None if seconds is None else threading.Timer(seconds, stop.set)
    try:
        if timer is not None:
            timer.start()
        yield stop
    finally:
        if timer is not None:
            timer.cancel()
        for name, handler in before.items():
            signal.signal(name, handler)
