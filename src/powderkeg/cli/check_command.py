"""``powderkeg check``: claims of a text held against data."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from powderkeg.cli import lake_options, model_options, options
from powderkeg.cli.map_source import MapSource
from powderkeg.errors import InputError

if TYPE_CHECKING:
    from powderkeg.analytics.claim_checking import ClaimCheck
    from powderkeg.analytics.claim_evidence import ClaimEvidence
    from powderkeg.analytics.claims import Claim
    from powderkeg.maps.venue_models import VenueModels

LARGEST_FILE = 64 << 20
"""Bytes; a thousand pages are about three million."""


@options.market_command
def check(
    market: MapSource,
    text: Annotated[
        str,
        typer.Argument(help="A text in English, a file with one (plain, Markdown or HTML), or - for stdin."),
    ],
    coin: Annotated[
        str | None,
        typer.Option("--coin", help="Coin of claims that name none. Default: BTC, or that of the files."),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at", help="Time of claims without a date, and the end of what is known; now otherwise."
        ),
    ] = None,
    as_of_text_date: Annotated[
        bool,
        typer.Option("--as-of-text-date", help="Take the first full date of the text as --at, to its end."),
    ] = False,
    model: options.Model = options.ModelName.WORLDS,
    parameters: options.Parameters = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Leave with status 1 if a claim is contradicted.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Hold the claims of a text against data: liquidations, imbalance, levels, open interest, funding, price.

    A claim is supported, contradicted, suspected of a wrong unit, or not decidable, with the numbers. The
    lake is taken as it is, and no venue is asked. What is not understood is listed, never guessed. Example:

    powderkeg check '$9.6 billion of shorts liquidate if BTC reaches $96,900, with price at $86,583'
    """
    from powderkeg.analytics.claims import extracted_claims
    from powderkeg.cli.terminal import counting, print_json
    from powderkeg.cli.terminal_claims import print_checks

    given = _given(text)
    models = model_options.chosen_models(model, parameters)
    time = _time(market, at)
    with counting("Reading") as move:
        found = extracted_claims(given, at=time, progress=move)
    if as_of_text_date:
        if found.dated is None:
            raise InputError(
                "--as-of-text-date: the text has no date with a year, such as 10 October 2025; give --at"
            )
        time = min(time, found.dated.end if found.dated.length > 1 else found.dated.start)
    checks = _checked(market, found.claims, coin, time, models)
    if as_json:
        print_json(
            {
                "at": _iso(time),
                "checks": [one.as_json() for one in checks],
                "not_understood": [one.as_json() for one in found.not_understood],
            }
        )
    else:
        print_checks(given, checks, found.not_understood)
    if strict and any(one.verdict == "contradicted" for one in checks):
        raise typer.Exit(1)


def _given(text: str) -> str:
    """Return the text itself, of a file, or of standard input; InputError for what is no text."""
    if text == "-":
        return _decoded(sys.stdin.buffer.read(LARGEST_FILE + 1), "stdin")
    path = Path(text)
    try:
        is_file = path.is_file()
    except (OSError, ValueError):
        is_file = False
    if is_file:
        try:
            with path.open("rb") as file:
                return _decoded(file.read(LARGEST_FILE + 1), str(path))
        except OSError as error:
            raise InputError(f"text: {path} cannot be read: {error.strerror}") from error
    if not any(letter.isspace() for letter in text) and path.suffix in (".txt", ".md", ".html", ".htm"):
        raise InputError(f"text: there is no file {text}")
    return text


def _decoded(content: bytes, name: str) -> str:
    if len(content) > LARGEST_FILE:
        raise InputError(f"text: {name} is longer than {LARGEST_FILE >> 20} MiB; expected a part of it")
    try:
        found = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"text: {name} is no text in UTF-8 (byte {error.start})") from None
    if "\x00" in found:
        raise InputError(f"text: {name} is a binary file; expected text")
    return found


def _time(market: MapSource, at: str | None) -> int:
    from powderkeg.model.times import milliseconds

    if at is not None:
        return milliseconds(at, "--at")
    return market.from_files().end if market.bars is not None else lake_options.now()


def _iso(time: int) -> str:
    from powderkeg.model.times import iso

    return iso(time)


def _checked(
    market: MapSource, claims: tuple[Claim, ...], coin: str | None, time: int, models: VenueModels
) -> list[ClaimCheck]:
    from powderkeg.analytics.claim_checks import claim_check
    from powderkeg.analytics.claim_evidence import file_evidence
    from powderkeg.cli.terminal import counting

    known: dict[str, ClaimEvidence] = {}
    if market.bars is not None:
        evidence = file_evidence(market.from_files(), models)
        if coin is not None and coin.upper() != evidence.coin:
            raise InputError(f"--coin is {coin}; the files are of {evidence.coin}")
    done = []
    with counting("Checking") as move:
        for number, claim in enumerate(claims, start=1):
            if market.bars is None:
                name = claim.coin if claim.coin not in (None, "ALL") else (coin or "BTC").upper()
                evidence = known.get(str(name)) or known.setdefault(
                    str(name), _of_lake(market, str(name), time, models)
                )
            done.append(claim_check(claim, evidence, time))
            move(number, len(claims))
    return done


def _of_lake(market: MapSource, coin: str, time: int, models: VenueModels) -> ClaimEvidence:
    from powderkeg.analytics.claim_evidence import lake_evidence
    from powderkeg.venues.registry import venues

    settings = lake_options.settings_of(market.settings, market.lake)
    lake = lake_options.lake_of(
        settings,
        missing=f"there is no lake in {settings.lake_path}; `powderkeg backfill binance {coin}` "
        f"fills one with market data, and `powderkeg record --coins {coin}` with liquidations. Or give "
        "files: --bars and --open-interest",
    )
    asked = venues(lake_options.names_of(market.venues, ())) if market.venues else venues()
    return lake_evidence(
        lake, asked, coin, models, time - lake_options.time_of(market.since, "--since", time)
    )
