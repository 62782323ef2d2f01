"""Words that tell what a number of a sentence is about."""

from __future__ import annotations

import re

PART = re.compile(r",\s+|;\s*|:\s+|\s[—–-]\s|\b(?:while|whereas|although|but|with)\b", re.IGNORECASE)
CUES = {
    "liquidation": r"liquidat\w*|wiped out|wipe(?:s|d)?[- ]?out|rekt|\bshorts?\b|\blongs?\b|leveraged positions|force[- ]?closed",
    "open_interest": r"\bopen interest\b|\bOI\b",
    "funding": r"\bfunding\b",
    "imbalance": r"\bimbalance\b",
    "other": r"\bvolumes?\b|\binflows?\b|\boutflows?\b|\bmarket cap\w*|\bETFs?\b|\brevenue\b|\breserves?\b|\boptions?\b"
    r"|\bsupply\b|\bprofits?\b|\bdominance\b|\braised\b|\bfund\b|\bcapital\b|\bTVL\b|\bnet flows?\b|\bgained\b",
}
CUE = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in CUES.items()), re.IGNORECASE)
SIDE = re.compile(r"\b(?P<short>shorts?|bears)\b|\b(?P<long>longs?|bulls)\b", re.IGNORECASE)
SIDE_BEHIND = re.compile(
    r"\s*(?:worth\s+)?(?:of|in|worth of)?\s*(?:\w+\s+){0,2}?(?P<word>shorts?|longs?)\b", re.IGNORECASE
)
CONDITIONAL = re.compile(
    r"\b(?:if|would|could|will|may|might|can|once|should|at risk|set to|liquidates?|to be liquidated|vulnerable|stands?|"
    r"standing|sits?|sitting|stacked|exposed)\b",
    re.IGNORECASE,
)
PAST = re.compile(
    r"\b(?:were|was|got|been|had|saw|seen|wiped|wipes|flushed|total(?:l?ed)?|recorded|liquidated)\b|\bliquidations\b",
    re.IGNORECASE,
)
IMBALANCE = re.compile(
    r"\bimbalance\b(?:\s+(?:of|at|is|was|ratio|reached|hit|hits|stands|stood|came|to|in|around|about|over|nearly|a|"
    r"record|at)){0,5}\s*[:=(]?\s*$",
    re.IGNORECASE,
)
PRICE_BEFORE = re.compile(
    r"\b(?:price[sd]?|at|near|to|towards?|reach(?:es|ed|ing)?|hits?|hitting|touch(?:es|ed)?|above|below|around|past|through|"
    r"breaks?|breaking|crosse[sd]|crossing|surpass(?:es|ed)?|from|beyond|under|over|trading|trades|of)"
    r"(?:\s+(?:the|about|around|roughly|approximately|nearly|near|at|as high as|as low as|is|was|of|a|an|level|mark|~))*\s*[~≈]?\s*$",
    re.IGNORECASE,
)
OF_PRICE = re.compile(
    r"\b(?:price[sd]?|trading|trades|traded|changing hands|currently|spot)\b"
    r"(?:[\s:=~≈]+(?:is|was|of|at|near|around|about|currently|now|stands?|sits?|hover(?:s|ing)|just|above|below|the|level|to))*[\s:=~≈]*$",
    re.IGNORECASE,
)
BUILD_UP = re.compile(r"\bbuild[- ]?ups?\b|\bbuilt up\b|\bbuilding up\b", re.IGNORECASE)
GATHERED = re.compile(
    r"\b(?:clusters?|walls?|pockets?|pools?|liquidity|stack(?:ed)?|concentrat\w+|magnet|zones?|liquidation levels?)\b",
    re.IGNORECASE,
)
LEVELS = ((BUILD_UP, "build_up"), (GATHERED, "cluster"))
MOVE_TO = re.compile(
    r"\b(?P<verb>squeez\w+|rall\w+|push\w*|mov\w+|spik\w+|rise|rises|rose|rising|drop\w*|fall|falls|fell|falling|climb\w*|"
    r"surg\w+|plung\w+|slid\w*|crash\w*|jump\w*|hit|hits|reach\w*|touch\w*|broke|breaks?|run)\b[^,;.]{0,40}$",
    re.IGNORECASE,
)
TIED = re.compile(
    r"\b(?:at|near|around|above|below|if|once|when|should|on|by|up to|down to|before|reach\w*|rises?|falls?|moves?|"
    r"breaks?|hits?|climbs?|drops?|to)\b[^,;.]{0,40}$",
    re.IGNORECASE,
)
WAS = re.compile(
    r"\b(?:fell|rose|dropped|climbed|surged|plunged|slid|crashed|jumped|rallied|squeezed|spiked)\b",
    re.IGNORECASE,
)
HAPPENED = re.compile(
    r"\b(?:squeezed|rallied|pushed|moved|spiked|rose|dropped|fell|climbed|surged|plunged|slid|crashed|jumped|hit|reached|"
    r"touched|broke)\b",
    re.IGNORECASE,
)
CHANGE = re.compile(
    r"\b(?P<up>rose|risen|rises|up|increased?|grew|grown|gained|climbed|jumped|surged|added|higher)\b"
    r"|\b(?P<down>fell|fallen|falls|down|decreased?|shrank|lost|dropped|declined|plunged|shed|slid|wiped|lower)\b",
    re.IGNORECASE,
)
CHANGE_TO = re.compile(
    r"\bto\s+(?:an?\s+|the\s+|about\s+|around\s+|nearly\s+|over\s+|record\s+)*$", re.IGNORECASE
)
NEGATIVE = re.compile(r"\bnegative\b|\bbelow zero\b|\bminus\b", re.IGNORECASE)
ANNUAL = re.compile(
    r"\bannuali[sz]ed\b|\bAPR\b|\bper year\b|\bper annum\b|\ba year\b|\byearly\b", re.IGNORECASE
)
LARGER = re.compile(
    r"\b(?P<word>larger|bigger|heavier|denser|thicker|greater|more|smaller|fewer|thinner)\s+(?:[\w-]+\s+){0,3}?"
    r"(?:clusters?|walls?|liquidity|liquidations?|leverage|levels|pockets?|shorts?|longs?)\s+(?:[\w-]+\s+){0,4}?"
    r"(?P<first>above|below|overhead)\b[^.;]{0,40}?\bthan\b[^.;]{0,30}?\b(?P<second>above|below|underneath|overhead)\b",
    re.IGNORECASE,
)
MORE_LIQUIDATED = re.compile(
    r"\b(?P<word>more|fewer)\s+(?:[\w-]+\s+){0,2}?(?P<first>longs?|shorts?)\s+(?:were\s+|got\s+|have been\s+)?(?:liquidated\s+)?than\s+"
    r"(?P<second>longs?|shorts?)\b",
    re.IGNORECASE,
)
EVERY_COIN = re.compile(
    r"\b(?:crypto(?:currency)?(?: market)?(?:-| )?wide|across (?:the )?(?:crypto|market|all)\w*|crypto (?:longs|shorts|liquidations|positions|leverage|derivatives)"
    r"|total crypto|all coins|market-wide|the (?:whole|entire) (?:crypto )?market)\b",
    re.IGNORECASE,
)
