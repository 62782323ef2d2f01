"""Requests made from the OpenAPI documents: none is a fault of the server."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

import server_page
from powderkeg.model.times import DAY, HOUR, iso
from server.conftest import BASE, FilledLake

CHECKS = [
    not_a_server_error,  # stands first: it is left out where 501 is the answer
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# Paths that say in their summary that they answer 501.
NOT_COMPUTED = {"/futures/liquidation/max-pain"}
ONCE = settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@functools.cache
def operations(name: str) -> dict[str, APIOperation[Any, Any, Any, Any]]:
    """Return the operations of a document by path."""
    schema = schemathesis.openapi.from_dict(server_page.document(name))
    found = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    return {one.path: one for one in found}


def fitting(filled: FilledLake) -> dict[str, list[Any]]:
    """Return values that the lake can answer, by parameter: of values made up it knows none."""
    return {
        "coin": ["BTC", "btc"],
        "venues": ["binance", "binance,bybit"],
        "venue": ["bybit"],
        "at": [iso(filled.end), iso(filled.end - DAY)],
        "history": ["5d"],
        "since": ["6h", iso(filled.end - DAY)],
        "start": [iso(filled.end - DAY)],
        "until": [iso(filled.end)],
        "step": ["4h"],
        "interval": ["1h"],
        "exchange": ["Binance", "bybit"],
        "exchange_list": ["Binance,Bybit"],
        "symbol": ["BTCUSDT", "BTC"],
        "range": ["24h", "7d", "1d"],
        "as_of": [filled.end, filled.end - DAY],
        "start_time": [filled.end - 6 * HOUR],
        "end_time": [filled.end],
        "min_liquidation_amount": [0, 1_000],
        "cursor": [None],
    }


@pytest.mark.parametrize(
    ("name", "path", "mode"),
    [
        (name, path, mode)
        for name in server_page.DOCUMENTS
        for path, operation in operations(name).items()
        for mode in GenerationMode
        if mode is GenerationMode.POSITIVE or operation.query  # without parameters none can be wrong
    ],
)
def test_no_request_is_a_fault_of_the_server_and_answers_are_as_declared(
    client: TestClient, filled: FilledLake, name: str, path: str, mode: GenerationMode
) -> None:
    operation = operations(name)[path]
    known = {key: st.sampled_from(values) for key, values in fitting(filled).items()}
    declared = [one.name for one in operation.query if one.name in known]
    known_values = st.fixed_dictionaries({}, optional={key: known[key] for key in declared})

    @ONCE
    @given(operation.as_strategy(generation_mode=mode), known_values)
    def asked(case: Any, values: dict[str, Any]) -> None:
        query = {**(case.query or {}), **values}
        case.query = {key: value for key, value in query.items() if value is not None}
        sent = case.as_transport_kwargs(base_url=BASE + server_page.PREFIXES[name])
        answer = client.request(sent["method"], sent["url"], params=sent["params"])
        case.validate_response(answer, checks=CHECKS[path in NOT_COMPUTED :])

    asked()
