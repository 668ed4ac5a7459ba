"""Webex's error answers: a message, its repetition in ``errors``, and a tracking id in body and header."""

from __future__ import annotations

import uuid

import flask


class WebexError(Exception):
    """A call that Webex refuses, with the HTTP status and the words it answers."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def answer(error: WebexError) -> flask.Response:
    """The refusal as JSON."""
    tracking_id = f"ROUTER_{str(uuid.uuid4()).upper()}"
    body = {"message": error.message, "errors": [{"description": error.message}], "trackingId": tracking_id}
    response = flask.jsonify(body)
    response.status_code = error.status
    response.headers["TrackingID"] = tracking_id
    if error.status == 401:  # noqa: PLR2004 - Unauthorized
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def bad(message: str) -> WebexError:
    """The request was invalid."""
    return WebexError(400, message)


def not_found(message: str) -> WebexError:
    """No such thing, or none that this account may see: Webex does not tell these apart."""
    return WebexError(404, message)
