"""Examples of answers: help, lists of runs, notices, offers, explained errors, TAC and the trail."""

from datetime import UTC, datetime

from msgspec.structs import replace

import adaptive_cards as cards
from adaptive_cards import components as ui
from adaptive_cards.answers import HelpEntry, command_help, help_card, offer, tac, tac_file
from adaptive_cards.texts import text
from bot.cards.presenters.lists import ChannelLine, audit, channel_row, channels, status
from bot.cards.presenters.mail import search
from bot.chat.explanation import explanation
from jobs.causes.cause import Certainty, FoundCause
from jobs.causes.reader import Reading, UnknownCode
from jobs.model import (
    Access,
    Account,
    Change,
    Channel,
    Finding,
    Person,
    Scope,
    State,
    Text,
    Turn,
    minute_of,
    verbatim,
)
from jobs.runs.run import Kind, Plan, Reply, Run
from tests.unit.adaptive_cards.examples import AT, HOSTILE, MAILBOX
from tests.unit.adaptive_cards.verdict_examples import line


def examples() -> dict[str, cards.Card]:
    """Return the example cards, by a name that says the state."""
    answers = {**dict(_helps()), **dict(_status()), **dict(_notices())}
    return answers | _offers() | _explanations() | _tac() | _audits()


CANCELED = {"run": "7Q4K", "at": minute_of(AT), "who": "anna@contoso.com"}


def _helps():
    entries = tuple(
        HelpEntry(name, group, argument)
        for name, argument, group in (
            ("setup-email", "ADDRESS", "setup"),
            ("check", "ADDRESS", "trouble"),
            ("fix", "ADDRESS", "trouble"),
            ("tac", "ADDRESS", "trouble"),
            ("status", "", "runs"),
            ("cancel", "", "runs"),
            ("undo", "ADDRESS", "runs"),
            ("help", "", "more"),
        )
    )
    yield "help", help_card(entries)
    yield "help-left-out", help_card(entries[:-1], left_out=True)
    yield ("help-unknown", help_card(entries, mention="", typed="/xyzzy"))
    yield "help-check", command_help(entries[1], ("prüfen", "pruefen"))
    yield "help-cancel", command_help(entries[5], mention="")


def run_of(name: str, mailbox: str, **more: object) -> Run:
    """Return a setup with a plan."""
    change = Change("smtp_auth", "M2", verbatim(""), verbatim(""), verbatim(""), Scope.MAILBOX, "")
    run = Run(name, Channel(mailbox), Person("rita", "rita@contoso.com"), AT, detailed=True)
    run = replace(run, account=Account("t", "o", "u"), plan=Plan("p1", (change,), AT))
    return replace(run, **more)  # type: ignore[arg-type]  # the run's own names


def _status():
    approved = {"approvals": {Scope.MAILBOX: Reply("yes", "anna@contoso.com", AT)}}
    later = Finding("smtp_auth", State.WAITING, waiting_for=Turn.TIME, until=AT)
    runs = (
        run_of("7Q4K", MAILBOX),
        run_of("8ZW2", "sales@contoso.com", findings={"smtp_auth": later}, **approved),
        run_of("3F9A", "info@contoso.com", **approved),
        *(
            run_of(f"OLD{n}", "old@contoso.com", ended=end)
            for n, end in enumerate((Kind.FINISHED, Kind.FAILED, Kind.CANCELLED))
        ),
    )
    yield "status", status(runs, AT)
    yield "status-running", status(runs[1:2], AT)
    yield "status-many", status(runs * 4, AT)
    yield "status-more", status(runs[:2], AT, more=1)
    yield "status-none", status((), AT)


def _notices():
    refused = cards.notice(
        Text("refused.kicker"),
        Text("refused.button"),
        Text("refused.organization"),
        style=ui.REFUSED,
        facts=(("refused.reference", verbatim("REF-3F9A")),),
        buttons=(("button.help", {"do": "help"}),),
        at=AT,
    )
    yield "notice", refused
    plain = cards.notice(
        Text("notice.cancel_kicker"),
        Text("notice.over_cancelled", CANCELED),
        Text("refused.nothing"),
        style=("accent", None),
    )
    yield "notice-plain", plain


LONG = "customer-care-returns-and-refunds@department.contoso.com"


def _offers() -> dict[str, cards.Card]:
    start = (("button.setup", {"do": "setup"}), ("button.check", {"do": "check", "channel": ""}))
    lines = tuple(
        Text(f"understood.first_{each}", {"bot": "Email Bot"}) for each in ("setup", "check")
    )
    return {
        "offer-hello": offer(Text("help.kicker"), Text("understood.hello"), start, AT),
        "offer-space": offer(
            Text("help.kicker"), Text("understood.space_title"), start, AT, lines=lines
        ),
        "offer-channels": _choice((MAILBOX, "sales@contoso.com", "it@contoso.com", LONG)),
        "offer-one-channel": _choice((MAILBOX,)),
        "offer-no-channel": _choice(()),
        "channels-four": _channels(4),
        "channels-commands": _channels(5, every=True),
        "channels-commands-one": _channels(1, every=True, direct=True),
        "channels-none-direct": _channels(0, direct=True),
    }


def _choice(mailboxes: tuple[str, ...]) -> cards.Card:
    offers = tuple(
        (Text("choice.button.fix", {"value": each}), {"do": "fix", "channel": each})
        for each in mailboxes
    )
    turn = Text("choice.turn" if offers else "choice.turn_type")
    return offer(
        Text("choice.kicker"), Text("choice.title.fix"), offers, AT, turn=turn, field="fix"
    )


def _channels(count: int, **more: bool) -> cards.Card:
    lines = tuple(
        ChannelLine(
            f"mailbox-{at}@contoso.com",
            State.OK if at % 3 else State.WRONG,
            Text("channels.nothing_wrong" if at % 3 else "cause.forwarding_blocked"),
            AT,
        )
        for at in range(count)
    )
    return channels(lines, AT, **more)


FIXED = Text("superseded.fixed", {"run": "7Q4K", "at": minute_of(AT), "by": "rita@contoso.com"})
PAGE = "https://login.microsoftonline.com/error?code=7999999"


def _read(code: str, *causes: str, cut: bool = False) -> Reading:
    """Return a reading of causes; those after the first two are possible ones."""
    found = (FoundCause(each, code) for each in causes[:2])
    others = (FoundCause(each, "", Certainty.POSSIBLE) for each in causes[2:])
    return Reading(ours=True, causes=(*found, *others), cut=cut)


def _explanations() -> dict[str, cards.Card]:
    causes = ("smtp_token_refused", "send_as_denied", "wrong_mailbox_user", "scope_wrong")
    row = channel_row(ChannelLine(MAILBOX, State.OK, FIXED, AT))
    opened = FoundCause("wrong_mailbox_user", "", Certainty.POSSIBLE)
    unknown = (
        UnknownCode("AADSTS7999999", "AADSTS7999999: <b>a</b> [thing](https://x) ${y}", PAGE),
        UnknownCode("550 5.7.606", "x" * 2000),
    )
    checks = (MAILBOX, "sales@contoso.com")
    return {
        "explanation-known": explanation(
            _read("535 5.7.3", *causes, cut=True), AT, checks=checks, channels=[row]
        ),
        "explanation-busy": explanation(_read("AADSTS90033", "entra_busy"), AT),
        "explanation-open": explanation(
            Reading(ours=True, causes=(opened,) * 8), AT, checks=(MAILBOX,)
        ),
        "explanation-unknown": explanation(Reading(ours=True, unknown=unknown), AT),
        "explanation-nothing": explanation(None, AT),
        "explanation-channel": explanation(None, AT, checks=(MAILBOX,), channels=[row]),
    }


LATER = datetime(2026, 11, 25, 14, 5, tzinfo=UTC)
ZIP = "tac-support-contoso-com-20261125-1405Z.zip"
FILES = ("summary.md", "findings.md", "smtp-transcript.txt", "findings.json", "history.json")
QUEUE = (line("QU", text("step.contact_queue"), State.OK, Access.NONE, Text("seen.no_waiting")),)


def _tac() -> dict[str, cards.Card]:
    files = {
        "tac-file": tac_file(
            MAILBOX,
            ZIP,
            (*FILES, "screenshot.png"),
            LATER,
            resource_id="a_638211456712345678",
            transaction_id="2c8ad0a4-88aa-4a43-b31b-b46d",
        ),
        "tac-file-bare": tac_file(MAILBOX, ZIP, FILES, LATER, checked=False),
        "hostile-tac-file": tac_file(
            HOSTILE, HOSTILE, FILES, LATER, resource_id=HOSTILE, transaction_id=HOSTILE
        ),
    }
    guides = {
        "tac": tac(MAILBOX, LATER),
        "tac-direct": tac(MAILBOX, LATER, direct=True),
        "hostile-tac": tac(HOSTILE, LATER),
    }
    lost = Text("seen.watch_mail_lost_forward", {"at": "second:2026-11-25T14:03:00+00:00"})
    off = Text("cause.connect_flow_not_live"), Text("remedy.connect_flow_not_live")
    searches = {
        "search-unread": search(MAILBOX, LATER, "unread", sign_in_url="https://x.example/s"),
        "search-mail": search(MAILBOX, LATER, "mail", lines=QUEUE, sends=True),
        "search-mail-followed": search(MAILBOX, LATER, "mail", mail=lost),
        "search-connect": search(MAILBOX, LATER, "connect", told=off),
        "search-agent": search(MAILBOX, LATER, "agent", lines=QUEUE),
        "hostile-search": search(
            HOSTILE, LATER, "agent", told=(verbatim(HOSTILE), verbatim(HOSTILE))
        ),
    }
    return searches | guides | files


RUN = "7Q4K2M"
TRAIL = "audit-support-at-contoso.com-20261125-1405Z.jsonl"
WHAT = {
    "step": "smtp_auth",
    "kind": "setup",
    "changes": [{}, {}, {}],
    "data": {"scope": "mailbox", "question": "registered", "cause": "no"},
}


SAID = (
    {"what": "answered", "data": {"question": "rehearse", "value": "skip:away until Monday"}},
    {"what": "answered", "data": {"question": "discovered_app", "value": "without"}},
    {"what": "not_changed", "step": "smtp_auth", "data": {"cause": "licence_missing"}},
    {"what": "refused_more", "data": {"count": "1"}},
    {"what": "answered", "data": {"question": "of_tomorrow"}},
    {"what": "of_tomorrow"},
    {"what": "problem", "data": {"cause": "of_tomorrow"}},
)
"""Entries with words of their own, and those that a newer version wrote, with their names."""


def _audits() -> dict[str, cards.Card]:
    kinds = (
        "opened",
        "signed_in",
        "approved",
        "changing",
        "changed",
        "handed_over",
        "finished",
        "refused",
        "other",
    )
    entries = [_entry(kind, 90 + number) for number, kind in enumerate(kinds)][::-1]
    earlier = [_entry("opened", 1)]
    hostile = {"at": LATER.isoformat(), "what": "opened", "n": 0, "kind": HOSTILE}
    hostile |= {"by": HOSTILE, "mailbox": HOSTILE, "run": HOSTILE}
    few = {"filed": 41, "name": TRAIL}
    words = [_entry("", number) | said for number, said in enumerate(SAID)]
    return {
        "audit": audit(MAILBOX, LATER, earlier * 32 + entries, **few),
        "audit-space": audit("", LATER, earlier * 29_991 + entries, filed=20_000, name=TRAIL),
        "audit-one": audit("", LATER, entries[-1:], filed=1, name=TRAIL),
        "audit-none": audit("", LATER, [], filed=0, name=TRAIL),
        "audit-words": audit("", LATER, words, filed=len(words), name=TRAIL),
        "audit-broken": audit(MAILBOX, LATER, earlier * 32 + entries, **few, broken_at=17),
        "hostile-audit": audit(HOSTILE, LATER, [hostile] * 12, filed=12, name=HOSTILE),
    }


def _entry(kind: str, number: int):
    about = {"mailbox": MAILBOX, "run": RUN} if kind != "refused" else {}
    told = {"at": LATER.isoformat(), "what": kind, "by": "anna@contoso.com", "n": number}
    return WHAT | about | told
