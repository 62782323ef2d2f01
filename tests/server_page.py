"""The tables of endpoints of docs/server.md, made from the OpenAPI documents of the server itself.

Run this file to write them: python tests/server_page.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from starlette.testclient import TestClient

from powderkeg.lake.market_lake import Lake
from powderkeg.server.application import application
from powderkeg.server.server_rules import ServerRules

PAGE = Path(__file__).parent.parent / "docs" / "server.md"
DOCUMENTS = {"v1": "/v1/openapi.json", "api": "/api/openapi.json"}
PREFIXES = {"v1": "", "api": "/api"}
"""What stands before the paths of a document."""


def document(name: str) -> Any:
    """Return one of the documents, by its name in `DOCUMENTS`."""
    with TemporaryDirectory() as folder:
        client = TestClient(
            application(Lake(Path(folder) / "lake", create=True), ServerRules()), base_url="http://127.0.0.1"
        )
        return client.get(DOCUMENTS[name]).json()


def made(name: str) -> str:
    """Return a table of the endpoints of one of the documents, and what each takes."""
    prefix = PREFIXES[name]
    rows = [
        f"| `{prefix}{path}` | {operation['summary']} | {', '.join(_parameters(operation)) or 'none'} |"
        for path, operations in document(name)["paths"].items()
        for operation in operations.values()
    ]
    return "\n".join(["| path | what | parameters |", "|---|---|---|", *rows])


def _parameters(operation: dict[str, Any]) -> Iterator[str]:
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "query":
            default = parameter["schema"].get("default")
            shown = "" if default is None or default == [] else f" ({default})"
            name = f"`{parameter['name']}`"
            yield f"**{name}**" if parameter["required"] else name + shown


def split(name: str, page: str) -> tuple[str, str, str]:
    """Return what stands before the table of a document on the page, the table, and what stands after it."""
    begin, end = f"<!-- {name}: made by tests/server_page.py -->", f"<!-- end of {name} -->"
    start, stop = page.index(begin) + len(begin), page.index(end)
    return page[:start], page[start:stop].strip(), page[stop:]


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    for document_name in DOCUMENTS:
        before, _, after = split(document_name, text)
        text = f"{before}\n\n{made(document_name)}\n\n{after}"
    PAGE.write_text(text, encoding="utf-8")
