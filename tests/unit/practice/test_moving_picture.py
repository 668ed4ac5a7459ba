"""Tests of the WebP container of an animation: joined frames can be read again."""

from __future__ import annotations

import struct

import pytest

from practice.page import moving_picture


def still(data: bytes, name: bytes = b"VP8 ") -> bytes:
    """Return a WebP file of one picture, as a browser makes it."""
    chunk = name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def test_frames_are_joined():
    """The animation has its size, each frame and the frame's time.

    A frame with an odd length is padded.
    """
    movie = moving_picture.joined([(still(b"abc"), 1.5), (still(b"abcd"), 0.25)], 640, 401)
    assert moving_picture.read(movie) == moving_picture.Movie(640, 401, 1.75, 2)
    assert (len(movie) % 2, int.from_bytes(movie[4:8], "little")) == (0, len(movie) - 8)
    assert (b"abc\0" in movie, b"abcd" in movie) == (True, True)


@pytest.mark.parametrize("file", [b"", b"\x89PNG....", still(b"abc")[:-3], still(b"abc")])
def test_another_file_is_no_animation(file: bytes):
    """A still picture, a part of a file and another format are refused as an animation."""
    with pytest.raises(ValueError, match="WebP"):
        moving_picture.read(file)
