"""Messages of alerts go out: through apprise, to each target apart, again until they have arrived."""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from powderkeg.errors import InputError, LakeError, MissingExtraError
from powderkeg.lake.alert_store import AlertStore, Batch, DeliveryRules, Message
from powderkeg.model.times import iso

if TYPE_CHECKING:
    from apprise import Apprise, NotifyType

log = logging.getLogger("powderkeg.alerts")
_IN_DIGEST = 20
_LOOK = 1.0


@dataclass(frozen=True, slots=True)
class Target:
    """Where messages go: its name in the store, and apprise with its URL, which nothing ever shows."""

    name: str
    service: Apprise = field(repr=False)


def targets_of(store: AlertStore, urls: Iterable[str]) -> tuple[Target, ...]:
    """Return a target for each URL.

    Raises
    ------
    MissingExtraError
        apprise is not installed, and there is a URL.
    InputError
        A URL is none that apprise knows; the message counts it, and does not show it.
    """
    found: dict[str, Target] = {}
    for number, url in enumerate(urls, 1):
        try:
            from apprise import Apprise
        except ImportError:
            raise MissingExtraError(
                "alerts are sent through apprise, which is not installed: pip install 'powderkeg[alerts]'"
            ) from None
        # What apprise logs may hold parts of a URL.
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
        service = Apprise()
        if not service.add(url):
            raise InputError(
                f"alerts.urls: number {number} is no URL of a service that apprise knows; expected one such "
                "as json://localhost:8080 (it is not shown here, since it may hold a secret)"
            )
        name = store.target(url)
        found[name] = Target(name, service)
    return tuple(found.values())


def deliver_to(
    store: AlertStore, target: Target, clock: Callable[[], int], rules: DeliveryRules
) -> tuple[int, int]:
    """Send a target all that is due now, and return how many messages arrived, and how many did not.

    It stops at the first sending that fails: the target rests then. Each is marked after the target took it,
    so that a kill in between sends it once more, with the same identity. Where another process sends to the
    target, nothing is done.
    """
    arrived = failed = 0
    with store.delivering(target.name) as mine:
        while mine and (batch := store.batch(target.name, clock(), rules)) is not None:
            title, text = message_text(batch)
            if target.service.notify(body=text, title=title, notify_type=_severity(batch)):
                store.mark_delivered(target.name, batch, clock())
                arrived += len(batch.messages)
            else:
                store.mark_failed(target.name, batch, clock(), rules)
                failed += len(batch.messages)
                log.warning("a target did not take %s; it is tried again later", batch.identity)
                break
    return arrived, failed


def deliver(
    store: AlertStore, targets: Sequence[Target], clock: Callable[[], int], rules: DeliveryRules
) -> tuple[int, int]:
    """Send every target all that is due, all at once, and return the sums of `deliver_to`."""
    if not targets:
        return 0, 0
    with ThreadPoolExecutor(len(targets)) as pool:
        done = list(pool.map(lambda target: deliver_to(store, target, clock, rules), targets))
    return sum(arrived for arrived, _ in done), sum(failed for _, failed in done)


class Courier:
    """Sends in the background, a thread for each target, while the context lasts.

    One that does not answer holds up nobody else. What has not arrived at the end stays in the store.
    """

    def __init__(
        self,
        store: AlertStore,
        targets: Sequence[Target],
        clock: Callable[[], int],
        rules: DeliveryRules,
    ) -> None:
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._serve, args=(store, target, clock, rules), daemon=True)
            for target in targets
        ]

    def __enter__(self) -> Self:
        """Begin."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End, after sendings that are under way."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _serve(
        self, store: AlertStore, target: Target, clock: Callable[[], int], rules: DeliveryRules
    ) -> None:
        while not self._ended.is_set():
            try:
                deliver_to(store, target, clock, rules)
            except LakeError:
                log.exception("the store of alerts cannot be used; tried again")
            self._ended.wait(_LOOK)


def message_text(batch: Batch) -> tuple[str, str]:
    """Return the title and the text of a sending; the last line is its identity, to drop repeats by."""
    if len(batch.messages) == 1:
        return _single(batch.messages[0])
    count = Counter((one.rule, one.coin) for one in batch.messages)
    told = [f"{number} times {rule} ({coin})" for (rule, coin), number in count.most_common(_IN_DIGEST)]
    if len(count) > _IN_DIGEST:
        told.append(f"and {len(count) - _IN_DIGEST} more rules")
    shown = [f"{iso(one.as_of)} {one.sentence} [{one.identity}]" for one in batch.messages[-_IN_DIGEST:]]
    lines = [
        *told,
        "",
        f"The last {len(shown)} of {len(batch.messages)}; `powderkeg alerts history` has all:",
        *shown,
        "",
        f"identity: {batch.identity}",
    ]
    return f"powderkeg: {len(batch.messages)} alerts", "\n".join(lines)


def _single(message: Message) -> tuple[str, str]:
    facts = [
        f"{one['name']}: {one['value']:.6g} {one['unit']} ({one['kind']}, {one['source']})"
        for one in json.loads(message.body)["facts"]
        if one["value"] is not None
    ]
    lines = [message.sentence, *facts, f"as of: {iso(message.as_of)}", f"identity: {message.identity}"]
    return f"powderkeg {message.severity}: {message.rule} ({message.coin})", "\n".join(lines)


def _severity(batch: Batch) -> NotifyType:
    from apprise import NotifyType

    worst = {one.severity for one in batch.messages}
    if "critical" in worst:
        return NotifyType.FAILURE
    return NotifyType.WARNING if "warning" in worst else NotifyType.INFO
