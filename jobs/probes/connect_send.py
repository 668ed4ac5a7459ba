"""Test mail sent through Webex Connect, only on request: a check by itself sends nothing."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

from jobs.access.mailbox_login import log_in
from jobs.causes.reader import read
from jobs.causes.speaker import Place
from jobs.clouds.cause_codes import causes
from jobs.clouds.errors import CloudError
from jobs.contact_center import delivery_receipts
from jobs.contact_center.webex_connect import (
    SUBMITTED,
    Mail,
    Receipt,
    cause_of,
    poll,
    send,
)
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.step import Probe
from jobs.mail.smtp_login import REFUSED
from jobs.model import Access, Evidence, Finding, State, Text, verbatim
from jobs.probes.smtp_login import login_of

USERNAME = "form_username_shared"
"""Cause if Webex Connect has a good token but the shared mailbox as its user name."""
OF_ONE_MAIL = causes("connect_content_refused", "connect_recipient_refused")
"""Causes of receipts about one mail alone, whose channel is not at fault."""
PATIENCE_S = 25.0
PAUSE_S = 1.0


class ConnectSend(Probe):
    """Probe that sends a test mail through Webex Connect and expects the receipt 7501 Submitted.

    The receipt means that Webex Connect logged in, and that Exchange accepted the mail
    (facts/connect.md 1.6). It does not prove that the mail arrives.
    """

    name = "connect_send"
    article_row = "API"
    diagnosis = Diagnosis(
        access=Access.NONE,
        caused_by=(
            "smtp_auth",
            "smtp_server",
            "client_secret",
            "application",
            "service_principal",
            "smtp_grant",
            "send_as",
            "mailbox_user",
            "delegate",
            "sessions",
            "permissions",
            "smtp_login",
            "sign_ins",
            "answers",
            "security_defaults",
            "conditional_access",
            "entra",
            "exchange_health",
            "webex_status",
        ),
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        """Send exactly once, even if the worker dies, and wait for the receipt."""
        if not ctx.settings.connect_url:
            return self.skipped(Text("skipped.no_service_key"))
        if not ctx.run.brief.test_recipient:
            return self.skipped(Text("skipped.send_not_asked"))
        if token := delivery_receipts.begin(ctx.store.redis, ctx.run.id):
            await self._send(ctx, token)
        receipt = await self._receipt(ctx)
        return (
            await self._judge(ctx, receipt)
            if receipt
            else Finding(self.name, State.UNKNOWN, seen=Text("seen.no_receipt"))
        )

    async def _send(self, ctx: StepContext, token: str) -> None:
        """Send the mail, and store a refusal like a receipt.

        So a second look reports the same.
        """
        subject, recipient = f"Webex email test {ctx.run.id}", ctx.run.brief.test_recipient
        body = (
            f"This mail was sent through Webex Connect to test {ctx.channel.mailbox}."
            " Nobody has to answer it."
        )
        notify = f"{ctx.settings.public_url}{delivery_receipts.PATH}{token}"
        try:
            message = await send(
                ctx.settings,
                Mail(ctx.channel.mailbox, recipient, subject, body, ctx.run.id, notify),
            )
        except CloudError as error:
            code = error.code or str(error.status or error.cause)
            delivery_receipts.save(
                ctx.store.redis, ctx.run.id, Receipt(code, error.message, refused=error.cause)
            )
        else:
            delivery_receipts.sent(ctx.store.redis, ctx.run.id, message)

    async def _receipt(self, ctx: StepContext) -> Receipt | None:
        """Return the receipt, or None if none arrives in time.

        It comes from the callback to the bot or from polling, whichever is first.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + PATIENCE_S
        while clock() < deadline:
            if found := await self._look(ctx):
                return found
            await asyncio.sleep(PAUSE_S)
        return None

    async def _look(self, ctx: StepContext) -> Receipt | None:
        """Return the receipt, or None if there is none yet.

        If none has arrived by itself, Webex Connect is asked for it.
        """
        found = delivery_receipts.read(ctx.store.redis, ctx.run.id)
        if found is None and (message := delivery_receipts.message(ctx.store.redis, ctx.run.id)):
            with suppress(
                CloudError
            ):  # no result: the receipt may arrive or the next query may work
                return await poll(ctx.settings, message)
        return found

    async def _judge(self, ctx: StepContext, receipt: Receipt) -> Finding:
        told = " ".join(filter(None, (receipt.code, receipt.words)))
        evidence = (Evidence("connect", told), *self._transaction(ctx, receipt))
        if receipt.code == SUBMITTED:
            recipient = {"recipient": ctx.run.brief.test_recipient}
            return replace(self.ok(Text("seen.connect_submitted", recipient)), evidence=evidence)
        words = verbatim(told)
        cause = cause_of(receipt.code, receipt.refused)
        if receipt.refused or cause in OF_ONE_MAIL:  # key or mail at fault, not the channel
            return Finding(self.name, State.UNKNOWN, seen=words, cause=cause, evidence=evidence)
        cause = USERNAME if await _wants_delegate(ctx, receipt) else cause
        return replace(self.wrong(words, cause=cause), evidence=evidence)

    def _transaction(self, ctx: StepContext, receipt: Receipt) -> tuple[Evidence, ...]:
        """Return the transaction id with which Webex Connect finds the mail, if it is known."""
        transaction = receipt.transaction or delivery_receipts.message(ctx.store.redis, ctx.run.id)
        return (Evidence("transaction-id", transaction),) if transaction else ()


async def _wants_delegate(ctx: StepContext, receipt: Receipt) -> bool:
    """Return whether the form's Username must be the delegate instead of the shared mailbox.

    That is so if Exchange has refused Webex Connect's login with a bare 5.7.3, and the bot's own
    token of the same user is refused with the shared address as well, but accepted with the
    delegate (facts/update-2026-11.md 0.1).
    """
    login = login_of(ctx)
    if not login.others or not login.upn or not _is_refused_alone(receipt):
        return False
    by_address = replace(login, upn=login.others[0], others=(login.upn,))
    try:
        probe = await log_in(ctx, by_address)
    except CloudError:
        return False
    return probe is not None and probe.instead == login.upn


def _is_refused_alone(receipt: Receipt) -> bool:
    """Return whether the receipt names Exchange's bare refusal of a login, and no other cause."""
    return {each.cause for each in read(receipt.words, Place.EXCHANGE).certain} == {REFUSED}
