"""Channel's mailbox as Exchange reports it, the ways of its mail, and its mail in the trace.

People, not this bot, use a mail contact or a rule (platforms/microsoft.md 2.2). All ways lead to an
address of Webex Connect, which is recognized by its host (platforms/connect.md 1.3 and 1.4). The
setting CONNECT_HOSTS adds to the domains that Cisco's pages name, because those of some regions are
not documented. No other host counts, however much its name looks like it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from jobs.clock import now, parse
from jobs.clouds.errors import NotFound, if_answered
from jobs.clouds.json_values import as_list, lower_of
from jobs.engine.step import Step, StepContext
from jobs.mail.message_trace import TraceRow, automatic
from jobs.microsoft.exchange import ExchangeRow
from jobs.model import Channel, Evidence, Finding, RunKind, State, Text
from jobs.runs.run import FOREIGN_HOSTS, Run
from jobs.settings import parts_of

_IMICONNECT = ("io", "eu", "us", "in", "ca", "com")
PATTERNS = ("*.webexconnect.io", *(f"*.imiconnect.{end}" for end in _IMICONNECT))
"""Hosts of Webex Connect.

Tenants have a host below webexconnect.io, and older ones below a domain of imiconnect
(developers.webexconnect.io/reference, "Know your API endpoints"). The Forwarding Address is at a
host below imiconnect.io, such as mail-us.imiconnect.io (Cisco's labs).
"""
_ADDRESS = re.compile(r"[\w.+-]+@([a-z0-9.-]*[a-z0-9])(?![\w-])", re.IGNORECASE)
_CUSTOM_NODE = "oauth."
"""Beginning of a host that belongs to a custom node and not to an email app."""


@dataclass(frozen=True, slots=True)
class ConnectHosts:
    """Known hosts, and the patterns of CONNECT_HOSTS: a host, or ``*.`` and a domain."""

    more: tuple[str, ...] = ()

    def has(self, host: str) -> bool:
        every = (pattern.replace("*", "?*") for pattern in (*PATTERNS, *self.more))
        return any(fnmatchcase(host.lower(), pattern) for pattern in every)

    def is_callback(self, url: str) -> bool:
        parts = parts_of(url)
        host = (parts.hostname or "").lower()
        callback = parts.scheme == "https" and parts.path.endswith("/callback")
        return callback and self.has(host) and not host.startswith(_CUSTOM_NODE)

    def is_forwarding_address(self, address: str) -> bool:
        return self.has(address.rpartition("@")[2])


def callback_host(channel: Channel) -> str:
    return (parts_of(channel.callback_url).hostname or "").lower()


def forwarding_host(channel: Channel) -> str:
    return channel.forwarding_address.rpartition("@")[2].lower()


def foreign_hosts(run: Run, connect_hosts: Sequence[str]) -> tuple[str, ...]:
    """Return the plan's hosts that are not Webex Connect's; an approver confirms them by name."""
    if run.kind is RunKind.UNDO:
        return ()
    known = ConnectHosts(tuple(connect_hosts))
    hosts = (callback_host(run.channel), forwarding_host(run.channel))
    return tuple(dict.fromkeys(host for host in hosts if host and not known.has(host)))


def unconfirmed_hosts(run: Run, connect_hosts: Sequence[str]) -> tuple[str, ...]:
    confirmed = run.answer(FOREIGN_HOSTS).split()
    return tuple(host for host in foreign_hosts(run, connect_hosts) if host not in confirmed)


DELEGATE, SIGNED_IN = "delegate", "mailbox_sign_in"
"""Questions that name the delegate: the first asks for it, the other is the rehearsal's."""
OTHERS_SIGN_IN = ("shared", "room", "equipment")
"""Types whose own account is blocked; others sign in for it (platforms/microsoft.md 2.1)."""


async def mailbox_row(ctx: StepContext, cmdlet: str = "Get-Mailbox", name: str = "") -> ExchangeRow:
    return (await ctx.exchange.run(cmdlet, {"Identity": name or ctx.channel.mailbox}))[0]


def own_addresses(ctx: StepContext) -> frozenset[str]:
    """Return addresses between which Webex Connect drops mail (platforms/connect.md 1.7)."""
    return frozenset({ctx.channel.mailbox.lower(), ctx.fact("upn").lower()} - {""})


def is_shared(mailbox: ExchangeRow) -> bool:
    return any(word in lower_of(mailbox, "RecipientTypeDetails") for word in OTHERS_SIGN_IN)


def delegate_of(run: Run) -> str:
    """Return who signs in for the shared mailbox; this run's own sign-in and answer come first."""
    signed_in = run.answers.get(SIGNED_IN)
    person = signed_in.by if signed_in else ""
    named = (person, run.answer(DELEGATE), run.brief.delegate, run.channel.delegate)
    return next(filter(None, named), "")


def login_of(run: Run) -> str:
    return (run.fact("delegate") or delegate_of(run)) if run.fact("shared") else run.fact("upn")


def login_id_of(run: Run) -> str:
    return run.fact("delegate_id" if run.fact("shared") else "user_id")


def login_names(ctx: StepContext) -> tuple[str, ...]:
    """Return the token's user, and the names to try after a bare refusal.

    For a shared mailbox they are the delegate and the mailbox's address (microsoft.md 2.6).
    """
    return (delegate_of(ctx.run), ctx.channel.mailbox) if ctx.fact("shared") else (ctx.fact("upn"),)


async def may_be_shared(ctx: StepContext) -> bool:
    """Return whether another user may sign in for the mailbox; True if Exchange does not answer."""
    mailbox = await if_answered(mailbox_row(ctx))
    return mailbox is None or is_shared(mailbox)


_INBOX = ("RedirectTo", "ForwardTo", "ForwardAsAttachmentTo")
_TRANSPORT = ("RedirectMessageTo", "BlindCopyTo", "CopyTo", "AddToRecipients")
_FOR = ("SentTo", "AnyOfToHeader", "AnyOfToCcHeader", "AnyOfRecipientAddressContainsWords")


async def through(ctx: StepContext, internal: str) -> str:
    """Return the address of Webex Connect behind a mail contact, or an empty string."""
    try:
        rows = await ctx.exchange.run("Get-Recipient", {"Identity": internal})
    except NotFound:
        return ""
    return _connect_address(ctx, rows, ("ExternalEmailAddress", "PrimarySmtpAddress"))


async def redirected_to(ctx: StepContext) -> str:
    """Return the address of Webex Connect that a rule sends the mailbox's mail to, or ''.

    An inbox rule counts while it is enabled, and a mail-flow rule if it names the mailbox.
    """
    mailbox = ctx.channel.mailbox
    rules = await ctx.exchange.run("Get-InboxRule", {"Mailbox": mailbox})
    enabled = [rule for rule in rules if rule.get("Enabled") is not False]
    if found := _connect_address(ctx, enabled, _INBOX):
        return found
    rules = await ctx.exchange.run("Get-TransportRule", {})
    named = (rule for rule in rules if any(mailbox in _text(rule, n).lower().split() for n in _FOR))
    return _connect_address(ctx, filter(in_force, named), _TRANSPORT)


def in_force(rule: Mapping[str, object]) -> bool:
    # on and not in test mode, or it does not say so
    on = lower_of(rule, "State") in {"", "enabled"} and lower_of(rule, "Mode") in {"", "enforce"}
    begins, ends = parse(rule.get("ActivationDate")), parse(rule.get("ExpiryDate"))
    return on and (begins is None or begins <= now()) and (ends is None or ends > now())


def _connect_address(ctx: StepContext, rows: Iterable[ExchangeRow], names: Iterable[str]) -> str:
    hosts = ConnectHosts(ctx.settings.connect_hosts)
    found = (each for row in rows for name in names for each in _ADDRESS.finditer(_text(row, name)))
    return next((each[0].lower() for each in found if hosts.has(each[1])), "")


def _text(row: ExchangeRow, name: str) -> str:
    # a list may be one text, and an address may have a name or a kind beside it
    return re.sub(r"[][<>()\"',;:\s]+", " ", " ".join(map(str, as_list(row.get(name)))))


def answers_among(ctx: StepContext, sent: Iterable[TraceRow]) -> list[TraceRow]:
    no_answer = {*own_addresses(ctx), ctx.channel.forwarding_address.lower()}
    return [row for row in sent if row.recipient.lower() not in no_answer and not automatic(row)]


async def copies_since(ctx: StepContext, since: datetime) -> tuple[TraceRow, ...]:
    """Return the copies to Webex Connect, newest first; none while the address is not known."""
    address = ctx.channel.forwarding_address
    return await ctx.trace().find(since, recipient=address) if address else ()


def newest_delivered(rows: Iterable[TraceRow]) -> TraceRow | None:
    return next((row for row in rows if row.went_on), None)


def evidence_of(words: Sequence[str]) -> tuple[Evidence, ...]:
    return tuple(Evidence("trace", line) for line in words)


ADDRESS_IN_USE = "address_in_use"
"""Kind of the evidence that names another channel with one of the two mail addresses."""
APP_IN_USE = "app_in_use"
"""Kind of the evidence that names another channel with the same app."""


def channels_with_app(ctx: StepContext, client_id: str) -> tuple[Evidence, ...]:
    same = runs_of_others(ctx, client_id) if ctx.looking else ()
    return tuple(Evidence(APP_IN_USE, run.channel.mailbox) for run in same)


def unless_shared(step: Step, ctx: StepContext, found: Finding) -> Finding:
    """Return what an undo finds of the app, which stays as it is if another channel uses it."""
    app = ctx.fact("client_id")
    in_use = found.state is State.WRONG and app and any(runs_of_others(ctx, app))
    return step.left_alone(Text("seen.undo_app_shared")) if in_use else found


def logins_of_others(ctx: StepContext) -> set[str]:
    both = ((login_of(run), login_id_of(run)) for run in runs_of_others(ctx))
    return {each.lower() for names in both for each in names} - {""}


def runs_of_others(ctx: StepContext, client_id: str = "") -> Iterable[Run]:
    """Return the runs that connected the other channels, or those of them with this app."""
    own, every = ctx.channel.mailbox, ctx.store.channels.connected()
    runs = ctx.store.known([each.run for each in every if each.channel.mailbox != own])
    return (run for run in runs if client_id.lower() in {"", run.fact("client_id").lower()})
