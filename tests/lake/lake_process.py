"""What tests have another process do to a lake: ``python lake_process.py <what> <root> …``.

Every command prints one line for what it has achieved, at once, and the test reads the lines.
"""

from __future__ import annotations

import itertools
import json
import os
import resource
import sys
from pathlib import Path

# As long as a line is not printed, nothing is promised.
# Heavy imports wait inside the commands: a segment writer that is killed fifty times starts without polars.


def append_batches(root: Path, venue: str, compact_every: int, most: int) -> None:
    """Append batches from the number that standard input names, print each, and merge now and then."""
    from lake.made_rows import RECEIVED
    from lake.numbered_batches import batch_key, batch_rows, batch_window
    from powderkeg.lake.market_lake import Lake

    lake = Lake(root, create=True)
    key = batch_key()
    first = int(sys.stdin.readline())
    for number in itertools.islice(itertools.count(first), most):
        name = f"{venue}-{number}"
        rows, window = batch_rows(venue, number), batch_window(venue, number)
        lake.append(key, rows, received_ts=RECEIVED + number, source=venue, covered=[window], batch=name)
        print(number, flush=True)
        if number % compact_every == compact_every - 1:
            lake.compact(key)


def write_segment(path: Path, started_ns: int) -> None:
    """Append numbered records to a new segment without end, and print how many are safe after each sync."""
    from lake.numbered_records import payload_of
    from powderkeg.lake.segments import SegmentHeader, SegmentWriter

    with SegmentWriter(path, SegmentHeader("binance", "c", started_ns, ("trades", "books"))) as writer:
        print(writer.sync(), flush=True)
        for number in itertools.count():
            writer.append(number % 2, started_ns + number, payload_of(number))
            if number % 97 == 0:
                print(writer.sync(), flush=True)


def fill_disk(root: Path) -> None:
    """Append with every limit on the size of a file, and print what came of it as JSON."""
    from lake.made_rows import BARS, RECEIVED, bar
    from powderkeg.errors import LakeError
    from powderkeg.lake.market_lake import Lake

    lake = Lake(root)
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in range(0, 12_000, 250):
        before = lake.read(BARS), lake.covered(BARS)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, unlimited[1]))
        try:
            rows = [bar(20 + index, close=100.0 + limit) for index in range(10)]
            lake.append(BARS, rows, received_ts=RECEIVED + limit, source="rest", batch=f"limit {limit}")
            message = ""
        except LakeError as error:
            message = str(error)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
        same = lake.read(BARS).equals(before[0]) and lake.covered(BARS) == before[1]
        problems = [(problem.kind, str(problem.path)) for problem in lake.verify(BARS)]
        batches = [*lake.applied_batches(BARS)]
        print(json.dumps({"limit": limit, "message": message, "same": same, "problems": problems,
                          "applied": f"limit {limit}" in batches}), flush=True)  # fmt: skip


def fill_disk_of_segment(path: Path) -> None:
    """Append to a segment until a file may not grow, lift the limit, go on, and print the refusals."""
    from lake.numbered_records import payload_of
    from powderkeg.errors import LakeError
    from powderkeg.lake.segments import SegmentHeader, SegmentWriter

    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    with SegmentWriter(path, SegmentHeader("binance", "c", 1)) as writer:
        number = 0
        for limit in (1_000, 30_000, 1_300_000):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, unlimited[1]))
            try:
                while True:
                    writer.append(0, number, payload_of(number))
                    number += 1
                    if number % 500 == 0:
                        writer.sync()
            except LakeError as error:
                print(error, flush=True)
            resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
        print(writer.sync(), number, flush=True)


def use_read_only(root: Path) -> None:
    """Read and write a lake that only another user may write to, and print what came of it as JSON."""
    from lake.made_rows import BARS, RECEIVED, bar
    from powderkeg.errors import LakeError
    from powderkeg.lake.market_lake import Lake

    if os.getuid() == 0:
        os.setgid(65_534)
        os.setuid(65_534)
    lake = Lake(root)
    messages = []
    for write in (
        lambda: lake.append(BARS, [bar(9)], received_ts=RECEIVED, source="rest"),
        lambda: lake.compact(BARS),
        lambda: Lake(root / "new", create=True),
    ):
        try:
            write()
            messages.append("")
        except LakeError as error:
            messages.append(str(error))
    print(json.dumps({"rows": lake.read(BARS).height, "messages": messages}), flush=True)


def touch(root: Path) -> None:
    """Open a lake, read and write one dataset, and print every file and directory that this opened."""
    from lake.made_rows import BARS, RECEIVED, START, bar
    from powderkeg.lake.market_lake import Lake
    from powderkeg.model.window import Window

    touched: list[str] = []

    def note(event: str, arguments: tuple[object, ...]) -> None:
        if event in ("open", "os.listdir", "os.scandir", "os.rename", "os.mkdir", "os.remove"):
            path = str(arguments[0])
            if path.startswith(str(root)):
                touched.append(f"{event} {path.removeprefix(str(root))}")

    sys.addaudithook(note)
    lake = Lake(root)
    lake.read(BARS)
    lake.covered(BARS)
    lake.missing(BARS, Window(START, START + 1))
    lake.append(BARS, [bar(1)], received_ts=RECEIVED, source="rest", batch="again")
    lake.compact(BARS)
    lake.verify(BARS)
    print(json.dumps(touched), flush=True)


def set_aside_and_die(root: Path) -> None:
    """Set a lake's damaged bars aside in copies of it, each killed one step later; print what each came to.

    The lake lies in ``root/lake``, and the copies are made beside it. A step is anything that opens, makes or
    renames a file; the last copy gets through all of them.
    """
    import shutil
    import signal

    from lake.made_rows import BARS
    from powderkeg.lake.market_lake import Lake

    for step in itertools.count(1):
        copy = root / str(step)
        shutil.copytree(root / "lake", copy)
        child = os.fork()
        if not child:
            lake = Lake(copy)
            problems = lake.verify(BARS)
            steps = itertools.count(1)

            def die(event: str, arguments: tuple[object, ...], last: int = step) -> None:
                del arguments
                if event in ("open", "os.rename", "os.mkdir", "os.remove") and next(steps) == last:  # noqa: B023
                    os.kill(os.getpid(), signal.SIGKILL)

            sys.addaudithook(die)
            lake.set_aside(BARS, problems)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(json.dumps({"copy": str(copy), "killed": os.WIFSIGNALED(status), "status": status}), flush=True)
        if not os.WIFSIGNALED(status):
            return


if __name__ == "__main__":
    what, place, *rest = sys.argv[1:]
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    if what == "append":
        append_batches(Path(place), rest[0], int(rest[1]), int(rest[2]))
    elif what == "segment":
        write_segment(Path(place), int(rest[0]))
    else:
        {
            "fill": fill_disk,
            "fill_segment": fill_disk_of_segment,
            "read_only": use_read_only,
            "set_aside": set_aside_and_die,
            "touch": touch,
        }[what](Path(place))
