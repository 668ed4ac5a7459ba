"""Message authentication codes (MAC) of JSON objects in Redis.

A client that can write to Redis and does not have ENCRYPTION_KEYS can neither make nor change such
an object. Each MAC also covers a context, such as the name of the key, so that an object counts
only in the place for which it was made. It is the last field of the object, so every reader of JSON
can read the object without it.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

LABEL = b"webex-email-bot: entries in Redis"
"""Purpose of the derived keys (HKDF's ``info``, RFC 5869), so that no key serves two purposes."""
_NAME, _LAST = b',"mac":"', b'"}'
_HEX = 64
_TAIL = len(_NAME) + _HEX + len(_LAST)

Context = tuple[str, ...]


class Authenticator:
    """HMAC-SHA256 under keys that are derived from ENCRYPTION_KEYS, newest first.

    The first key makes MACs, and any of them verifies, so that keys can be rotated.
    """

    def __init__(self, encryption_keys: Sequence[str] = ()) -> None:
        self._keys = tuple(map(_derived, encryption_keys)) or (_derived(""),)

    def protect(self, context: Context, body: bytes) -> bytes:
        """Return the JSON object with its MAC as the last field; an empty object is not allowed."""
        return body[:-1] + _NAME + _mac(self._keys[0], context, body).encode() + _LAST

    def verify(self, context: Context, line: object) -> bytes | None:
        """Return the JSON object without its MAC.

        It is None if this bot did not make the object for this context.
        """
        if not isinstance(line, bytes):
            return None
        if not (mac := mac_of(line)):
            return None
        body = line[:-_TAIL] + b"}"
        for key in self._keys:
            if hmac.compare_digest(_mac(key, context, body), mac):
                return body
        return None

    def renewed(self, context: Context, line: object) -> bytes | None:
        """Return the JSON object with a MAC under the first key; unchanged if it has that already.

        It is None if this bot did not make the object for this context, so nothing is signed that
        does not verify.
        """
        body = self.verify(context, line)
        return None if body is None else self.protect(context, body)


def mac_of(line: bytes) -> str:
    """Return the MAC that the JSON object holds, verified or not; empty if there is none."""
    if line[-_TAIL : -_TAIL + len(_NAME)] != _NAME or not line.endswith(_LAST):
        return ""
    mac = line[-_HEX - len(_LAST) : -len(_LAST)].decode("ascii", "replace")
    return mac if mac.isascii() else ""


def _mac(key: bytes, context: Context, body: bytes) -> str:
    return hmac.digest(key, msgspec.json.encode(context) + body, "sha256").hex()


def _derived(encryption_key: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=LABEL).derive(encryption_key.encode())
