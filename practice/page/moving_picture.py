"""Moving picture: the frames of a page as one animated WebP file.

Large pictures are encoded as small WebP files too. Chromium encodes each picture. The container of
the animation is written here (developers.google.com/speed/webp/docs/riff_container), so no other
program is needed.
"""

import struct
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

DRAW: Final = """async (png) => {
  const image = new Image();
  image.src = `data:image/png;base64,${png}`;
  await image.decode();
  window.picture = new OffscreenCanvas(image.width, image.height);
  window.picture.getContext("2d", { alpha: false }).drawImage(image, 0, 0);
}"""
ENCODE: Final = """async ([name, quality]) => {
  const blob = await window[name].convertToBlob({ type: "image/webp", quality });
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 32768)
    text += String.fromCharCode(...bytes.subarray(at, at + 32768));
  return btoa(text);
}"""
PICTURE: Final = (b"VP8 ", b"VP8L", b"ALPH")
"""Names of the chunks in a WebP file that hold the picture itself."""
ANIMATED: Final = 0x02
OVERWRITES: Final = 0x02


@dataclass(frozen=True, slots=True)
class Movie:
    """Size in pixels and duration in seconds of an animated WebP file, and its number of frames."""

    width: int
    height: int
    seconds: float
    frames: int


def encoded(page: Any, png: bytes, quality: float = 0.7) -> bytes:
    """Return a PNG picture as WebP, which the browser of ``page`` encodes.

    ``quality`` is from 0 to 1.
    """
    page.evaluate(DRAW, b64encode(png).decode())
    return encoded_canvas(page, "picture", quality)


def encoded_canvas(page: Any, name: str, quality: float) -> bytes:
    """Return a canvas of ``page`` as WebP.

    ``name`` is the name of the page's variable that holds the canvas.
    """
    return b64decode(page.evaluate(ENCODE, [name, quality]))


def joined(frames: Iterable[tuple[bytes, float]], width: int, height: int) -> bytes:
    """Return an animation that repeats without an end.

    ``frames`` are WebP files of this size in pixels, each with the seconds for which it is shown.
    """
    head = struct.pack("<I", ANIMATED) + _three(width - 1) + _three(height - 1)
    body = [_chunk(b"VP8X", head), _chunk(b"ANIM", struct.pack("<IH", 0, 0))]
    for picture, seconds in frames:
        data = b"".join(_chunk(name, held) for name, held in _chunks(picture) if name in PICTURE)
        place = b"".join(map(_three, (0, 0, width - 1, height - 1, round(seconds * 1000))))
        body.append(_chunk(b"ANMF", place + bytes([OVERWRITES]) + data))
    return b"RIFF" + struct.pack("<I", 4 + sum(map(len, body))) + b"WEBP" + b"".join(body)


def read(movie: bytes) -> Movie:
    """Return the size, the duration and the number of frames of an animated WebP file.

    Raises:
        ValueError: when it is no animated WebP file, or is cut off.
    """
    found = list(_chunks(movie))
    if not found or found[0][0] != b"VP8X":
        raise ValueError("this is no animated WebP file")
    frames = [data for name, data in found if name == b"ANMF"]
    width, height = (int.from_bytes(found[0][1][at : at + 3], "little") + 1 for at in (4, 7))
    seconds = sum(int.from_bytes(frame[12:15], "little") for frame in frames) / 1000
    return Movie(width, height, seconds, len(frames))


def _chunks(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and the content of every chunk of a WebP file."""
    if (
        file[:4] != b"RIFF"
        or file[8:12] != b"WEBP"
        or len(file) < 8 + int.from_bytes(file[4:8], "little")
    ):
        raise ValueError("this is no WebP file, or only a part of one")
    at = 12
    while at + 8 <= len(file):
        size = int.from_bytes(file[at + 4 : at + 8], "little")
        yield file[at : at + 4], file[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _three(number: int) -> bytes:
    return number.to_bytes(3, "little")
