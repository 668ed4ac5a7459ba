"""Test mail of the watch, sent only if needed and at most once in the time that a setting names.

Each of these mails becomes a task that an agent gets. So none is sent if a customer's mail has gone
the whole way in that time, if nothing could follow it, or if the channel is known to be broken
anyway.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from redis import Redis

from jobs.causes.cause import Cause
from jobs.channel.mailbox import own_addresses
from jobs.clock import now
from jobs.clouds.errors import CloudError
from jobs.engine.context import StepContext
from jobs.mail import watch_mail
from jobs.mail.send import OutgoingMail, send_test_mail
from jobs.model import State
from jobs.settings import Settings
from jobs.watch.model import TEST_MAIL_STEP, Eye, LookOutcome, Sight, WatchedChannel

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class MailText:
    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class MailPlan:
    """How often a test mail is sent, at least an hour or zero for never, and its words."""

    every: timedelta
    text_for: Callable[[WatchedChannel], MailText]


def is_needed(ctx: StepContext, outcome: LookOutcome, every: timedelta, at: datetime) -> bool:
    """Return whether a mail would show what the look leaves open: the whole way."""
    return (
        _has_sender(ctx)
        and _is_open(outcome)
        and _can_be_followed(ctx, outcome)
        and not _is_proven(ctx, at - every)
    )


def _has_sender(ctx: StepContext) -> bool:
    """Return whether the bot can send from an address that is not the channel's."""
    sender = ctx.settings.probe_from.lower()
    return ctx.settings.sends_probe and sender not in own_addresses(ctx)


def _is_open(outcome: LookOutcome) -> bool:
    """Return whether the channel works as far as seen, or only the test mails say otherwise."""
    only_suspect = outcome.sight is Sight.BROKEN and outcome.step == TEST_MAIL_STEP
    return outcome.sight is Sight.HEALTHY or only_suspect


def _can_be_followed(ctx: StepContext, outcome: LookOutcome) -> bool:
    """Return whether the trace or the tasks can be read, so that the bot can follow the mail."""
    tasks = ctx.run.findings.get("agent_tasks")
    reads_tasks = (
        bool(ctx.settings.contact_center_url)
        and tasks is not None
        and tasks.state in {State.OK, State.SKIPPED}
    )
    return Eye.APP in outcome.eyes or reads_tasks


def _is_proven(ctx: StepContext, since: datetime) -> bool:
    """Return whether a mail has gone the whole way since ``since``, as far as can be seen.

    A task of the mailbox shows all of the way. Without access to the tasks a copy shows most of it.
    """
    if _succeeded(ctx, "agent_tasks", since):
        return True
    becomes_a_task = ctx.run.state_of("mail_to_task") is State.OK
    whole = becomes_a_task or not ctx.settings.contact_center_url
    return whole and _succeeded(ctx, "copies", since)


def _succeeded(ctx: StepContext, step: str, since: datetime) -> bool:
    """Return whether the step is in order because of something that happened after ``since``."""
    if ctx.run.state_of(step) is not State.OK:
        return False
    at = ctx.run.findings[step].signals.at
    return at is not None and at > since


async def send(ctx: StepContext, watched: WatchedChannel, mails: MailPlan) -> bool:
    """Send the channel a test mail, unless one was sent in the plan's time.

    Return whether the mail server took the mail. The result of the sending is kept. A server that
    refuses or puts off a mail is asked again only when the next mail is due, and says nothing about
    the channel.
    """
    redis, mailbox = ctx.store.redis, watched.mailbox
    if not await asyncio.to_thread(watch_mail.claim, redis, mailbox, mails.every):
        return False
    return not (await deliver(ctx.settings, redis, mailbox, mails.text_for(watched))).refused


async def deliver(
    settings: Settings, redis: Redis, mailbox: str, text: MailText
) -> watch_mail.WatchMail:
    """Send a test mail and keep the result; ``refused`` names the cause if no server took it."""
    mail, sender = watch_mail.new_mail(now()), settings.probe_from
    await asyncio.to_thread(watch_mail.save, redis, mailbox, mail)
    outgoing = OutgoingMail(
        sender,
        mailbox,
        f"{mail.subject} {text.subject}",
        text.body,
        mail.message_id(sender),
        ((watch_mail.HEADER, mail.id), watch_mail.NO_REPLY),
    )
    try:
        await send_test_mail(settings.probe_smtp_url, outgoing)
    except CloudError as error:
        log.warning("test mail not sent", mailbox=mailbox, cause=error.cause)
        result = watch_mail.with_result(mail, refused=error.cause or Cause.SMTP_REFUSED)
    else:
        result = watch_mail.with_result(mail, sent=now())
    await asyncio.to_thread(watch_mail.save, redis, mailbox, result)
    return result
