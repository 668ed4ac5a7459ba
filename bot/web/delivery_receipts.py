"""Where Webex Connect posts what became of a test mail (facts/connect.md 2.2): an address that it alone was given, good for an hour."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, current_app, request
from redis import Redis

from jobs.contact_center import delivery_receipts

hooks = Blueprint("receipts", __name__)


@hooks.post(f"{delivery_receipts.PATH}<token>")
def receive(token: str) -> Response:
    """Keep the code, and nothing else of it; 404 for an address that nobody was given. Webex Connect wants exactly 200 (facts/connect.md 2.3)."""
    redis: Redis = current_app.config["REDIS"]
    known = delivery_receipts.receive(redis, token, _posted())
    return Response(status=HTTPStatus.OK if known else HTTPStatus.NOT_FOUND)


def _posted() -> Any:
    """The JSON of the request, or None; what is nested without end is none."""
    try:
        return request.get_json(silent=True, force=True)
    except RecursionError:
        return None
