"""Files that are there whole or not at all, and still there after the power went.

A file is written under a temporary name, synced, renamed, and then its directory is synced: a kill at any
instant leaves the old file or the new one. Errors of the system become `LakeError`s that name the path.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from powderkeg.errors import LakeError

TEMPORARY = ".tmp"


def lake_error(path: Path, what: str, error: OSError) -> LakeError:
    """Return the error for a call of the system that failed on `path`: what could not be done, and why."""
    return LakeError(f"{path} {what}: {error.strerror or error}")


def write_durably(path: Path, content: bytes) -> None:
    """Write a file so that it is complete and durable under its name when this returns.

    Its directory must exist. Where it cannot be written, a file that had the name before stays as it was.

    Raises
    ------
    LakeError
        The disk is full, the place is read-only, or the like; the message names the path and the reason.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{TEMPORARY}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            write_all(descriptor, content)
            sync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
        _sync_directory(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):  # the first error is the one to tell
            temporary.unlink(missing_ok=True)
        raise lake_error(path, "cannot be written", error) from error


def move_durably(source: Path, target: Path) -> None:
    """Rename a file so that it is durably under its new name, and only there, when this returns.

    The directory of `target` must exist on the same file system. A crash leaves the file under one of the
    two names; one that had the new name before is replaced.

    Raises
    ------
    LakeError
        It cannot be moved; the message names both paths and the reason.
    """
    try:
        source.replace(target)
        _sync_directory(target.parent)  # the new name first, so that no crash finds neither
        _sync_directory(source.parent)
    except OSError as error:
        raise lake_error(source, f"cannot be moved to {target}", error) from error


def write_all(descriptor: int, content: bytes | bytearray) -> None:
    """Write all of `content`, in as many calls as the system takes for it."""
    with memoryview(content) as view:
        done = 0
        while done < len(view):
            done += os.write(descriptor, view[done:])


def sync(descriptor: int) -> None:
    """Return once the file's contents are on the device."""
    if hasattr(fcntl, "F_FULLFSYNC"):  # macOS: fsync alone stops at the drive's cache
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)


def sync_directory(path: Path) -> None:
    """Return once the names in a directory are on the device.

    Raises
    ------
    LakeError
        The system refuses.
    """
    try:
        _sync_directory(path)
    except OSError as error:
        raise lake_error(path, "cannot be synced", error) from error


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(path: Path) -> None:
    """Make a directory and those above it, each durable; one that exists is left alone.

    Raises
    ------
    LakeError
        It cannot be made, or a file is in its place.
    """
    absent: list[Path] = []
    place = path
    try:
        while not place.is_dir() and place != place.parent:
            absent.append(place)
            place = place.parent
        for directory in reversed(absent):
            directory.mkdir(exist_ok=True)
            _sync_directory(directory.parent)
    except OSError as error:
        raise lake_error(path, "cannot be made", error) from error


def names_in(directory: Path) -> list[str]:
    """Return the names in a directory, sorted; none where there is no such directory.

    Raises
    ------
    LakeError
        It cannot be listed; a pattern would have found nothing and said nothing.
    """
    try:
        return sorted(os.listdir(directory))  # noqa: PTH208 -- names are all it takes
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise lake_error(directory, "cannot be listed", error) from error


def remove_file(path: Path) -> None:
    """Remove a file that nothing refers to any more; one that is gone already is fine.

    Raises
    ------
    LakeError
        It cannot be removed.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise lake_error(path, "cannot be removed", error) from error


@contextlib.contextmanager
def locked_if_free(path: Path) -> Iterator[bool]:
    """Hold the lock file `path` as `locked` does, or tell False at once where somebody else has it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise lake_error(path, "cannot be opened to lock it", error) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            free = True
        except BlockingIOError:
            free = False
        except OSError as error:
            raise lake_error(path, "cannot be locked", error) from error
        yield free
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, alone among all threads and processes; wait for it where it is taken.

    The system lets go of it when the process ends, however it ends.

    Raises
    ------
    LakeError
        The lock file cannot be opened or locked.
    """
    try:
        # A descriptor of its own for each holder: flock then keeps threads of one process apart too.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise lake_error(path, "cannot be opened to lock the dataset", error) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:
            raise lake_error(path, "cannot be locked", error) from error
        yield
    finally:
        os.close(descriptor)
