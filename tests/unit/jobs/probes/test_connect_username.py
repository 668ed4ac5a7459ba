"""Webex Connect's user name for a shared mailbox, judged by a mail that it could not send."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jobs.access.mailbox_login import Login
from jobs.contact_center import delivery_receipts
from jobs.contact_center.webex_connect import Receipt
from jobs.engine.context import StepContext
from jobs.mail.smtp_login import SmtpProbe
from jobs.probes.connect_send import ConnectSend
from jobs.runs.origin import Brief

BARE = "SMTP Authentication Failed: 535 5.7.3 Authentication unsuccessful [PR1]"
DELEGATE = Brief(client_id="c1", shared=True, delegate="agent@contoso.com")
TAKEN = SmtpProbe(True, "", "", "235", (), "agent@contoso.com")  # noqa: FBT003  in order
BY_ADDRESS = replace(TAKEN, instead="")
NEITHER = SmtpProbe(False, "auth", "smtp_token_refused", "535 5.7.3", ())  # noqa: FBT003


@pytest.mark.parametrize(
    ("brief", "words", "probe", "cause"),
    [
        (DELEGATE, BARE, TAKEN, "form_username_shared"),
        (DELEGATE, BARE, BY_ADDRESS, "connect_login_failed"),
        (DELEGATE, BARE, NEITHER, "connect_login_failed"),
        (DELEGATE, BARE, None, "connect_login_failed"),
        (DELEGATE, "AADSTS50173: The grant has expired", TAKEN, "connect_login_failed"),
        (DELEGATE, "Failed", TAKEN, "connect_login_failed"),
        (Brief(client_id="c1", shared=True), BARE, TAKEN, "connect_login_failed"),
        (Brief(client_id="c1", upn="support@contoso.com"), BARE, TAKEN, "connect_login_failed"),
    ],
    ids=[
        *("username", "address is taken", "neither is taken", "no sign-in of our own"),
        *("dead token", "other words", "delegate unknown", "user mailbox"),
    ],
)
async def test_a_bare_refusal_of_a_shared_mailbox_is_its_user_name(
    given: Any,
    configured: Any,
    redis: Any,
    monkeypatch: pytest.MonkeyPatch,
    brief: Brief,
    words: str,
    probe: SmtpProbe | None,
    cause: str,
):
    """The user name in Webex Connect is the cause of a refusal only if a login proves it.

    In that login, the same user's token is refused with the mailbox's address and accepted with the
    user's own name.
    """
    asked: list[Login] = []

    async def log_in(_ctx: StepContext, login: Login) -> SmtpProbe | None:
        asked.append(login)
        return probe

    monkeypatch.setattr("jobs.probes.connect_send.log_in", log_in)
    asked_for = replace(brief, test_recipient="anna@contoso.com")
    ctx = given(settings=configured(), brief=asked_for)
    delivery_receipts.begin(redis, ctx.run.id)
    delivery_receipts.save(redis, ctx.run.id, Receipt("7553", words, "t-1"))
    assert (await ConnectSend().inspect(ctx)).cause == cause
    if cause == "form_username_shared":
        assert [(each.upn, each.others) for each in asked] == [
            ("support@contoso.com", ("agent@contoso.com",))
        ]
