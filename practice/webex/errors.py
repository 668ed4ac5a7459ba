"""Error responses of Webex.

Each has a message, a copy of it in ``errors``, and a tracking ID in body and header.
"""

import uuid

import flask


class WebexError(Exception):
    """Error for a call that Webex refuses, with the HTTP status and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def answer(error: WebexError) -> flask.Response:
    """Return the error as JSON."""
    tracking_id = f"ROUTER_{str(uuid.uuid4()).upper()}"
    body = {
        "message": error.message,
        "errors": [{"description": error.message}],
        "trackingId": tracking_id,
    }
    response = flask.jsonify(body)
    response.status_code = error.status
    response.headers["TrackingID"] = tracking_id
    if error.status == 401:  # noqa: PLR2004 - Unauthorized
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def bad(message: str) -> WebexError:
    """Return the error 400 for an invalid request."""
    return WebexError(400, message)


def not_found(message: str) -> WebexError:
    """Return the error 404 for an object that does not exist or that this account may not see.

    Webex does not distinguish these cases.
    """
    return WebexError(404, message)
