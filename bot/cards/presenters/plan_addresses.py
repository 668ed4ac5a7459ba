"""Presenter of what a plan's changes do not name: addresses, foreign hosts, grants, other channels."""

from __future__ import annotations

from collections.abc import Sequence

from adaptive_cards.cards.plan_view import Address, ForeignHosts
from adaptive_cards.times import clock
from bot.cards.presenters._common import texts_of
from jobs.channel import spelling
from jobs.channel.connect_hosts import callback_host, forwarding_host
from jobs.channel.foreign_hosts import confirmation, foreign_hosts, unconfirmed_hosts
from jobs.channel.in_use import ADDRESS_IN_USE, APP_IN_USE
from jobs.model import RunKind, State, Text
from jobs.next_action import planned_changes
from jobs.runs.run import Run
from jobs.steps import steps_of

_IN_USE = (
    ("addresses", ADDRESS_IN_USE, "plan.address_in_use"),
    ("application", APP_IN_USE, "plan.app_in_use"),
)
"""Step, kind of its evidence, and text, for what another channel has as well."""


def addresses(run: Run) -> tuple[Address, ...]:
    """Return the channel's addresses; none for an undo, which takes them away."""
    if run.kind is RunKind.UNDO:
        return ()
    channel = run.channel
    named = (
        ("field.mailbox", channel.mailbox, channel.domain),
        ("field.callback_url", channel.callback_url, callback_host(channel)),
        ("field.forwarding_address", channel.forwarding_address, forwarding_host(channel)),
    )
    return tuple(_address(key, value, host) for key, value, host in named if value)


def _address(key: str, value: str, host: str) -> Address:
    """Return the address with its host's other spelling, if that is not plain ASCII in both."""
    ascii_host, displayed = spelling.as_ascii(host), spelling.as_displayed(host)
    other = displayed if displayed != host else ascii_host if ascii_host != host else ""
    local = value.rpartition("@")[0]
    letters = spelling.letters_beyond_ascii(local + displayed)
    return Address(key, value, other, letters)


def foreign(run: Run, connect_hosts: Sequence[str]) -> ForeignHosts | None:
    """Return the hosts that are not Webex Connect's, or None if all are."""
    hosts = foreign_hosts(run, connect_hosts)
    if not hosts:
        return None
    left = unconfirmed_hosts(run, connect_hosts)
    return ForeignHosts(
        tuple((host, _what(run, host)) for host in hosts), None if left else _confirmed(run)
    )


def _what(run: Run, host: str) -> Text:
    """Return what goes to the host: sign-ins, mail, or both."""
    signs_in = host == callback_host(run.channel)
    takes_mail = host == forwarding_host(run.channel)
    key = "both" if signs_in and takes_mail else "callback" if signs_in else "forwarding"
    return Text(f"plan.foreign_{key}")


def _confirmed(run: Run) -> Text | None:
    by = confirmation(run)
    return Text("plan.foreign_confirmed", {"who": by.by, "at": clock(by.at)}) if by else None


def consent(run: Run) -> Text | None:
    """Return for whom the run's permissions will be granted, or None if it grants none.

    In the article's profile the consent page covers all that the app declares. So it gives SMTP.Send
    for every user (consentType AllPrincipals, facts/microsoft.md 1.5 and 1.6), besides Mail.Send. The
    least-privilege profile has no consent page: its grant is for one user.
    """
    steps = {change.step for change in planned_changes(run)}
    if run.kind is RunKind.UNDO or not steps:
        return None
    if for_all(run):
        return Text("plan.everyone")
    user = run.fact("delegate") or run.channel.mailbox
    return Text("plan.one_user", {"user": user}) if "smtp_grant" in steps else None


def for_all(run: Run) -> bool:
    """Return whether the run asks for an admin consent, which holds for all users."""
    return (
        "admin_consent" in steps_of(run)
        and run.state_of("mail_send") is not State.SKIPPED
        and run.state_of("admin_consent") is not State.OK
    )


def in_use(run: Run) -> tuple[Text, ...]:
    """Return a warning for each address or app that another channel has as well."""
    return tuple(
        Text(key, {"mailboxes": ", ".join(mailboxes)})
        for step, kind, key in _IN_USE
        if step in run.findings and (mailboxes := texts_of(run.findings[step].evidence, kind))
    )
