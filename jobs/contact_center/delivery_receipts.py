"""The test mail of one run and its receipt, in Redis for an hour: sent once, and told by an address that only Webex Connect was given."""

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
    """The secret end of the receipt's address, for the one who sends; empty where the run's mail was sent, or begun, before."""
    token = secrets.token_urlsafe(32)
    if not redis.set(keys.connect_test(run), "", nx=True, ex=KEPT_S):
        return ""
    redis.set(_address(token), run, ex=KEPT_S)
    return token


def sent(redis: Redis, run: str, message: str) -> None:
    """Webex Connect took the mail under this transaction id."""
    redis.set(keys.connect_test(run), message, ex=KEPT_S)


def message(redis: Redis, run: str) -> str:
    """The transaction id, or the empty string."""
    found = redis.get(keys.connect_test(run))
    return found.decode() if isinstance(found, bytes) else ""


def receive(redis: Redis, token: str, body: object) -> bool:
    """Keep a receipt that was posted; False for an address that was never given out, or is over."""
    run, receipt = redis.get(_address(token)), receipt_of(body)
    if not isinstance(run, bytes):
        return False
    if receipt:
        save(redis, run.decode(), receipt)
    return True


def save(redis: Redis, run: str, receipt: Receipt) -> None:
    """What became of the run's mail."""
    redis.set(keys.connect_receipt(run), codec.dump(receipt), ex=KEPT_S)


def read(redis: Redis, run: str) -> Receipt | None:
    """What became of it, if that is known."""
    found = redis.get(keys.connect_receipt(run))
    return codec.load(found, Receipt) if isinstance(found, bytes) else None


def _address(token: str) -> Key:
    return keys.connect_address(hashlib.sha256(token.encode()).hexdigest())
