"""Whether anything is missing between the messages of a stream."""

from __future__ import annotations

from powderkeg.venues.listening import SequenceStep


class SequenceWatch:
    """Compares the numbers of messages with those before them, for any number of streams."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}
        self.late = 0

    def broken(self, step: SequenceStep) -> str:
        """Return what is missing before this message, in words; nothing if nothing is.

        A message whose numbers were passed already is counted as late. It may have filled a gap reported
        before: a gap says what may be missing, not what is.
        """
        last = self._last.get(step.stream)
        if last is None or step.restart:
            self._last[step.stream] = step.last
            return ""
        if step.last <= last:
            self.late += 1
            return ""
        self._last[step.stream] = step.last
        if step.previous is not None:
            if step.previous == last:
                return ""
            return f"{step.stream}: a message after {step.previous} followed the one that ended with {last}"
        if step.first <= last + 1:
            return ""
        return f"{step.stream}: {step.first} followed {last}, so {step.first - last - 1} are missing"

    def forget(self) -> None:
        """Begin anew, as after a reconnect: what happened in between is a gap of its own."""
        self._last.clear()
