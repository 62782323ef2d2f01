"""Asking venues and filling the lake: backfill of the past, recording of what is live."""
