"""The envelope of every answer of OKX's REST API, what its codes mean, and how its instruments are named.

https://www.okx.com/docs-v5/en/#error-code-rest-api-public, read 2026-11-25.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from powderkeg.errors import PayloadError
from powderkeg.model.instrument import Instrument
from powderkeg.venues.asking import Refusal
from powderkeg.venues.payload import decoded, decoder

T = TypeVar("T")

_SUFFIX = "-SWAP"
# Rate limits come with HTTP 429, and also inside an HTTP 200.
_LIMITED = {"50011", "50040", "50061"}
_UNAVAILABLE = {"1", "50001", "50004", "50013", "50026", "50046", "50062"}
# No such instrument, or settled, or without margin tiers.
_UNKNOWN = {"51001", "51002", "50047", "50049"}
_PARAMETER_ERROR = "51000"
_NAMES = ("instId", "instFamily", "uly")


class Answer(msgspec.Struct, Generic[T]):
    """The envelope; the code is 0 where all is well."""

    code: str
    msg: str = ""
    data: list[T] | None = None


class _Envelope(msgspec.Struct):
    code: str
    msg: str = ""


_ENVELOPE = decoder(_Envelope)


def refusal(body: bytes) -> Refusal | None:
    """Return the refusal that a code words; None for 0, and for what is no answer of OKX's."""
    try:
        answer = decoded(body, _ENVELOPE, "answer")
    except PayloadError:
        return None
    if answer.code == "0":
        return None
    detail = f"code {answer.code}: {answer.msg}"
    if answer.code in _LIMITED:
        return Refusal("limited", detail)
    if answer.code in _UNAVAILABLE:
        return Refusal("unavailable", detail)
    misnamed = answer.code == _PARAMETER_ERROR and any(name in answer.msg for name in _NAMES)
    return Refusal("unknown" if misnamed or answer.code in _UNKNOWN else "invalid", detail)


def result_of(payload: bytes, by: msgspec.json.Decoder[Answer[T]], what: str) -> list[T]:
    """Return the data of an answer.

    Raises
    ------
    PayloadError
        The payload is not of that shape, or it is a refusal.
    """
    answer = decoded(payload, by, what)
    if answer.code != "0" or answer.data is None:
        raise PayloadError(f"{what}: found code {answer.code} ({answer.msg}); expected 0 and data")
    return answer.data


def family_of(instrument: Instrument) -> str:
    """Return the instrument family: ``BTC-USDT`` of ``BTC-USDT-SWAP``, ``BTC-USD_UM`` of ``BTC-USD_UM-SWAP``.

    Not the underlying: a coin-margined and a dollar-margined contract share theirs.
    """
    return instrument.symbol.removesuffix(_SUFFIX)


def perpetual_of(family: str) -> str:
    """Return the symbol of a family's perpetual."""
    return family + _SUFFIX
