"""Address to which Webex Connect posts the delivery status of a test mail (facts/connect.md 2.2).

Only Webex Connect gets this address. It is valid for an hour.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, current_app, request
from redis import Redis

from jobs.contact_center import delivery_receipts

hooks = Blueprint("receipts", __name__)


@hooks.post(f"{delivery_receipts.PATH}<token>")
def receive(token: str) -> Response:
    """Save only the status code of the receipt, and return 404 for an unknown address.

    Webex Connect requires exactly 200 (facts/connect.md 2.3).
    """
    redis: Redis = current_app.config["REDIS"]
    known = delivery_receipts.receive(redis, token, _posted())
    return Response(status=HTTPStatus.OK if known else HTTPStatus.NOT_FOUND)


def _posted() -> Any:
    """Return the JSON of the request, or None; JSON that is nested too deeply counts as none."""
    try:
        return request.get_json(silent=True, force=True)
    except RecursionError:
        return None
