"""Payloads that say by their number what they must be."""

from __future__ import annotations


def payload_of(number: int) -> bytes:
    """Return a payload of 0 to 299 bytes that no other number below a billion has."""
    return (b"%09d" % number * 34)[: 9 + number % 291] if number % 50 else b""
