"""Asking a venue over HTTP: within its limits, again when that can help, and never without a clear end."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self, TypeVar

import httpx2
import stamina

from powderkeg.errors import PayloadError, RefusedError, VenueError, WindowOverflowError
from powderkeg.ingest.rate_limit import TokenBucket
from powderkeg.venues.asking import RateLimit, Refusal, Request
from powderkeg.venues.venue import Venue

# A venue that is down for hours is told of once, by whoever asked; not in a line for each try.
logging.getLogger("stamina").addHandler(logging.NullHandler())

T = TypeVar("T")
_LARGEST_ANSWER = 2**30
_TOO_MANY = frozenset({418, 429})
_LONGEST_PAUSE = 300.0


class _TryAgainError(VenueError):
    """Asking again may help; after `wait` seconds, or after the usual backoff where that is None."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client bears with a venue.

    Attributes
    ----------
    attempts
        Most times that one request is sent.
    first_wait, longest_wait
        Backoff in seconds between tries, doubling; a venue's Retry-After goes before it.
    connect, read
        Seconds until a connection stands, and until the next bytes of an answer come.
    whole
        Seconds for one answer from first to last byte.
    """

    attempts: int = 6
    first_wait: float = 0.5
    longest_wait: float = 30.0
    connect: float = 10.0
    read: float = 20.0
    whole: float = 300.0


@dataclass(slots=True)
class ClientCounts:
    """What a client has been through: requests sent, tries again, times told to slow down, bytes received."""

    requests: int = 0
    retries: int = 0
    limited: int = 0
    bytes: int = 0


class Asked(Protocol):
    """What can be asked over HTTP: a `Venue`, or a `PublicSeries`; the attributes mean the same in both."""

    @property
    def name(self) -> str:
        """See `Venue`."""
        ...

    @property
    def urls(self) -> Mapping[str, str]:
        """See `Venue`."""
        ...

    @property
    def limits(self) -> Mapping[str, RateLimit]:
        """See `Venue`."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """See `Venue`."""
        ...

    @property
    def refusal(self) -> Callable[[bytes], Refusal | None]:
        """See `Venue`."""
        ...


@dataclass(slots=True)
class PublicClient:
    """One publisher over HTTP; use it as an asynchronous context manager.

    Attributes
    ----------
    venue
        Whom to ask.
    urls
        Base urls that replace the venue's own, by host.
    patience
        See there.
    counts
        Rises as requests are made.
    """

    venue: Asked
    urls: Mapping[str, str] = field(default_factory=dict)
    patience: Patience = Patience()
    counts: ClientCounts = field(default_factory=ClientCounts)
    _buckets: dict[str, TokenBucket] = field(default_factory=dict)
    _http: httpx2.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        limits = httpx2.Timeout(self.patience.read, connect=self.patience.connect, pool=self.patience.whole)
        self._http = httpx2.AsyncClient(
            timeout=limits, headers={"User-Agent": "powderkeg", **self.venue.headers}
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._http is not None:
            await self._http.aclose()

    async def answer(self, request: Request, read: Callable[[bytes], T]) -> T:
        """Return what `read` makes of the answer to `request`.

        A refused connection, a broken or slow answer, HTTP 5xx, "slow down" in any form and an answer that
        `read` cannot use are tried again, after Retry-After where the venue gives one; a checksum is
        checked where the request names one.

        Raises
        ------
        RefusedError
            The venue said no.
        WindowOverflowError
            One answer does not hold what was asked for.
        VenueError
            It did not answer usably in `patience.attempts` tries; the message has the last reason.
        """
        waits = stamina.retry_context(
            on=_wait_of,
            attempts=self.patience.attempts,
            timeout=None,
            wait_initial=self.patience.first_wait,
            wait_max=self.patience.longest_wait,
            wait_jitter=self.patience.first_wait,
        )
        try:
            async for attempt in waits:
                with attempt:
                    self.counts.retries += attempt.num > 1
                    try:
                        return read(await self._verified(request))
                    except WindowOverflowError:
                        raise
                    except PayloadError as error:
                        raise _TryAgainError(f"{self._name(request)}: {error}") from error
        except _TryAgainError as error:
            times = "once" if self.patience.attempts == 1 else f"{self.patience.attempts} times"
            raise VenueError(f"{error}; tried {times}") from error
        raise AssertionError("stamina ends with a value or an error")

    async def _verified(self, request: Request) -> bytes:
        body = await self._body(request)
        if request.checksum_path is not None:
            published = await self._body(Request(request.host, request.checksum_path))
            expected = published.split(maxsplit=1)[0].decode("ascii", "replace").lower() if published else ""
            found = hashlib.sha256(body).hexdigest()
            if found != expected:
                raise _TryAgainError(
                    f"{self._name(request)}: SHA-256 is {found}; expected {expected!r} as published"
                )
        return body

    async def _body(self, request: Request) -> bytes:
        if self._http is None:
            raise VenueError("this client is closed; use it inside `async with`")
        await self._bucket(request.host).take(request.weight)
        self.counts.requests += 1
        base = self.urls.get(request.host) or self.venue.urls[request.host]
        try:
            async with (
                asyncio.timeout(self.patience.whole),
                self._http.stream(
                    "GET" if request.body is None else "POST",
                    base + request.path,
                    params=list(request.parameters),
                    content=request.body,
                    headers={} if request.body is None else {"Content-Type": "application/json"},
                ) as response,
            ):
                chunks, size = [], 0
                async for chunk in response.aiter_bytes():
                    chunks.append(chunk)
                    size += len(chunk)
                    if size > _LARGEST_ANSWER:
                        raise VenueError(f"{self._name(request)}: the answer is larger than 1 GiB")
        except (httpx2.TransportError, httpx2.DecodingError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
            raise _TryAgainError(f"{self._name(request)}: {reason}") from error
        self.counts.bytes += size
        return self._accepted(request, response, b"".join(chunks))

    def _accepted(self, request: Request, response: httpx2.Response, body: bytes) -> bytes:
        """Return the body of a good answer; raise for every other kind."""
        refusal = self.venue.refusal(body)
        status = response.status_code
        if refusal is None and status < 400:
            return body
        words = refusal.detail if refusal else body[:200].decode("utf-8", "replace")
        message = f"{self._name(request)}: HTTP {status}, {words}"
        if status in _TOO_MANY or (refusal and refusal.kind == "limited"):
            self.counts.limited += 1
            wait = _retry_after(response)
            if wait is not None:
                self._bucket(request.host).close_for(wait)
            raise _TryAgainError(message, wait)
        if status >= 500 or (refusal and refusal.kind == "unavailable"):
            raise _TryAgainError(message, _retry_after(response))
        raise RefusedError(message)

    def _bucket(self, host: str) -> TokenBucket:
        if host not in self._buckets:
            # Hosts without a stated limit, as file servers, are asked politely all the same.
            self._buckets[host] = TokenBucket(self.venue.limits.get(host, RateLimit(200, 10_000)))
        return self._buckets[host]

    def _name(self, request: Request) -> str:
        return f"{self.venue.name} {request}"


@dataclass(slots=True)
class VenueClient(PublicClient):
    """A `PublicClient` of a venue."""

    venue: Venue


def _wait_of(error: Exception) -> bool | float:
    if not isinstance(error, _TryAgainError):
        return False
    return True if error.wait is None else error.wait


def _retry_after(response: httpx2.Response) -> float | None:
    """Return the seconds of a Retry-After header, None where it is missing or no number."""
    try:
        seconds = float(response.headers.get("Retry-After", ""))
    except ValueError:
        return None
    return min(max(seconds, 0.0), _LONGEST_PAUSE)
