"""One SMTP connection, line by line, with a transcript that never holds the credentials.

Mail libraries connect, greet and start TLS in one call; a probe has to say which of them failed.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from dataclasses import dataclass

_LONGEST_LINE = 64 * 1024
_MOST_LINES = 100
_UNSAID = "(token)"
_LONG_WORD = re.compile(r"[A-Za-z0-9+/=._~-]{12,}")


@dataclass(frozen=True, slots=True)
class SmtpReply:
    """A whole reply: its code, and its lines without the code."""

    code: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """Code and words on one line."""
        return f"{self.code} {' '.join(self.lines)}".strip()

    @property
    def good(self) -> bool:
        """Whether it is 2xx."""
        return 200 <= self.code < 300  # noqa: PLR2004  the class of SMTP's good replies


class NotSmtpError(Exception):
    """The other side closed the connection, or does not speak SMTP."""


class SmtpConnection:
    """Send a command, read a reply. ``secrets`` are cut out of everything that is kept."""

    def __init__(self, host: str, secrets: tuple[str, ...]) -> None:
        self._host = host
        self._secrets = secrets
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.transcript: list[str] = []

    async def connect(self, port: int) -> None:
        """Open the connection; OSError if it cannot be."""
        self._reader, self._writer = await asyncio.open_connection(self._host, port, limit=_LONGEST_LINE)

    async def start_tls(self, context: ssl.SSLContext) -> str:
        """Shake hands; ssl.SSLError if the certificate does not hold. Gives the protocol's version."""
        writer = self._open_writer()
        await writer.start_tls(context, server_hostname=self._host)
        version = writer.get_extra_info("ssl_object").version() or "TLS"
        self.transcript.append(f"-- {version}")
        return str(version)

    async def command(self, line: str) -> SmtpReply:
        """Send a line and read the reply to it."""
        writer = self._open_writer()
        self._note("C", line)
        writer.write(line.encode() + b"\r\n")
        await writer.drain()
        return await self.read()

    async def read(self) -> SmtpReply:
        """Read a reply, all of its lines.

        Raises:
            NotSmtpError: it is not a reply, or it does not end.
        """
        lines: list[str] = []
        for _ in range(_MOST_LINES):
            line = await self._line()
            if not (line[:3].isascii() and line[:3].isdigit()):
                raise NotSmtpError(line[:80])
            lines.append(line[4:])
            if line[3:4] != "-":
                return SmtpReply(int(line[:3]), tuple(lines))
        raise NotSmtpError("a reply without an end")

    async def close(self) -> None:
        """Close, politely where the other side is still there."""
        if self._writer is None:
            return
        self._writer.write(b"QUIT\r\n")
        self._writer.close()
        with contextlib.suppress(OSError, ssl.SSLError, TimeoutError):
            await asyncio.wait_for(self._writer.wait_closed(), 1.0)

    async def _line(self) -> str:
        if self._reader is None:
            raise NotSmtpError("not connected")
        try:
            raw = await self._reader.readline()
        except ValueError as error:  # asyncio's word for a line beyond the limit
            raise NotSmtpError("a line without an end") from error
        if not raw.endswith(b"\n"):
            raise NotSmtpError("the connection was closed")
        return self._note("S", raw.decode("utf-8", "replace").rstrip("\r\n"))

    def _note(self, who: str, line: str) -> str:
        for secret in self._secrets:
            line = line.replace(secret, _UNSAID)
        line = _LONG_WORD.sub(self._hide, line)
        self.transcript.append(f"{who}: {line}")
        return line

    def _hide(self, word: re.Match[str]) -> str:
        """A server may give back a part of what it was sent."""
        part = word[0].rstrip(".")
        return word[0].replace(part, _UNSAID) if part and any(part in secret for secret in self._secrets) else word[0]

    def _open_writer(self) -> asyncio.StreamWriter:
        if self._writer is None:
            raise NotSmtpError("not connected")
        return self._writer
