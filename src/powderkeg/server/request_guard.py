"""What stands before every request: who asks, from where, how often, and how much."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from powderkeg.server.answers import JSON, json_bytes
from powderkeg.server.problems import RequestError, compatible_object, problem_object
from powderkeg.server.server_rules import ServerRules

_MOST_ADDRESSES = 4_096
_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
COMPATIBLE = "/api"
"""Paths below this speak in the words of another API, errors too."""
SUBPROTOCOL = "powderkeg"
"""Subprotocol of WebSockets of browsers, which cannot send headers: beside it they offer the token."""
_OFFERED_TOKEN = "token."  # noqa: S105
# No dots in a row, and nothing that is decoded: what is open here can be nothing else for the router.
_OPEN_PATH = re.compile(rb"/(assets(/[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*)+)?")
_PAGE_HEADERS = (
    (
        b"content-security-policy",
        # The chart's library writes the style of its logo into the page.
        b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        b"img-src 'self' data: blob:; connect-src 'self'; font-src 'self'; base-uri 'none'; "
        b"form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-frame-options", b"DENY"),
)
SAFE_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
)


class RequestGuard:
    """ASGI middleware that refuses requests before anything is read or computed for them.

    In this order: a host name that is not this server's (where no token protects it), a foreign origin, a
    missing or wrong token, too many requests, too long a query, a body, too many requests under way.

    The page at ``/`` and its files below ``/assets/`` need no token: they hold no data, and a browser has
    none before they are loaded. A WebSocket may offer it as a subprotocol, ``token.`` and its base64url
    without padding, beside ``powderkeg``, which is the one that is accepted; offers go no further.
    """

    def __init__(
        self, app: ASGIApp, rules: ServerRules, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._app = app
        self._rules = rules
        self._allowances = Allowances(rules.requests_per_second, rules.burst, monotonic)
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with what is wrong with it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await _refuse(scope, send, refusal)
        elif scope["type"] == "websocket":
            await self._app(_without_offers(scope), receive, _accepting(scope, send))
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count it as under way until its answer begins.

        An answer begins when it is computed: who reads it slowly keeps nobody else waiting.
        """
        waiting = True

        async def sending(message: Message) -> None:
            nonlocal waiting
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                message["headers"] = [*headers, *SAFE_HEADERS, *(_PAGE_HEADERS if _is_page(headers) else ())]
                self._under_way -= waiting
                waiting = False
            await send(message)

        self._under_way += 1
        try:
            await self._app(scope, receive, sending)
        finally:
            self._under_way -= waiting

    def _refusal(self, scope: Scope) -> RequestError | None:
        headers = Headers(scope=scope)
        return self._refusal_of_sender(scope, headers) or self._refusal_of_amount(scope, headers)

    def _refusal_of_sender(self, scope: Scope, headers: Headers) -> RequestError | None:
        host = headers.get("host", "")
        if self._rules.token is None and _name_of(host) not in (*_LOCAL_NAMES, self._rules.host):
            return RequestError(403, "foreign_host", f"host: {host[:80]!r}; expected this machine's", "host")
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            return RequestError(403, "foreign_origin", "pages of other origins may not ask", "origin")
        if not (_is_open(scope) or _is_allowed(self._rules.token, scope, headers)):
            return RequestError(
                401, "unauthorized", "expected the header Authorization: Bearer TOKEN", "authorization"
            )
        return None

    def _refusal_of_amount(self, scope: Scope, headers: Headers) -> RequestError | None:
        longest = self._rules.query_bytes
        if not self._allowances.take((scope.get("client") or ("",))[0]):
            return RequestError(429, "too_many_requests", "too many requests; wait a second")
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > longest:
            return RequestError(414, "query_too_long", f"path and query are longer than {longest} bytes")
        if _has_body(headers):
            return RequestError(413, "body", "no endpoint takes a body")
        if scope["type"] == "http" and self._under_way >= self._rules.waiting:
            return RequestError(503, "busy", "too many requests are under way; wait a second")
        return None


class Allowances:
    """How many requests each address may still send: a bucket that fills with time.

    Parameters
    ----------
    rate, burst
        Requests a second, and the most that are saved up.
    monotonic
        Returns seconds that never go back.
    """

    def __init__(self, rate: float, burst: int, monotonic: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = burst
        self._monotonic = monotonic
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str) -> bool:
        """Return whether one more request is allowed, and count it."""
        now = self._monotonic()
        left, then = self._left.pop(address, (float(self._burst), now))
        left = min(float(self._burst), left + (now - then) * self._rate)
        allowed = left >= 1
        self._left[address] = (left - allowed, now)
        if len(self._left) > _MOST_ADDRESSES:
            self._left.popitem(last=False)
        return allowed


def _is_open(scope: Scope) -> bool:
    """Return whether a request is for the page or a file of it, which hold no data."""
    path = scope.get("raw_path") or b""
    return scope["type"] == "http" and _OPEN_PATH.fullmatch(path) is not None


def _is_allowed(token: str | None, scope: Scope, headers: Headers) -> bool:
    if token is None:
        return True
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        given = bearer.strip().encode()
    elif "cg-api-key" in headers:
        given = headers["cg-api-key"].encode()
    else:
        given = _offered_token(scope.get("subprotocols", ()))
    return hmac.compare_digest(given, token.encode())


def _offered_token(subprotocols: Sequence[str]) -> bytes:
    """Return the token that a WebSocket offers as a subprotocol; nothing where there is none, or several."""
    offered = [one.removeprefix(_OFFERED_TOKEN) for one in subprotocols if one.startswith(_OFFERED_TOKEN)]
    if len(offered) != 1 or "=" in offered[0] or SUBPROTOCOL not in subprotocols:
        return b""
    try:
        return base64.b64decode(offered[0] + "=" * (-len(offered[0]) % 4), b"-_", validate=True)
    except (ValueError, binascii.Error):
        return b""


def _without_offers(scope: Scope) -> Scope:
    """Return the scope of a WebSocket without what it offers as subprotocols: a token may be among them."""
    kept = [(name, value) for name, value in scope["headers"] if name != b"sec-websocket-protocol"]
    return {**scope, "headers": kept, "subprotocols": []}


def _accepting(scope: Scope, send: Send) -> Send:
    """Return `send` that accepts the one subprotocol that is spoken here, where it is offered."""
    if SUBPROTOCOL not in scope.get("subprotocols", ()):
        return send

    async def sending(message: Message) -> None:
        if message["type"] == "websocket.accept":
            message["subprotocol"] = SUBPROTOCOL
        await send(message)

    return sending


def _has_body(headers: Headers) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def _is_page(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    return any(name.lower() == b"content-type" and value.startswith(b"text/html") for name, value in headers)


def _name_of(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def refusal_object(path: str, problem: RequestError) -> dict[str, object]:
    """Return the problem in the words of the API that the path belongs to."""
    if path.startswith(f"{COMPATIBLE}/"):
        return compatible_object(problem)
    return problem_object(problem)


async def _refuse(scope: Scope, send: Send, problem: RequestError) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": problem.code})
        return
    body = json_bytes(refusal_object(scope["path"], problem))
    headers = [(b"content-type", JSON.encode()), (b"content-length", str(len(body)).encode())]
    if problem.status in (429, 503):
        headers.append((b"retry-after", b"1"))
    if problem.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if _has_body(Headers(scope=scope)):  # it is not read, and where it ends is not asked
        headers.append((b"connection", b"close"))
    start = {"type": "http.response.start", "status": problem.status, "headers": [*headers, *SAFE_HEADERS]}
    await send(start)
    await send({"type": "http.response.body", "body": body})
