"""Real Postfix with a real Dovecot behind it, in a folder of their own.

Dovecot only answers for logins: by XOAUTH2, for which it asks a small HTTP server about each token,
and by password.
"""

import json
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt

from tests.fixtures.serving import Quiet, Server, serving
from tests.fixtures.waiting import until

DOMAIN = "contoso.test"
MAILBOX, PROBE, PASSWORD = f"support@{DOMAIN}", f"probe@{DOMAIN}", "p@ss word"
MOST_BYTES = 20_000
NOBODY = 65534
VALUES = {
    "DOMAIN": DOMAIN,
    "MAILBOX": MAILBOX,
    "PROBE": PROBE,
    "MOST_BYTES": MOST_BYTES,
    "NOBODY": NOBODY,
}
"""Values of the servers' settings."""


def missing() -> str:
    """Return why the servers cannot be started here, in words, or an empty text if they can."""
    absent = [name for name in ("postfix", "dovecot") if not shutil.which(name, path=_PATH)]
    if absent:
        return f"{' and '.join(absent)} not installed (Debian: postfix, dovecot-core)"
    version = _run("dovecot", "--version").stdout
    if not version.startswith("2.4"):
        return f"Dovecot {version.split()[0]} has another configuration; 2.4 is needed"
    return "" if Path("/proc/self").stat().st_uid == 0 else "Postfix starts only as root"


_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def _run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [shutil.which(name, path=_PATH) or name, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603  our own command lines


@dataclass
class Tokens:
    """Provider's answer about each token: its user, or that the token is unknown.

    The provider takes the user of a signed token from the token. While ``trusts_claims`` is off,
    it knows no token.
    """

    asked: list[str] = field(default_factory=list)
    trusts_claims: bool = True

    def answer(self, token: str) -> dict[str, Any]:
        """Return the answer about a token (introspection, RFC 7662)."""
        self.asked.append(token)
        user = _user_of(token) if self.trusts_claims else ""
        return {"active": True, "username": user} if user else {"active": False}


def _user_of(token: str) -> str:
    """Return the user in a signed token, or an empty text if the token is not signed."""
    try:
        return str(jwt.decode(token, options={"verify_signature": False}).get("upn", ""))
    except jwt.PyJWTError:
        return ""


@dataclass
class MailServers:
    """Running servers, and the provider that knows the tokens."""

    folder: Path
    tokens: Tokens

    def log(self) -> str:
        """Return the logs of both servers."""
        return "\n".join(path.read_text() for path in self.folder.glob("*.log"))


@contextmanager
def running(port: int, right: tuple[Path, ...]) -> Iterator[MailServers]:
    """Start Postfix, Dovecot and the provider of tokens, and stop them at the end.

    Postfix listens on ``port``, and shows the key and certificate of the files ``right``.
    """
    folder = Path(tempfile.mkdtemp(prefix="mail-servers-"))
    folder.chmod(0o755)
    try:
        with ExitStack() as stack:
            tokens = Tokens()
            stack.enter_context(_dovecot(folder, stack.enter_context(_provider(tokens))))
            stack.enter_context(_postfix(folder, port, right))
            yield MailServers(folder, tokens)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _provider(tokens: Tokens) -> Iterator[str]:
    """Answer questions about tokens, as the introspection endpoint of a provider does."""

    class Introspection(Quiet):
        def do_POST(self) -> None:  # noqa: N802  http.server's name
            body = tokens.answer(parse_qs(self.sent().decode()).get("token", [""])[0])
            self.reply(200, {"Content-Type": "application/json"}, json.dumps(body).encode())

    server = Server(Introspection)
    with serving(server):
        yield f"{server.base}/introspect"


@contextmanager
def _dovecot(folder: Path, url: str) -> Iterator[None]:
    """Run Dovecot, which listens only on the socket that Postfix asks."""
    run = folder / "dovecot"
    run.mkdir()
    (folder / "users").write_text(f"{PROBE}:{{PLAIN}}{PASSWORD}\n")
    (folder / "dovecot.conf").write_text(_filled("dovecot.conf", folder=folder, run=run, url=url))
    command = [shutil.which("dovecot", path=_PATH) or "", "-F", "-c", str(folder / "dovecot.conf")]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603  our own command line
    try:
        until((run / "postfix-auth").exists, "Dovecot's socket")
        yield
    finally:
        server.terminate()
        server.wait(20)


@contextmanager
def _postfix(folder: Path, port: int, right: tuple[Path, ...]) -> Iterator[None]:
    """Run Postfix, with its settings, queue and mail below the folder."""
    config = folder / "postfix"
    config.mkdir(0o755)
    (config / "right.pem").touch(0o600)
    (config / "right.pem").write_bytes(b"".join(path.read_bytes() for path in right))
    for name in ("queue", "data", "mail"):
        (folder / name).mkdir(0o755)
    shutil.chown(folder / "data", "postfix")
    shutil.chown(folder / "mail", NOBODY, NOBODY)
    (config / "main.cf").write_text(_filled("main.cf", folder=folder, **VALUES))
    listener = f"127.0.0.1:{port} inet n - n - - smtpd\n"
    (config / "master.cf").write_text(listener + _filled("master.cf"))
    started = _run("postfix", "-c", str(config), "start")
    try:
        until(lambda: _greets(port), f"Postfix: {started.stderr}")
        yield
    finally:
        _run("postfix", "-c", str(config), "abort")


def _filled(name: str, **values: object) -> str:
    """Return a file of this folder with the values in the places that have their names."""
    text = Path(__file__).with_name(name).read_text("utf-8")
    return re.sub("@([A-Za-z_]+)@", lambda place: str(values[place[1]]), text)


def _greets(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 2) as connection:
            return connection.recv(3) == b"220"
    except OSError:
        return False
