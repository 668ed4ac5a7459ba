"""Greeting of smtp.office365.com: its banner, its extensions and its goodbye, as recorded.

The order and the words are those of public transcripts of 2022 to 2024. Of the extensions, DSN,
BINARYMIME and CHUNKING are only announced.
"""

import secrets
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Final

from aiosmtpd.smtp import Envelope, Session

HOST: Final = "PRACTICE01CA0001.outlook.office365.com"
MOST_BYTES: Final = 157_286_400
STARTTLS: Final = "220 2.0.0 SMTP server ready"
_BYE: Final = "221 2.0.0 Service closing transmission channel"
_BEFORE: Final = (f"SIZE {MOST_BYTES}", "PIPELINING", "DSN", "ENHANCEDSTATUSCODES")
_AFTER: Final = ("8BITMIME", "BINARYMIME", "CHUNKING", "SMTPUTF8")
_DEPENDS: Final = ("250-STARTTLS", "250-AUTH")


def banner(now: datetime) -> str:
    """Return the words of the server's first line.

    They have the id that is also at the end of a refused login's reply.
    """
    return (
        f"Microsoft ESMTP MAIL Service ready at {format_datetime(now)} "
        f"[{secrets.token_hex(8).upper()}]"
    )


class Greeting:
    """Handlers of aiosmtpd for EHLO and QUIT."""

    async def handle_EHLO(  # noqa: N802  aiosmtpd's name
        self,
        server: Any,
        session: Session,
        _envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        """Return the reply to EHLO: the extensions in Exchange's order.

        aiosmtpd decides whether TLS and AUTH are offered.
        """
        session.host_name = hostname
        offered = [line[4:] for line in responses if line.startswith(_DEPENDS)]
        peer = session.peer[0] if isinstance(session.peer, tuple) else ""
        lines = [f"{server.hostname} Hello [{peer}]", *_BEFORE, *offered, *_AFTER]
        return [*(f"250-{line}" for line in lines[:-1]), f"250 {lines[-1]}"]

    async def handle_QUIT(  # noqa: N802  aiosmtpd's name
        self, _server: Any, _session: Session, _envelope: Envelope
    ) -> str:
        """Return the reply to QUIT, which is Exchange's goodbye."""
        return _BYE
