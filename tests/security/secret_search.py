"""Search of files, logs and Redis for secrets, in every encoding."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

from redis import Redis

SHAPES = re.compile(
    r"eyJ[\w-]{10,}\.[\w-]{10,}|(?<![\w~.-])\w{2,4}[QRq]~[\w~.-]{31,40}|(?<![\w.-])1\.[AB][\w-]{60,}"
)


def wrapped(secret: str) -> Iterator[bytes]:
    """Yield every encoding of a secret.

    The encodings are plain, percent-encoded, hexadecimal, and both alphabets of Base64 at each of
    the three alignments.
    """
    raw = secret.encode()
    yield from (
        raw,
        quote(secret, safe="").encode(),
        quote(quote(secret, safe=""), safe="").encode(),
        raw.hex().encode(),
    )
    for before in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            whole = encode(b"\0" * before + raw + b"\0" * (-(before + len(raw)) % 3))
            yield whole[4 if before else 0 : len(whole) - 4]


def found_in(haystacks: dict[str, bytes], secrets: list[str]) -> list[tuple[str, str]]:
    """Return the place of each secret found, with its first six characters."""
    needles = [(secret[:6], needle) for secret in secrets for needle in wrapped(secret)]
    return [
        (name, shown)
        for name, content in haystacks.items()
        for shown, needle in needles
        if needle in content
    ]


def inflated(content: bytes) -> bytes:
    """Return the content, followed by everything in it that can be decompressed.

    RQ compresses arguments and exceptions.
    """
    parts = [content]
    for head in (b"\x78\x9c", b"\x78\x01", b"\x78\xda"):
        for each in re.finditer(re.escape(head), content):
            try:
                parts.append(zlib.decompressobj().decompress(content[each.start() :], 1_000_000))
            except zlib.error:
                continue
    return b"\n".join(parts)


def kept_in(redis: Redis) -> bytes:
    """Return all keys and values in Redis, of every type."""
    readers: dict[Any, Callable[[Any], Any]] = {
        b"string": redis.get,
        b"list": lambda key: redis.lrange(key, 0, -1),
        b"hash": redis.hgetall,
        b"set": redis.smembers,
        b"zset": lambda key: redis.zrange(key, 0, -1),
        b"stream": redis.xrange,
    }
    return b"\n".join(
        part for key in redis.scan_iter() for part in (key, *_flat(readers[redis.type(key)](key)))
    )


def _flat(value: Any) -> Iterator[bytes]:
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, dict):
        yield from (part for pair in value.items() for each in pair for part in _flat(each))
    elif isinstance(value, list | tuple | set):
        yield from (part for each in value for part in _flat(each))
