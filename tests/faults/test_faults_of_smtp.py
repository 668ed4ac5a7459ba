"""Fault matrix of the SMTP dialog that sends the test mail."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from jobs.clouds.errors import CloudError
from jobs.mail.smtp_login import OutgoingMail, send_test_mail
from tests.fixtures.waiting import LIMIT_S

NO_PAUSES = True
MAIL = OutgoingMail(
    "probe@fabrikam.com", "support@contoso.com", "Test", "Nothing to do.", "<test.1@fabrikam.com>"
)
GOOD = {
    "": b"220 mail.test ESMTP\r\n",
    "EHLO": b"250 mail.test\r\n",
    "DATA": b"354 Go\r\n",
    "QUIT": b"221 Bye\r\n",
}
OK = b"250 Fine\r\n"
FAULTS = {
    "421": b"421 4.3.2 Service shutting down\r\n",
    "451": b"451 4.7.500 Server busy\r\n",
    "554": b"554 5.7.1 Refused\r\n",
    "words": b"hello there\r\n",
    "HTML": b"HTTP/1.1 400 Bad Request\r\n\r\n<html>\r\n",
    "NUL bytes": b"\0" * 300 + b"\r\n",
    "half a line": b"25",
    "half an answer": b"250-more\r\n",
    "a long line": b"250 " + b"x" * 70_000 + b"\r\n",
    "nothing": b"",
}
ENDS = {"half a line", "half an answer", "nothing"}
STAGES = ("", "EHLO", "MAIL", "RCPT", "DATA", ".")


class Server:
    """SMTP server that answers every command well, except one. It counts connections and mails."""

    def __init__(self, stage, fault) -> None:
        self.stage, self.fault = stage, fault
        self.connections = self.mails = 0

    async def serve(self, reader, writer):
        """Serve one connection."""
        self.connections += 1
        ends = self._answer(writer, "")
        reading_mail = False
        while not ends and (line := await reader.readline()):
            word = line.decode(errors="replace").strip().upper()[:4]
            if reading_mail and word != ".":
                continue
            self.mails += word == "."
            reading_mail = word == "DATA" != self.stage
            ends = self._answer(writer, word) or word == "QUIT"
            await writer.drain()
        writer.close()

    def _answer(self, writer, word):
        """Answer one command and return whether the connection ends with it."""
        writer.write(FAULTS[self.fault] if word == self.stage else GOOD.get(word, OK))
        return word == self.stage and self.fault in ENDS


@asynccontextmanager
async def listening(server):
    """Yield the port of loopback at which this server listens."""
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as made:
        yield made.sockets[0].getsockname()[1]


@pytest.mark.parametrize("reply", FAULTS)
async def test_the_test_mail(reply):
    """The test mail is sent or fails with an error of the bot, if the server answers nonsense.

    The bot uses one connection and never sends two mails.
    """
    for stage in STAGES:
        server = Server(stage, reply)
        async with asyncio.timeout(LIMIT_S), listening(server) as port:
            try:
                await send_test_mail(f"smtp://127.0.0.1:{port}?starttls=never", MAIL)
            except CloudError as error:
                told = str(error)
            else:
                told = "sent"
        assert (server.connections, server.mails <= 1, told != "sent" or server.mails == 1) == (
            1,
            True,
            True,
        ), (stage, told)
