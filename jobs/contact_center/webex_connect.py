"""Messaging API of Webex Connect, which sends one mail and reads its result.

Source: facts/connect.md 1.6 and 2.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from jobs.causes.patterns import patterns
from jobs.clouds.errors import CloudError
from jobs.clouds.http import Call
from jobs.clouds.json_values import as_dict, with_low_keys
from jobs.contact_center.client import ask, value
from jobs.settings import Settings

SUBMITTED = "7501"
_FAILED = "connect_send_failed"
_STATUS_CODES = {"submitted": SUBMITTED, "delivered": SUBMITTED, "failed": "failed"}
_NOT_FOR_US = frozenset({400, 401, 403, 404, 405})


@dataclass(frozen=True, slots=True)
class Receipt:
    """Result of a mail.

    ``code`` is Webex Connect's code (7501 is good), ``words`` its text, and ``transaction`` the
    transaction ID for the debug console. ``refused`` is the cause if Webex Connect did not even
    accept the mail from the bot.
    """

    code: str
    words: str
    transaction: str = ""
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Mail:
    """Single test mail.

    ``reference`` is the correlation ID. ``notify`` is the address to which its receipt is posted.
    """

    sender: str
    recipient: str
    subject: str
    body: str
    reference: str
    notify: str


def cause_of(code: str, otherwise: str = "") -> str:
    """Return the cause of a Webex Connect code, or ``otherwise`` if the code is not described.

    Without ``otherwise`` the cause is ``connect_send_failed``.
    """
    known = patterns().codes["connect"].get(code)
    return known.cause if known and known.cause != _FAILED else otherwise or _FAILED


async def send(settings: Settings, mail: Mail) -> str:
    """Send the mail once, and return its transaction ID.

    A later receipt says whether it left.

    Raises:
        CloudError: when Webex Connect does not accept it; the error contains its code.
    """
    body = {
        "channel": "email",
        "from": mail.sender,
        "to": [{"email": [mail.recipient], "correlationId": mail.reference}],
        "content": {"type": "text", "subject": mail.subject, "text": mail.body},
        "requestedReceipts": ["submitted", "failed"],
        "notifyUrl": mail.notify,
    }
    call = Call(
        "connect",
        "POST",
        f"{settings.connect_url}/v2/messages",
        headers=_key(settings),
        body=body,
        repeatable=False,
    )
    return value(await ask(settings, call), "messageId", "transid")


async def poll(settings: Settings, message: str) -> Receipt | None:
    """Return Webex Connect's status of the mail.

    Returns None if it has no status yet, or does not offer this query, which is in beta.
    """
    url = f"{settings.connect_url}/v2/messages/{quote(message, safe='')}"
    try:
        return receipt_of(await ask(settings, Call("connect", "GET", url, headers=_key(settings))))
    except CloudError as error:
        if error.status in _NOT_FOR_US:
            return None
        raise


def receipt_of(body: object) -> Receipt | None:
    """Return the receipt in a posted body or a polled status.

    Returns None if it is neither, or the mail is still in transit.
    """
    outer = _inner(body, "deliveryInfoNotification")
    info = _inner(outer, "deliveryInfo")
    status = value(info, "deliveryStatus", "status")
    code = value(info, "code", "statusCode") or _STATUS_CODES.get(status.lower(), "")
    if not code:
        return None
    return Receipt(
        code,
        value(info, "Description", "deliveryStatus", "status"),
        value(outer, "transid", "messageId"),
    )


def _inner(body: object, name: str) -> Mapping[str, Any]:
    """Return the object under a name, ignoring case, or the object itself without that name."""
    return as_dict(with_low_keys(body).get(name.lower(), body))


def _key(settings: Settings) -> dict[str, str]:
    return {"key": settings.connect_key}
