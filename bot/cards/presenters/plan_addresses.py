"""Presenter of details that no change names: addresses, foreign hosts, grants, other channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adaptive_cards.cards.plan import Address, ForeignHosts
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
"""Steps that find an address or app which another channel also uses.

Each has the kind of its evidence and the text for the plan.
"""
_GOES_TO: Mapping[tuple[bool, bool], Text] = {
    (True, False): Text("plan.foreign_callback"),
    (False, True): Text("plan.foreign_forwarding"),
    (True, True): Text("plan.foreign_both"),
}
"""Texts about a foreign host.

The key says whether the host is in the Call Back URL, and whether it is in the forwarding address.
"""


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
    """Return the address, with the other spelling of its host if ASCII and display form differ."""
    ascii_host, displayed = spelling.as_ascii(host), spelling.as_displayed(host)
    other = displayed if displayed != host else ascii_host if ascii_host != host else ""
    local = value.rpartition("@")[0]
    letters = spelling.letters_beyond_ascii(local + displayed)
    return Address(key, value, other, letters)


def foreign(run: Run, connect_hosts: Sequence[str]) -> ForeignHosts | None:
    hosts = foreign_hosts(run, connect_hosts)
    if not hosts:
        return None
    return ForeignHosts(
        tuple((host, _what(run, host)) for host in hosts), _confirmed(run, connect_hosts)
    )


def _what(run: Run, host: str) -> Text:
    return _GOES_TO[host == callback_host(run.channel), host == forwarding_host(run.channel)]


def _confirmed(run: Run, connect_hosts: Sequence[str]) -> Text | None:
    by = confirmation(run)
    if by is None or unconfirmed_hosts(run, connect_hosts):
        return None
    return Text("plan.foreign_confirmed", {"who": by.by, "at": clock(by.at)})


def consent(run: Run) -> Text | None:
    """Return for whom the run's permissions will be granted, or None if it grants none.

    In the article's profile the consent page covers all that the app declares. So it gives SMTP.Send
    for every user (consentType AllPrincipals, facts/microsoft.md 1.5 and 1.6), besides Mail.Send. The
    least-privilege profile has no consent page: its grant is for one user.
    """
    if run.kind is RunKind.UNDO or not planned_changes(run):
        return None
    return Text("plan.everyone") if for_all(run) else _one_user(run)


def _one_user(run: Run) -> Text | None:
    if not any(change.step == "smtp_grant" for change in planned_changes(run)):
        return None
    return Text("plan.one_user", {"user": run.fact("delegate") or run.channel.mailbox})


def for_all(run: Run) -> bool:
    """Return whether the run asks for an admin consent, which holds for all users."""
    return (
        "admin_consent" in steps_of(run)
        and run.state_of("mail_send") is not State.SKIPPED
        and run.state_of("admin_consent") is not State.OK
    )


def in_use(run: Run) -> tuple[Text, ...]:
    return tuple(
        Text(key, {"mailboxes": ", ".join(mailboxes)})
        for step, kind, key in _IN_USE
        if (mailboxes := _others(run, step, kind))
    )


def _others(run: Run, step: str, kind: str) -> tuple[str, ...]:
    return texts_of(run.findings[step].evidence, kind) if step in run.findings else ()
