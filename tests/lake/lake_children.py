"""Starting `lake_process.py`, reading its lines, and killing it at a random instant."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).with_name("lake_process.py")
PATIENCE = 60.0


def run_child(what: str, *arguments: object) -> list[str]:
    """Return the lines that a command prints; it must succeed."""
    done = subprocess.run(  # noqa: S603
        _command(what, *arguments), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def start_child(what: str, *arguments: object) -> subprocess.Popen[bytes]:
    """Start a command with pipes that nothing buffers, so that no line is lost between two ways to read."""
    pipe = subprocess.PIPE
    return subprocess.Popen(  # noqa: S603
        _command(what, *arguments), stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0
    )


def tell(child: subprocess.Popen[bytes], line: str) -> None:
    """Give a child a line to read."""
    assert child.stdin
    child.stdin.write(f"{line}\n".encode())


def lines_until_end(child: subprocess.Popen[bytes]) -> list[str]:
    """Return the lines of a child that ends by itself; it must succeed."""
    out, problems = child.communicate(timeout=PATIENCE)
    assert child.returncode == 0, problems.decode()
    return out.decode().splitlines()


def lines_until_killed(child: subprocess.Popen[bytes], source: random.Random, longest: float) -> list[str]:
    """Return the whole lines of a child that is killed at a random instant after its first line."""
    assert child.stdout
    assert child.stderr
    first = child.stdout.readline()
    assert first, child.stderr.read().decode()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(timeout=source.uniform(0, longest))  # the instant is what is random here
    assert child.poll() is None, child.stderr.read().decode()
    child.kill()
    rest, _ = child.communicate(timeout=PATIENCE)
    return (first + rest).decode().split("\n")[:-1]


def _command(what: str, *arguments: object) -> list[str]:
    return [sys.executable, str(PROGRAM), what, *map(str, arguments)]
