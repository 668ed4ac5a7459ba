"""email-oauth2-proxy, a mail client of somebody else, with what the one-time page shows.

It stands for Webex Connect: another implementation of the same form.
"""

import configparser
import os
import re
import shutil
import signal
import smtplib
import ssl
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email.message import EmailMessage
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from practice.conversation import Walk, space
from practice.ports import free_port
from tests.fixtures.waiting import until

MAILBOX, CUSTOMER = "support@contoso.com", "customer@customer.example"
PASSWORD = "only for the proxy's own file"
PROGRAM = shutil.which("emailproxy", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
VISIT = re.compile(r"Please visit the following URL to authenticate account \S+ (https://\S+)")
FIELD = re.compile(r'<label for="field\d+">(.*?)</label>.*?value="(.*?)"', re.DOTALL)
STACK = {"practice": {"scopeless_refresh": "1"}}
"""Login service that renews without a scope, because this client sends none."""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="emailproxy is not installed"),
]


class Proxy:
    """The program with a file of its own, between a client that only knows passwords and Exchange."""

    def __init__(self, stack, folder, fields, callback) -> None:
        self._stack, self._file, self._log = stack, folder / "proxy.config", folder / "proxy.log"
        self.port, self.listen = free_port(), f"http://127.0.0.1:{free_port()}"
        self.user, self.callback = fields["Username"], callback
        config = configparser.ConfigParser(interpolation=None)
        config[f"SMTP-{self.port}"] = {
            "local_address": "127.0.0.1",
            "server_address": fields["SMTP Server"],
            "server_port": fields["Port"],
            "server_starttls": str(fields["Security"] == "STARTTLS"),
        }
        config[self.user] = {
            "permission_url": fields["Authorization URL"],
            "token_url": fields["Access Token URL"],
            "oauth2_scope": fields["Scope"],
            "client_id": fields["Client ID"],
            "client_secret": fields["Client Secret"],
            "redirect_uri": callback,
            "redirect_listen_address": self.listen,
        }
        self._write(config)

    def _write(self, config):
        with self._file.open("w", encoding="utf-8") as file:
            config.write(file)

    @contextmanager
    def running(self):
        """Run the program until the end of the block; it then writes its tokens to its file."""
        options = ("--no-gui", "--local-server-auth", "--debug", "--config-file", str(self._file))
        env = {"PATH": os.environ["PATH"], "SSL_CERT_FILE": str(self._stack.ca_path)}
        with subprocess.Popen(  # noqa: S603  the program under test
            [str(PROGRAM), *options, "--log-file", str(self._log)],
            env=env | {"HOME": str(self._file.parent)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                yield
            finally:
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()

    def said(self):
        """Return what the program has logged."""
        return self._log.read_text(encoding="utf-8") if self._log.exists() else ""

    def tokens(self):
        """Return the section of the account, with its sealed tokens."""
        config = configparser.ConfigParser(interpolation=None)
        config.read(self._file, encoding="utf-8")
        return dict(config[self.user])

    def let_expire(self):
        """Set the end of the access token into the past."""
        config = configparser.ConfigParser(interpolation=None)
        config.read(self._file, encoding="utf-8")
        config[self.user]["access_token_expiry"] = "1"
        self._write(config)

    def send(self, subject):
        """Log in with a password, as an old program does, and send a mail to a customer."""
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = MAILBOX, CUSTOMER, subject
        mail.set_content("Hello")
        with self._connected() as smtp:
            smtp.login(self.user, PASSWORD)
            smtp.send_message(mail)

    def _connected(self):
        def attempt():
            try:
                return smtplib.SMTP("127.0.0.1", self.port, timeout=60)
            except OSError:
                return None

        found = until(attempt, "a connection to the program")
        assert found is not None
        return found

    def sign_in(self):
        """Open the address that the program shows, as the mailbox's user, and bring back the code."""
        until(lambda: VISIT.search(self.said()), "a sign-in")
        (address,) = VISIT.findall(self.said())
        with httpx.Client(
            verify=ssl.create_default_context(cafile=self._stack.ca_path), trust_env=False
        ) as browser:
            data = {"account": self.user, "action": "accept"}
            back = browser.post(address, data=data).headers["location"]
            assert back.startswith(f"{self.callback}?")
            parts = urlsplit(back)
            browser.get(f"{self.listen}{parts.path}?{parts.query}").raise_for_status()


def test_a_client_of_somebody_else_signs_in_renews_and_sends(stack, people, tmp_path):
    """With the page's fields alone it gets a token, sends by XOAUTH2, and renews the token.

    After its restart it does not ask for a sign-in again, and has a new refresh token.
    """
    walk = Walk(people, MAILBOX, space(people))
    walk.approve(walk.plan(profile="least"))
    page = walk.open(walk.form(), walk.requester)
    fields = {unescape(label): unescape(value) for label, value in FIELD.findall(page.html)}
    proxy = Proxy(stack, tmp_path, fields, people.control("GET", "connect/app")["callback_url"])
    with proxy.running(), ThreadPoolExecutor(1) as pool:
        sent = pool.submit(proxy.send, "First")
        proxy.sign_in()
        sent.result(60)
    first = proxy.tokens()
    proxy.let_expire()
    with proxy.running():
        proxy.send("Second")
    assert len(VISIT.findall(proxy.said())) == 1
    assert first["refresh_token"] != proxy.tokens()["refresh_token"]
    mails = people.control("GET", "mail")["items"]
    assert [mail["subject"] for mail in mails if mail["owner"] == CUSTOMER] == ["First", "Second"]
    assert fields["Client Secret"] not in proxy.said()
    walk.type(f"/cancel {MAILBOX}")
