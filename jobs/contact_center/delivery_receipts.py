"""Test mail of a run and its receipt, kept in Redis for an hour.

The mail is sent once. Its receipt arrives at an address that only Webex Connect received.
"""

from __future__ import annotations

import hashlib
import secrets

from redis import Redis

from jobs.contact_center.webex_connect import Receipt, receipt_of
from jobs.storage import codec, keys
from jobs.storage.keys import Key

PATH = "/connect/receipt/"
KEPT_S = 3600


def begin(redis: Redis, run: str) -> str:
    """Return the secret part of the receipt's address to the caller that may send the mail.

    Returns an empty string if the run's mail was sent or begun already.
    """
    token = secrets.token_urlsafe(32)
    if not redis.set(keys.connect_test(run), "", nx=True, ex=KEPT_S):
        return ""
    redis.set(_address(token), run, ex=KEPT_S)
    return token


def sent(redis: Redis, run: str, message: str) -> None:
    """Record the transaction ID under which Webex Connect accepted the mail."""
    redis.set(keys.connect_test(run), message, ex=KEPT_S)


def message(redis: Redis, run: str) -> str:
    """Return the transaction ID of the run's mail, or an empty string."""
    found = redis.get(keys.connect_test(run))
    return found.decode() if isinstance(found, bytes) else ""


def receive(redis: Redis, token: str, body: object) -> bool:
    """Store a posted receipt; return False if the address was never given out or has expired."""
    run, receipt = redis.get(_address(token)), receipt_of(body)
    if not isinstance(run, bytes):
        return False
    if receipt:
        save(redis, run.decode(), receipt)
    return True


def save(redis: Redis, run: str, receipt: Receipt) -> None:
    """Store the result of the run's mail."""
    redis.set(keys.connect_receipt(run), codec.dump(receipt), ex=KEPT_S)


def read(redis: Redis, run: str) -> Receipt | None:
    """Return the result of the run's mail, or None if it is not known."""
    found = redis.get(keys.connect_receipt(run))
    return codec.load(found, Receipt) if isinstance(found, bytes) else None


def _address(token: str) -> Key:
    return keys.connect_address(hashlib.sha256(token.encode()).hexdigest())
