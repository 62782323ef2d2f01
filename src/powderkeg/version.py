"""The version, alone in its file so that every floor can state it in provenance."""

from __future__ import annotations

__version__ = "0.1.0"
