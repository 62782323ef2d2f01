"""What an application answers when a request cannot be: every error in one shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from powderkeg.errors import PowderkegError
from powderkeg.server.answers import JSON, json_bytes
from powderkeg.server.problems import RequestError, invalid_query, problem_of


def answer_problems(
    app: FastAPI,
    shape: Callable[[RequestError], dict[str, Any]],
    refusal: Callable[[Request, HTTPException], RequestError],
) -> None:
    """Let every error of `app` be answered in one shape.

    Parameters
    ----------
    app
        The application.
    shape
        Returns the body of a problem.
    refusal
        Returns the problem of what the framework refuses, such as a path that is not there.
    """

    def told(problem: RequestError) -> Response:
        return Response(json_bytes(shape(problem)), problem.status, media_type=JSON)

    def known(request: Request, error: Exception) -> Response:
        return told(problem_of(error, request.query_params.keys()))

    def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        return told(invalid_query(list(error.errors())))

    def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        return told(refusal(request, error))

    app.add_exception_handler(PowderkegError, known)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(Exception, known)
