"""Every example that is written down is asked, and answers with what it shows."""

from __future__ import annotations

import re
import shlex
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from starlette.testclient import TestClient

import server_page
from powderkeg.model.times import iso
from powderkeg.server.application import application
from powderkeg.server.server_rules import ServerRules
from server.conftest import FilledLake

PAGE = server_page.PAGE.read_text(encoding="utf-8")
# Times that are written down lie outside the lake of the tests, whose market ends now.
WRITTEN_TIME = re.compile(r"20\d\d-\d\d-\d\dT[\d:.]+Z")
ONE_OF_THE_PATH = {"{model}": ("model1", "model2", "model3")}
NOT_COMPUTED = "/api/futures/liquidation/max-pain"
# What an example of an answer shows only where it is asked for, and what only another server has.
ASKED_FOR = {"/v1/squeeze": {"curve": "true"}}
OF_OTHERS = {"/v1/models": "calibrations", "/v1/health": "recorder", "/v1/scoreboard": "fitted"}


def commands() -> list[str]:
    """Return the lines of the page that ask a server."""
    blocks = re.findall(r"^```text\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines() if line.startswith("curl ")]


def addresses() -> list[str]:
    """Return the addresses with values that stand in the text of the page."""
    return re.findall(r"`(/(?:v1|api)/[^`\s]*\?[^`\s]*)`", PAGE)


def in_the_lake(url: str, filled: FilledLake) -> str:
    return WRITTEN_TIME.sub(iso(filled.end), url)


def test_there_are_examples() -> None:
    assert len(commands()) >= 2
    assert addresses()


@pytest.mark.parametrize("command", commands())
def test_a_command_of_the_page_is_answered(filled: FilledLake, command: str) -> None:
    words = shlex.split(in_the_lake(command, filled))[1:]
    headers = dict(
        words[at + 1].split(": ", 1) for at, word in enumerate(words) if word in {"-H", "--header"}
    )
    (url,) = [word for word in words if word.startswith("http://")]
    place = urlsplit(url)
    token = headers.get("Authorization", "").removeprefix("Bearer ") or None
    rules = ServerRules(host="127.0.0.1" if token is None else "0.0.0.0", token=token)  # noqa: S104
    app = application(filled.lake, rules, lambda: filled.end)
    with TestClient(app, base_url=f"http://{place.netloc}") as client:
        answer = client.get(url, headers=headers)
        assert answer.status_code == 200, answer.text
        if token is not None:
            assert client.get(url).status_code == 401


@pytest.mark.parametrize("address", addresses())
def test_an_address_in_the_text_is_answered(client: TestClient, filled: FilledLake, address: str) -> None:
    if address.startswith("/v1/stream"):
        with client.websocket_connect(f"ws://127.0.0.1{address}") as stream:
            assert stream.receive_json()["type"] == "hello"
    else:
        assert client.get(in_the_lake(address, filled)).status_code == 200


def declared() -> list[tuple[str, dict[str, Any]]]:
    """Return the path and the description of every endpoint."""
    found = []
    for name in server_page.DOCUMENTS:
        for path, operations in server_page.document(name)["paths"].items():
            for model in ONE_OF_THE_PATH["{model}"] if "{model}" in path else ("",):
                whole = server_page.PREFIXES[name] + path.replace("{model}", model)
                found.append((whole, operations["get"]))
    return found


def examples_of(parameter: dict[str, Any]) -> list[Any]:
    """Return the examples of a parameter, also of one that may be null."""
    schema = parameter["schema"]
    return [*parameter.get("examples", ()), *schema.get("examples", ())]


def needed(path: str, operation: dict[str, Any]) -> dict[str, Any]:
    """Return an example, or the first of what is allowed, of each parameter that is needed."""
    found: dict[str, Any] = {}
    for one in operation.get("parameters", ()):
        if one["in"] == "query" and one["required"]:
            schema = one["schema"]
            examples = [*examples_of(one), *schema.get("enum", ())]
            assert examples, f"{one['name']} is needed and has no example"
            found[one["name"]] = examples[0]
    return found


def url_of(path: str, query: dict[str, Any], filled: FilledLake) -> str:
    text = "&".join(f"{name}={quote(str(value), safe=':,')}" for name, value in query.items())
    return in_the_lake(f"{path}?{text}", filled)


@pytest.mark.parametrize(("path", "operation"), declared(), ids=[path for path, _ in declared()])
def test_examples_of_parameters_are_answered(
    client: TestClient, filled: FilledLake, path: str, operation: dict[str, Any]
) -> None:
    expected = 501 if path == NOT_COMPUTED else 200
    query = needed(path, operation)
    answer = client.get(url_of(path, query, filled))
    assert answer.status_code == expected, (path, answer.text)
    for one in operation.get("parameters", ()):
        if one["in"] != "query":
            continue
        for example in examples_of(one):
            asked = {**query, one["name"]: example}
            answer = client.get(url_of(path, asked, filled))
            assert answer.status_code == expected, (path, asked, answer.text)


def assert_shown_in(shown: Any, real: Any, place: str) -> None:
    """Hold every key of an example against an answer: it is there, and what it holds is of the same type."""
    if isinstance(shown, dict):
        assert isinstance(real, dict), place
        for key, value in shown.items():
            assert key in real, f"{place}.{key} is shown, and not in an answer: {sorted(real)}"
            assert_shown_in(value, real[key], f"{place}.{key}")
    elif isinstance(shown, list):
        assert isinstance(real, list), place
        if shown:
            assert real, f"{place} is empty"
            assert_shown_in(shown[0], real[0], f"{place}[0]")
    elif isinstance(shown, bool) or isinstance(real, bool):
        assert isinstance(real, bool) is isinstance(shown, bool), place
    elif isinstance(shown, int | float):
        assert isinstance(real, int | float), place
    elif shown is not None and real is not None:
        assert isinstance(real, type(shown)), place


@pytest.mark.parametrize(("path", "operation"), declared(), ids=[path for path, _ in declared()])
def test_an_example_of_an_answer_has_the_keys_of_a_real_one(
    client: TestClient, filled: FilledLake, path: str, operation: dict[str, Any]
) -> None:
    content = operation["responses"].get("200", {}).get("content", {}).get("application/json", {})
    if "example" not in content:
        assert path.startswith("/api/") or path == "/v1/metrics"
        return
    query = needed(path, operation) | ASKED_FOR.get(path, {})
    real = client.get(url_of(path, query, filled)).json()
    shown = content["example"]
    if other := OF_OTHERS.get(path):
        shown, real = without(shown, other), without(real, other)
    assert_shown_in(shown, real, path)


def without(value: Any, key: str) -> Any:
    """Return a copy without a key wherever it stands."""
    if isinstance(value, dict):
        return {name: without(held, key) for name, held in value.items() if name != key}
    return [without(one, key) for one in value] if isinstance(value, list) else value
