"""Tests of the submission server: XOAUTH2 login, the SMTP AUTH settings, and the sender."""

from __future__ import annotations

import smtplib
from typing import Any

import pytest

from tests.fixtures.waiting import LIMIT_S


def mailbox(services: Any, **fields: Any) -> None:
    """Change the settings of the support mailbox."""
    services.change(users={"support@contoso.com": {"mailbox": fields}})


@pytest.mark.parametrize("late", [False, True])
def test_a_good_token_logs_in(services: Any, *, late: bool):
    """A good token logs in if SMTP AUTH is on for the mailbox.

    The client may send the token at once or after a 334.
    """
    mailbox(services, smtp_auth_disabled=False)
    assert services.smtp_login(
        "support@contoso.com", services.smtp_token("support@contoso.com"), late=late
    ) == (235, "2.7.0 Authentication successful")


def test_a_graph_token_somebody_elses_and_nonsense_are_5_7_3(services: Any):
    """A token for Graph, another user's token and nonsense are refused with 5.7.3.

    The token's audience, scope and user have to be right.
    """
    mailbox(services, smtp_auth_disabled=False)
    graph = services.sign_in("support@contoso.com", "openid https://graph.microsoft.com/SMTP.Send")[
        "access_token"
    ]
    replies = [
        services.smtp_login("support@contoso.com", token)[1][:5]
        for token in (graph, services.smtp_token("agent@contoso.com"), "nonsense")
    ]
    assert replies == ["5.7.3"] * 3


SHARED, AGENT = "shared@contoso.com", "agent@contoso.com"


def test_a_delegate_logs_in_as_itself_only(services: Any):
    """A delegate cannot log in with the shared address, whatever rights it has.

    The source is platforms/microsoft.md 2.6.
    """
    rights = {"smtp_auth_disabled": False, "full_access": [AGENT], "send_as": [AGENT]}
    own = {"smtp_auth_disabled": False}
    services.change(users={SHARED: {"mailbox": rights}, AGENT: {"mailbox": own}})
    token = services.smtp_token(AGENT)
    assert services.smtp_login(SHARED, token)[1].startswith("5.7.3 Authentication unsuccessful")
    assert services.smtp_login(AGENT, token)[0] == 235


def test_the_login_s_own_switch_counts(services: Any):
    """A delegate's login is refused if SMTP AUTH is off for the delegate's own mailbox.

    The setting of the shared mailbox does not matter.
    """
    users = {
        SHARED: {"mailbox": {"smtp_auth_disabled": False}},
        AGENT: {"mailbox": {"smtp_auth_disabled": True}},
    }
    services.change(users=users)
    assert "disabled for the Mailbox" in services.smtp_login(AGENT, services.smtp_token(AGENT))[1]


@pytest.mark.parametrize(
    ("trustees", "envelope", "author", "refusal"),
    [
        ([AGENT], SHARED, SHARED, ""),
        ([AGENT], AGENT, SHARED, ""),
        ([], SHARED, SHARED, "5.2.252 SendAsDenied; agent@contoso.com not allowed to send as"),
        ([], AGENT, SHARED, "5.7.60 SMTP; Client does not have permissions to send as this sender"),
    ],
)
def test_send_as_decides_at_data(
    services: Any, trustees: list[str], envelope: str, author: str, refusal: str
):
    """A sender without Send As is refused only after the mail itself.

    MAIL FROM is answered with 250 in any case.
    """
    users = {
        SHARED: {"mailbox": {"send_as": trustees}},
        AGENT: {"mailbox": {"smtp_auth_disabled": False}},
    }
    services.change(users=users)
    token = services.smtp_token(AGENT)
    with services.submission() as client:
        client.auth(
            "XOAUTH2", lambda _challenge=None: f"user={AGENT}\x01auth=Bearer {token}\x01\x01"
        )
        assert client.mail(envelope) == (250, b"2.1.0 Sender OK")
        client.rcpt("a@customer.example")
        code, reply = client.data(f"From: {author}\r\nSubject: x\r\n\r\nx")
    assert (code == 250, refusal in reply.decode()) == (not refusal, True)


def test_a_password_is_refused_and_nobody_sends_without_login(services: Any):
    """A login with a password is refused as wrong credentials.

    MAIL without a login is 5.7.57, and before STARTTLS it is a 530.
    """
    with services.submission() as client:
        with pytest.raises(
            smtplib.SMTPAuthenticationError, match="user credentials were incorrect"
        ):
            client.login("support@contoso.com", "secret")
        assert client.mail("support@contoso.com")[1].startswith(b"5.7.57")
    with smtplib.SMTP("localhost", services.settings.smtp_port, timeout=LIMIT_S) as plain:
        plain.ehlo()
        assert plain.mail("support@contoso.com")[0] == 530
