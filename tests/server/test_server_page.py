"""docs/server.md says what the server says of itself."""

from __future__ import annotations

import pytest

import server_page


@pytest.mark.parametrize("name", list(server_page.DOCUMENTS))
def test_the_tables_of_endpoints_are_those_of_the_documents(name: str) -> None:
    _, shown, _ = server_page.split(name, server_page.PAGE.read_text(encoding="utf-8"))
    assert shown == server_page.made(name), "run python tests/server_page.py"
