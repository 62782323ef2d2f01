"""Errors as the API tells them: one shape, a code for programs, a sentence for people."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection
from typing import Any

from powderkeg.errors import InputError, LakeError, MissingExtraError, WindowError

log = logging.getLogger("powderkeg.server")

_NAMED = re.compile(r"(\w+)(?=: | is )")


class RequestError(InputError):
    """A request that cannot be answered.

    Attributes
    ----------
    status
        HTTP status.
    code
        Short word for programs, such as ``unknown_coin``.
    field
        Parameter that is at fault; None where it is none in particular.
    """

    def __init__(self, status: int, code: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.field = field


def problem_of(error: Exception, asked: Collection[str]) -> RequestError:
    """Return what a client is told of an error; what is no fault of its is logged and told without detail.

    `asked` are the names of the parameters that it gave: one of them may be at fault.
    """
    match error:
        case RequestError():
            return error
        case WindowError():
            return RequestError(404, "not_in_data", str(error), _field(str(error), asked))
        case InputError():
            return RequestError(400, "bad_request", str(error), _field(str(error), asked))
        case LakeError():
            log.error("the lake cannot be read: %s", error)
            return RequestError(503, "lake_unreadable", "the lake cannot be read; the server's log says why")
        case MissingExtraError():
            return RequestError(501, "not_installed", str(error))
        case _:
            log.error("a request failed", exc_info=error)
            return RequestError(500, "internal", "the request failed; the server's log says why")


def invalid_query(errors: list[Any]) -> RequestError:
    """Return the problem of a query that does not fit its declaration: the first that was found."""
    first = errors[0]
    field = next((str(part) for part in first["loc"] if part not in ("query", "path")), None)
    shown = repr(first.get("input"))
    message = f"{field}: {shown[:80]}; {first['msg']}"
    return RequestError(422, "invalid_parameter", message, field)


def problem_object(problem: RequestError) -> dict[str, Any]:
    """Return the problem as every endpoint of ``/v1`` tells it."""
    return {"error": {"code": problem.code, "message": str(problem), "field": problem.field}}


def compatible_object(problem: RequestError) -> dict[str, Any]:
    """Return the problem in the shape of CoinGlass, as endpoints at its paths tell it."""
    return {"code": str(problem.status), "msg": str(problem), "powderkeg": {"field": problem.field}}


def _field(message: str, asked: Collection[str]) -> str | None:
    found = _NAMED.match(message)
    return found[1] if found and found[1] in asked else None
