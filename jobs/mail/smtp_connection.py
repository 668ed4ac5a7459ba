"""One SMTP connection of aiosmtplib, with a transcript that never holds the credentials."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from typing import Any

from aiosmtplib import SMTPResponse, SMTPResponseException, SMTPServerDisconnected, SMTPStatus
from aiosmtplib.protocol import SMTPProtocol

_MOST_LINES = 100
_LEAST_CODE = 100
"""Lowest SMTP reply code; aiosmtplib takes any number of Python's, such as ``+22``."""
_MALFORMED = "Malformed SMTP response line: "
"""Beginning of aiosmtplib's message about a line without a code."""
_END = "\r\n"
_UNSAID = "(token)"
_LONG_WORD = re.compile(r"[A-Za-z0-9+/=._~-]{12,}")


class NotSmtpError(Exception):
    """Error because the server closed the connection, or does not speak SMTP."""


class SmtpConnection(SMTPProtocol):
    """aiosmtplib's connection, with a transcript of both sides.

    ``secrets`` are removed from everything that is kept. ``aiosmtplib.SMTP`` keeps neither the
    lines of an unfinished reply nor those of a failed STARTTLS, so the layer below it is used.

    Attributes:
        transcript: every line with ``C: `` or ``S: `` before it, at most 100 of each reply.
        ready: whether the server's last reply let the TLS handshake begin.
    """

    def __init__(self, host: str, secrets: tuple[str, ...]) -> None:
        self._lost = asyncio.Event()
        super().__init__(connection_lost_callback=lambda _: self._lost.set())
        self._host = host
        self._secrets = secrets
        self._rest = b""
        self._replied: list[bytes] = []
        self.transcript: list[str] = []
        self.ready = False

    async def connect(self, port: int) -> None:
        """Open the connection.

        Raises:
            OSError: when the connection cannot be opened.
        """
        await asyncio.get_running_loop().create_connection(lambda: self, self._host, port)

    async def command(self, line: str) -> SMTPResponse:
        """Send a line and read the reply to it.

        Raises:
            NotSmtpError: there is no reply.
        """
        return await self.execute_command(line.encode())

    async def secure(self, context: ssl.SSLContext) -> SMTPResponse:
        """Request TLS, make the handshake, and return the server's reply.

        There is no handshake if the reply is not 220.

        Raises:
            NotSmtpError: there is no reply.
            ssl.SSLError: the handshake failed, or the certificate is invalid.
        """
        try:
            reply = await self.start_tls(context, self._host)
        except SMTPResponseException as refused:
            return SMTPResponse(refused.code, refused.message)
        self.transcript.append(f"-- {self._tls_version}")
        return reply

    async def read_response(
        self,
        timeout: float | None = None,  # noqa: ASYNC109  aiosmtplib's signature
    ) -> SMTPResponse:
        """Read a reply with all its lines.

        Raises:
            NotSmtpError: when it is not a reply, or it does not end.
        """
        try:
            reply = await super().read_response(timeout)
        except SMTPServerDisconnected as lost:
            if isinstance(lost.__cause__, OSError):
                raise lost.__cause__ from None
            raise NotSmtpError(
                "a reply without an end"
                if (bool(self._replied) and self._replied[-1][3:4] == b"-")
                else "the connection was closed"
            ) from None
        except SMTPResponseException as error:
            raise NotSmtpError(self._hide(self._why(error))) from None
        words = self._hide(reply.message.encode(errors="surrogateescape").decode(errors="replace"))
        if reply.code < _LEAST_CODE:
            raise NotSmtpError(words[:80])
        self.ready = reply.code == SMTPStatus.ready
        return SMTPResponse(reply.code, words)

    def write(self, data: bytes) -> None:
        self._replied.clear()
        self.ready = False
        self._note("C", data)
        super().write(data)

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines[: _MOST_LINES - len(self._replied)]:
            self._note("S", line)
            self._replied.append(line)
        super().data_received(data)

    async def close(self) -> None:
        """Close the connection, with QUIT if the server is still connected."""
        if not self.is_connected or self.transport is None:
            return
        super().write(b"QUIT\r\n")
        self.transport.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._lost.wait(), 1.0)

    @property
    def _tls_version(self) -> str:
        tls: Any = self.transport.get_extra_info("ssl_object") if self.transport else None
        return str(tls.version() if tls else "TLS")

    def _why(self, error: SMTPResponseException) -> str:
        if error.message.startswith(_MALFORMED):
            return error.message.removeprefix(_MALFORMED).strip()[:80]
        return "a line without an end" if self._rest else "a reply without an end"

    def _note(self, who: str, line: bytes) -> None:
        self.transcript.append(f"{who}: {self._hide(line.decode(errors='replace').rstrip(_END))}")

    def _hide(self, line: str) -> str:
        for secret in self._secrets:
            line = line.replace(secret, _UNSAID)
        return _LONG_WORD.sub(self._hide_part, line)

    def _hide_part(self, word: re.Match[str]) -> str:
        """Return a word without parts of a secret, which a server may echo."""
        part = word[0].rstrip(".")
        return (
            word[0].replace(part, _UNSAID)
            if part and any(part in secret for secret in self._secrets)
            else word[0]
        )
