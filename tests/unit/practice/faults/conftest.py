"""Fixtures of a whole practice cloud with one channel.

Before every test the cloud is restored to the state after the channel's setup.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import httpx
import pytest

from practice.cloud import PracticeCloud
from practice.faults import FaultContext, hand_made, policy
from practice.mail.connect import AWAY, NOBODY
from tests.fixtures.practice_cloud import whole_cloud
from tests.fixtures.waiting import LIMIT_S

Json = dict[str, Any]
MAILBOX = "support@contoso.com"
CUSTOMER = "kim@customer.example"


class Channel:
    """Practice cloud with one set-up channel, its control routes, and a mail's way through it."""

    def __init__(self, cloud: PracticeCloud, http: httpx.Client) -> None:
        self.cloud, self.http = cloud, http
        self.ground = FaultContext(cloud.microsoft, cloud.faults, cloud.outside.state)

    def post(self, path: str, **body: Any) -> httpx.Response:
        """Send a POST request to a control route of the practice cloud."""
        return self.http.post(f"/practice/{path}", json=body)

    def mails(self) -> list[Json]:
        """Return every mail with the place where it is."""
        return list(self.http.get("/practice/mail").json()["items"])

    def tasks(self) -> list[Json]:
        """Return the tasks of the practice contact center."""
        return list(self.http.get("/practice/agent/tasks").json()["items"])

    def stops(self, subject: str) -> str:
        """Return the station that stops a customer's mail, or an empty string.

        The method sends a real mail and the agent's real answer.
        """
        mail = {"from": CUSTOMER, "to": MAILBOX, "subject": subject, "body": "Hello"}
        if self.post("mail/customer", **mail).status_code != 200:
            return "mailbox"
        places = {mail["place"] for mail in self.mails() if mail["subject"] == subject}
        if "refused" in places:
            return "mailbox"
        if not any(task["subject"] == subject for task in self.tasks()):
            return "connect" if self._reached_connect(subject, places) else "forward"
        answer = self.post("agent/answer", subject=subject, body="We are here")
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return "agent"
        code = answer.json()["code"]
        answered = any(
            mail["subject"] == f"Re: {subject}" and mail["place"] == "internet"
            for mail in self.mails()
        )
        return "" if code == "7501" and answered else "answer"

    def _reached_connect(self, subject: str, places: set[str]) -> bool:
        """Return whether the copy of the mail came to Webex Connect, or left for it."""
        left = "internet" in places and self._to_webex(subject)
        return "connect" in places or left or self._refused(subject)

    def _to_webex(self, subject: str) -> bool:
        """Return whether a copy left for Webex Connect's forwarding address of the setup."""
        sent = [
            mail["recipient"]
            for mail in self.mails()
            if mail["subject"] == subject and mail["place"] == "internet"
        ]
        return self.forwarding_address in sent

    def _refused(self, subject: str) -> bool:
        """Return whether Webex Connect's mail server returned the copy or did not answer."""
        return any(
            mail["subject"] == subject and mail["note"] in {NOBODY, AWAY} for mail in self.mails()
        )

    forwarding_address = ""


@pytest.fixture(scope="package")
def set_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Channel]:
    """Yield one practice cloud with one channel that is set up, for all tests of this folder."""
    with whole_cloud(tmp_path_factory.mktemp("cloud")) as cloud:
        verify = ssl.create_default_context(cafile=str(cloud.tls.ca_path))
        with httpx.Client(
            base_url=cloud.url, verify=verify, trust_env=False, timeout=LIMIT_S
        ) as http:
            channel = Channel(cloud, http)
            channel.forwarding_address = channel.ground.connect.forwarding_address
            app = hand_made.make(channel.ground)
            app["web"]["redirectUris"].append("https://portal.contoso.com/callback")
            policy.applying(channel.ground)["AutoForwardingMode"] = "Automatic"
            policy.higher_rule(channel.ground, "On", From=[MAILBOX])
            channel.post("snapshot")
            yield channel


@pytest.fixture
def channel(set_up: Channel) -> Channel:
    """Return the channel, restored to the snapshot that was taken after its setup."""
    assert set_up.post("restore").status_code == 200
    return set_up
