"""When a recorder takes a connection for dead."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Watchfulness:
    """When a connection is taken for dead, in seconds.

    Attributes
    ----------
    opening, acknowledging
        Until it stands, and until all its channels are confirmed. Channels that are not confirmed a second
        time, while others are, are taken for refused: the others go on.
    quiet
        Without a frame of any kind, where the venue answers pings of its own.
    silence
        Factor on what each channel's feed allows.
    protocol_ping
        Between WebSocket pings; unanswered for as long again, the line is dead.
    look
        Between two looks at all this.
    first_wait, longest_wait
        Before connecting again, doubling; back to the first after `healthy` of listening.
    """

    opening: float = 10.0
    acknowledging: float = 10.0
    quiet: float = 60.0
    silence: float = 1.0
    protocol_ping: float = 20.0
    look: float = 1.0
    first_wait: float = 0.5
    longest_wait: float = 60.0
    healthy: float = 60.0
