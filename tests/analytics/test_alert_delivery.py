"""Alerts from detection to their arrival: kills, repeats, storms, and targets that do not answer."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from alert_receiver import Receiver, receiver
from made_alerts import rule, seen
from powderkeg.analytics.alert_evaluation import Watched
from powderkeg.analytics.alert_values import Trigger
from powderkeg.analytics.alert_watch import evaluate, history_json, message_of, watch_list
from powderkeg.errors import InputError, LakeError
from powderkeg.ingest.alert_delivery import Courier, deliver, targets_of
from powderkeg.lake.alert_store import AlertStore, Decided, DeliveryRules

pytest.importorskip("apprise")
CROSSES = rule("price_crosses", level=100.0, direction="up", cooldown="1m")
RULES = DeliveryRules(per_minute=5, attempts=3, first_wait=1_000, longest_wait=8_000)
TESTS = Path(__file__).resolve().parents[1]
# Detects one crossing, says so, and sends it once it is told to.
CHILD = """
import sys
from pathlib import Path
from made_alerts import rule, seen
from powderkeg.analytics.alert_watch import evaluate
from powderkeg.ingest.alert_delivery import deliver, targets_of
from powderkeg.lake.alert_store import AlertStore, DeliveryRules

store = AlertStore(Path(sys.argv[1]))
made = rule("price_crosses", level=100.0, direction="up", cooldown="1m")
for minute, price in ((0, 99.0), (1, 101.0)):
    evaluate(store, [made], [seen(minute, mark_price=price)], [store.target(sys.argv[2])], 0)
print("detected", flush=True)
sys.stdin.readline()
deliver(store, targets_of(store, [sys.argv[2]]), lambda: 0, DeliveryRules())
"""


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


@pytest.fixture
def store(tmp_path: Path) -> AlertStore:
    return AlertStore(tmp_path)


def child(root: Path, url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", CHILD, str(root), url],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )  # fmt: skip


def put(store: AlertStore, count: int, *targets: str, first: int = 1) -> None:
    """Write messages as if a rule had fired so often."""
    messages = [
        message_of(
            Trigger(
                rule="r", coin="BTC", episode=number, kind="price_crosses", severity="info",
                as_of=number, sentence=f"the {number}th", facts=(),
            )
        )
        for number in range(first, first + count)
    ]  # fmt: skip
    store.update(lambda _: Decided({}, messages), targets, 0)


def test_killed_between_detection_and_delivery_it_is_told_once(tmp_path: Path, there: Receiver) -> None:
    process = child(tmp_path, there.url)
    assert process.stdout is not None
    assert process.stdout.readline() == "detected\n"
    process.kill()
    process.communicate()
    assert there.received == []
    store = AlertStore(tmp_path)
    for _ in range(3):
        deliver(store, targets_of(store, [there.url]), lambda: 0, RULES)
    assert there.identities == ["r/BTC/1"]


def test_killed_while_sending_it_is_told_once_more_at_most(tmp_path: Path, there: Receiver) -> None:
    process = child(tmp_path, there.url)
    assert process.stdout is not None
    assert process.stdin is not None
    process.stdout.readline()
    there.before_answer = lambda: os.kill(process.pid, signal.SIGKILL)
    process.stdin.write("\n")
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    there.before_answer = None
    store = AlertStore(tmp_path)
    for _ in range(3):
        deliver(store, targets_of(store, [there.url]), lambda: 0, RULES)
    assert there.identities == ["r/BTC/1", "r/BTC/1"]
    (told,) = store.history(10)
    assert (told.delivered, told.waiting) == (1, 0)


def test_what_is_evaluated_twice_is_told_once(store: AlertStore, there: Receiver) -> None:
    targets = targets_of(store, [there.url])
    names = [target.name for target in targets]
    told = []
    for minute, price in ((0, 99.0), (1, 101.0), (1, 101.0), (2, 102.0)):
        # Another process with the same rules, and the same market.
        for other in (store, AlertStore(store.path.parents[1])):
            told += evaluate(other, [CROSSES], [seen(minute, mark_price=price)], names, 0)
        deliver(store, targets, lambda: 0, RULES)
    assert [one.identity for one in told] == there.identities == ["r/BTC/1"]
    assert there.received[0][0] == "powderkeg warning: r (BTC)"
    assert "BTC: the mark price is 101, above 100" in there.received[0][1]
    put(store, 1, *names)
    assert len(store.history(10)) == 1


def test_a_thousand_triggers_become_a_digest(store: AlertStore, there: Receiver) -> None:
    targets = targets_of(store, [there.url])
    put(store, 1_000, targets[0].name)
    assert deliver(store, targets, lambda: 0, RULES) == (1_000, 0)
    assert len(there.received) == RULES.per_minute
    assert there.received[-1][0] == "powderkeg: 996 alerts"
    assert "996 times r (BTC)" in there.received[-1][1]
    assert there.identities[:4] == [f"r/BTC/{number}" for number in range(1, 5)]
    put(store, 2, targets[0].name, first=2_000)
    assert deliver(store, targets, lambda: 59_999, RULES) == (0, 0)
    assert deliver(store, targets, lambda: 60_000, RULES) == (2, 0)
    assert len(there.received) == RULES.per_minute + 2


def test_a_digest_that_failed_is_the_same_when_it_is_sent_again(store: AlertStore, there: Receiver) -> None:
    targets = targets_of(store, [there.url])
    put(store, 20, targets[0].name)
    once = DeliveryRules(per_minute=1)
    there.status = 500
    assert deliver(store, targets, lambda: 0, once) == (0, 20)
    there.status = 200
    assert deliver(store, targets, lambda: 70_000, once) == (20, 0)
    assert len(set(there.identities)) == 1
    assert len(there.identities) == 2


def test_a_target_that_is_not_there_is_tried_again_and_blocks_nobody(
    store: AlertStore, there: Receiver
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"json://127.0.0.1:{taken.getsockname()[1]}/"
    targets = targets_of(store, [nobody, there.url])
    put(store, 2, *(target.name for target in targets))
    times = (0, 500, 1_000, 1_500, 3_000, 60_000, 120_000, 180_000, 240_000)
    attempts = [deliver(store, targets, partial(int, now), RULES) for now in times]
    # Twice what arrives; then the other rests for one, two, four and eight seconds.
    assert attempts[:5] == [(2, 1), (0, 0), (0, 1), (0, 0), (0, 1)]
    assert there.identities == ["r/BTC/1", "r/BTC/2"]
    assert [(one.delivered, one.waiting, one.given_up) for one in store.history(5)] == [(1, 0, 1)] * 2
    assert sum(failed for _, failed in attempts) == 2 * RULES.attempts


def test_a_courier_is_not_held_up_by_a_target_that_hangs(store: AlertStore, there: Receiver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hanging = f"json://127.0.0.1:{silent.getsockname()[1]}/?rto=1&cto=1"
        targets = targets_of(store, [hanging, there.url])
        put(store, 3, *(target.name for target in targets))
        arrived = threading.Event()
        there.before_answer = lambda: arrived.set() if len(there.received) == 3 else None
        with Courier(store, targets, lambda: 0, RULES):
            assert arrived.wait(20)
    assert there.identities == ["r/BTC/1", "r/BTC/2", "r/BTC/3"]


def test_only_one_process_sends_to_a_target(store: AlertStore, there: Receiver) -> None:
    targets = targets_of(store, [there.url])
    put(store, 1, targets[0].name)
    with store.delivering(targets[0].name) as mine:
        assert mine
        assert deliver(store, targets, lambda: 0, RULES) == (0, 0)
    assert deliver(store, targets, lambda: 0, RULES) == (1, 0)


def test_a_target_that_is_named_later_gets_later_messages(store: AlertStore, there: Receiver) -> None:
    put(store, 3)
    targets = targets_of(store, [there.url])
    put(store, 1, targets[0].name, first=9)
    deliver(store, targets, lambda: 0, RULES)
    assert there.identities == ["r/BTC/9"]


def test_no_secret_is_shown(
    store: AlertStore, there: Receiver, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    targets = targets_of(store, [there.url])
    put(store, 1, targets[0].name)
    there.status = 500
    deliver(store, targets, lambda: 0, RULES)
    with pytest.raises(InputError, match="alerts.urls: number 2 is no URL") as error:
        targets_of(store, [there.url, "nothing://SECRET"])
    shown = (
        repr(targets), caplog.text, *capfd.readouterr(), str(error.value),
        *(path.read_bytes().decode("latin-1") for path in store.directory.iterdir()),
    )  # fmt: skip
    assert caplog.text
    assert not [text for text in shown if "SECRET" in text]


def test_watch_list_and_history_come_from_the_store(store: AlertStore) -> None:
    for minute, price in ((0, 80.0), (1, 101.0), (2, 101.0)):
        evaluate(store, [CROSSES], [seen(minute, mark_price=price)], [], 0)
    (one,) = watch_list(AlertStore(store.path.parents[1], create=False), [CROSSES])
    assert isinstance(one, Watched)
    assert (one.status, one.state.episode, one.remaining) == ("fired", 1, -1.0)
    (told,) = history_json(store.history(5))
    assert told["identity"] == "r/BTC/1"
    assert told["targets"] == {"delivered": 0, "waiting": 0, "given_up": 0}
    assert store.history(5, coin="ETH") == []


def test_a_store_that_is_not_there_or_damaged_is_told(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="no alert rule was evaluated yet"):
        AlertStore(tmp_path, create=False)
    store = AlertStore(tmp_path)
    store.path.write_bytes(b"no database" * 1_000)
    with pytest.raises(LakeError, match=r"alerts\.sqlite cannot be used"):
        AlertStore(tmp_path)
