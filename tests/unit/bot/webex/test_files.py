"""Files go out from memory as a form, and go out again only if they surely did not arrive."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from email.message import Message as Mail
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bot.webex.client import Webex, WebexAnswerError

ZIP = b"PK\x03\x04" + bytes(range(256))


class Form:
    """State of a Webex that reads forms: the forms that came, and the statuses of its answers."""

    def __init__(self, url: str) -> None:
        self.url, self.came, self.statuses = url, [], [200]
        self.came: list[tuple[str, str, list[Mail]]]


@pytest.fixture
def form() -> Iterator[Form]:
    """Webex on loopback that reads forms."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    url = f"http://127.0.0.1:{server.server_port}/v1/"
    server.form = Form(url)  # type: ignore[attr-defined]  # the handler reads it
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server.form  # type: ignore[attr-defined]  # see above
    server.shutdown()
    thread.join()
    server.server_close()


def send(form: Form, **more: str) -> str:
    """Send the archive and return the id of its message."""
    file = {"name": "tac.zip", "content_type": "application/zip", "content": ZIP}
    webex = Webex("a-made-up-token", form.url)
    return webex.send_file(room_id="room-1", text="For Cisco TAC", **file, **more).id


def parts(mails: list[Mail]) -> dict[str, Any]:
    """Return the form's fields by name; a file has its name, type and content."""
    found = {}
    for mail in mails:
        content = mail.get_payload(decode=True)
        file = mail.get_filename()
        found[str(mail.get_param("name", header="content-disposition"))] = (
            (file, mail.get_content_type(), content) if file else content
        )
    return found


def test_a_file_is_sent(form):
    """A file is sent in one form with the space, the thread, the text, and its name and type."""
    assert send(form, parent_id="root") == "m-9"
    path, token, mails = form.came[0]
    assert (path, token) == ("/v1/messages", "Bearer a-made-up-token")
    fields = {"roomId": b"room-1", "parentId": b"root", "text": b"For Cisco TAC"}
    assert parts(mails) == fields | {"files": ("tac.zip", "application/zip", ZIP)}


def test_it_is_sent_again_whole(form, hasty_retries):
    """After a 503 the whole file is sent again, and without a thread the form has no parentId."""
    form.statuses = [503, 200]
    assert send(form) == "m-9"
    assert [parts(mails) for _, _, mails in form.came] == [parts(form.came[1][2])] * 2
    assert "parentId" not in parts(form.came[0][2])


def test_what_may_have_arrived_is_not_sent_twice(form, hasty_retries):
    """After a 502 a file is not sent again, because it may have arrived in the space."""
    form.statuses = [502]
    with pytest.raises(WebexAnswerError, match="502"):
        send(form)
    assert len(form.came) == 1


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        form: Form = self.server.form  # type: ignore[attr-defined]  # set by the fixture
        body = self.rfile.read(int(self.headers["Content-Length"]))
        mail = BytesParser().parsebytes(
            f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode() + body
        )
        form.came.append((self.path, self.headers["Authorization"], mail.get_payload()))  # type: ignore[arg-type]  # a form has parts
        self.send_response(form.statuses.pop(0) if len(form.statuses) > 1 else form.statuses[0])
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"id": "m-9"}')

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  http.server's signature
        """Write no log."""
