"""The dashboard's files, read into memory once: no request reaches the disk."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable

from fastapi import APIRouter, Request, Response

from powderkeg.server.answers import TaggedBody, answered, tagged_body
from powderkeg.server.problems import RequestError

_MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}
_FOR_EVER = "public, max-age=31536000, immutable"


def page_files() -> dict[str, TaggedBody]:
    """Return the files of the built dashboard by their path below ``/``; empty where none was built."""
    root = resources.files("powderkeg.server") / "page"
    return dict(_files(root, "")) if root.is_dir() else {}


def _files(folder: Traversable, path: str) -> list[tuple[str, TaggedBody]]:
    found = []
    for one in folder.iterdir():
        if one.is_dir():
            found += _files(one, f"{path}{one.name}/")
        else:
            media_type = _MEDIA_TYPES[one.name.rpartition(".")[2]]
            found.append((f"{path}{one.name}", tagged_body(one.read_bytes(), media_type, packed=True)))
    return found


def page_router(files: dict[str, TaggedBody]) -> APIRouter:
    """Return ``/`` and ``/assets/...`` over `files`."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    def page(request: Request) -> Response:
        if "index.html" not in files:
            raise RequestError(
                404,
                "no_page",
                "this installation was built without the dashboard (POWDERKEG_SKIP_DASHBOARD); the API is at "
                "/v1, described at /v1/openapi.json",
            )
        return answered(request, files["index.html"])

    @router.get("/assets/{name}")
    def asset(request: Request, name: str) -> Response:
        found = files.get(f"assets/{name}")
        if found is None:
            raise RequestError(404, "unknown_path", f"/assets/{name[:80]} is no file of the dashboard")
        response = answered(request, found)
        if "-" in name:  # its name holds a hash of what is in it
            response.headers["cache-control"] = _FOR_EVER
        return response

    return router
