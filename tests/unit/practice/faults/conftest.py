"""Fixtures of a whole practice cloud with one channel.

Before every test the cloud is restored to the state after the channel's setup.
"""

import ssl
from http import HTTPStatus
from typing import Any

import httpx
import pytest

from practice.faults import FaultContext, hand_made, policy
from practice.mail.connect import AWAY, NOBODY
from tests.fixtures.practice_cloud import whole_cloud
from tests.fixtures.waiting import LIMIT_S

Json = dict[str, Any]
MAILBOX = "support@contoso.com"
CUSTOMER = "kim@customer.example"


class Channel:
    """Practice cloud with one set-up channel, its control routes, and a mail's way through it."""

    def __init__(self, cloud, http: httpx.Client) -> None:
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
        taken = self.post("mail/customer", **mail).status_code == HTTPStatus.OK
        copies = [each for each in self.mails() if each["subject"] == subject]
        places = {each["place"] for each in copies}
        if not taken or "refused" in places:
            return "mailbox"
        if any(task["subject"] == subject for task in self.tasks()):
            return self._answers(subject)
        return "connect" if "connect" in places or self._forwarded(copies) else "forward"

    def _forwarded(self, copies: list[dict[str, Any]]) -> bool:
        left = {each["recipient"] for each in copies if each["place"] == "internet"}
        refused = {NOBODY, AWAY} & {each["note"] for each in copies}
        return self.forwarding_address in left or bool(refused)

    def _answers(self, subject: str) -> str:
        """Return the station that stops the agent's answer, or an empty string."""
        answer = self.post("agent/answer", subject=subject, body="We are here")
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return "agent"
        sent = [each["place"] for each in self.mails() if each["subject"] == f"Re: {subject}"]
        return "" if answer.json()["code"] == "7501" and "internet" in sent else "answer"

    forwarding_address = ""


@pytest.fixture(scope="package")
def set_up(tmp_path_factory):
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
def channel(set_up) -> Channel:
    """Return the channel, restored to the snapshot that was taken after its setup."""
    assert set_up.post("restore").status_code == 200
    return set_up
