"""Channels of OKX that say nothing this house keeps, and what they are."""

from __future__ import annotations

_LEFT_ALONE = {
    "tickers": "best prices and the last trade, which books and trades hold",
    "index-tickers": "index prices",
    "funding-rate": "forecasts of funding; what was settled is asked for",
    "price-limit": "limits of order prices",
    "estimated-price": "settlement prices of dated contracts",
    "instruments": "descriptions, which are asked for",
    "trades-all": "single fills of the trades that come whole",
    "bbo-tbt": "the best level, which books5 hold",
    "books": "changes of the book to 400 levels; books5 come whole",
    "books-elp": "orders of a liquidity programme",
    "books-l2-tbt": "changes of the book, for large customers",
    "books50-l2-tbt": "changes of the book, for large customers",
    "opt-summary": "options",
    "option-trades": "options",
    "block-tickers": "block trades",
    "status": "maintenance",
    "event-contract-markets": "event contracts",
    "liquidations": "made by a recorder from REST answers, no channel of the venue",
}
_PREFIXES = {
    "mark-price-candle": "bars of mark prices, which are asked for",
    "index-candle": "bars of index prices",
    "candle": "bars of a length, or of a day in Hong Kong, that is not kept",
}


def why_left_alone(channel: str) -> str:
    """Return what a channel is that is understood and not kept; nothing for one that is not known."""
    if channel in _LEFT_ALONE:
        return _LEFT_ALONE[channel]
    return next((what for prefix, what in _PREFIXES.items() if channel.startswith(prefix)), "")
