"""Every error that powderkeg raises on purpose.

::

    PowderkegError
    ├── InputError            a value or a file that the caller gave cannot be used
    │   ├── MissingColumnError    a table lacks a column that is needed
    │   └── WindowError           a time outside the data, or a window that is empty
    ├── MissingExtraError     an optional dependency is not installed
    ├── OutputError           a result could not be written
    ├── LakeError             the lake cannot be read or written
    └── VenueError            a venue refused, or did not answer
        ├── PayloadError          a venue's answer is not what it should be
        │   └── WindowOverflowError   more was asked for than one answer holds
        └── RefusedError          a venue said no, and asking again will not help

A message names the argument, file or field, the value found and what was expected,
and where there is one, the remedy. Nothing below the command line catches these.
"""

from __future__ import annotations


class PowderkegError(Exception):
    """Root of the tree: catch this to catch everything that powderkeg raises on purpose."""


class InputError(PowderkegError, ValueError):
    """A value or file given by the caller cannot be used; the message says which, and what was expected."""


class MissingColumnError(InputError):
    """A table lacks a column that is needed; the message lists the columns it has."""


class WindowError(InputError):
    """A requested time lies outside the data, or a window holds no data."""


class MissingExtraError(PowderkegError, ImportError):
    """An optional dependency is not installed; the message names the extra to install."""


class OutputError(PowderkegError, OSError):
    """A result could not be written; the message names the path and the reason."""


class LakeError(PowderkegError, OSError):
    """The lake could not be read or written as it must; the message names the path and the reason."""


class VenueError(PowderkegError):
    """A venue refused or did not answer; the message names the venue and the request."""


class PayloadError(VenueError, ValueError):
    """A venue's payload is not what it should be; the message names field, value and expectation."""


class WindowOverflowError(PayloadError):
    """A window holds more rows than one answer of the venue: it is to be asked for in parts."""


class RefusedError(VenueError):
    """A venue said no, and asking again will not help: no such instrument, nothing kept, invalid."""
