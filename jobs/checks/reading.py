"""Reading of a check for people: the path of the mail, the damage, the proofs, and what is due."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from jobs.causes.cause import Cause
from jobs.checks import check
from jobs.checks.verdict import MAIL_PATH, Found, Verdict, has_overdue_mail, judge, proves
from jobs.clock import now, parse
from jobs.engine.step import Step
from jobs.model import ConnectChange, Finding, Reason, Signals, State, Station, Text, Turn
from jobs.runs.run import Problem, Run
from jobs.runs.run_store import RunStore

SEEN_AT = {
    "arrivals": Station.MAILBOX,
    "copies": Station.FORWARD,
    "agent_tasks": Station.AGENT,
    "answers": Station.ANSWER,
}
PROVING = (*SEEN_AT, "smtp_login")
"""Steps whose success proves the mail flow, in the order in which they are shown."""
ENDS = (Station.FORWARD, Station.ANSWER)
"""Ends of the path: a copy that reached Webex Connect, and an answer that left."""
OUTSIDE = frozenset({"exchange_health", "entra_health", "webex_status"})
"""Steps that report the status that the providers publish about themselves."""
COUNTED = ("copies", "mail_to_task")
"""Steps that count missed mails. The earliest step on the mail path comes first."""
CHANGES = "connect_changes"
"""Step whose suspected changes are shown by themselves, and not among the possible causes."""
EXPLAINED = {
    "deleteapp": Cause.CONNECT_ADDRESS_GONE,
    "deleteflow": Cause.CONNECT_FLOW_NOT_LIVE,
    "deleterule": Cause.CONNECT_FLOW_NOT_LIVE,
    "updaterulestatus": Cause.CONNECT_FLOW_NOT_LIVE,
    "updatewfstatusonupdaterule": Cause.CONNECT_FLOW_NOT_LIVE,
}
"""Cause inside Webex Connect that an action explains; an update of an app may explain many."""


class Lost(NamedTuple):
    """Mails that did not reach an agent; ``kept`` if all of them are known to be in the mailbox.

    ``since`` is the time of the first of them. ``bounced`` is the number of those that were returned
    to their senders as undeliverable.
    """

    mails: int
    since: datetime
    kept: bool = False
    bounced: int = 0


class Stop(NamedTuple):
    """Station on the path of the mail; ``at`` is the time of the last mail there.

    ``passes`` is True if mail passed, False if mail stops there, and None if that is unknown.
    """

    station: Station
    passes: bool | None
    at: datetime | None = None


class Proof(NamedTuple):
    row: str
    words: Text
    at: datetime


class Suspect(NamedTuple):
    """Change in Webex Connect; ``cause`` is the only one that it may explain, or empty."""

    change: ConnectChange
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """Finding as it counts, with its row and the name of its step.

    ``explained_by`` is the row of its cause if it is a symptom.
    """

    row: str
    title: Text
    found: Finding
    explained_by: str = ""
    set_back: check.SetBack | None = None


@dataclass(frozen=True, slots=True)
class FoundChannel:
    """Channel that the check found by itself.

    ``values`` are (label key, value); an empty value was not found, and no values mean that nobody
    has signed in yet. ``may_keep`` offers to keep it. ``told`` says what that means, or why it
    cannot be kept. ``watched`` is how often it is watched, such as ``15m``; empty if it is not.
    """

    values: tuple[tuple[str, str], ...] = ()
    may_keep: bool = False
    kept: bool = False
    told: Text | None = None
    watched: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything that a check says, both while it runs and when it is done.

    ``looking`` is the number of findings still to come, and ``silent`` names the clouds that give
    no answer so far. If ``causes`` is empty and ``looking`` is 0, nothing wrong was found.
    ``changes`` are those in Webex Connect shortly before mail stopped, newest first. ``fix`` is
    (button text key, submit data), or (button text key, {"url": ...}) if a person must fix it
    elsewhere. If ``turn`` is not the approver's, it fixes another cause than the first.

    ``lacks_role`` is set if another person must sign in, and ``may_grant`` if an administrator
    could give the bot its own read access. The card adds these pages and the ``approvers``.
    ``problem`` says why that failed, or that the access has ended. ``unread`` findings could not be
    read. A sign-in reads all of them (``needs_administrator``), or some.

    ``secret_ends`` is the end of a client secret that is to be renewed now, and ``secret_expires``
    that of any other. ``proven`` is when the bot's own test mail last went the whole way. ``login``
    is whether its login as the mailbox works now. ``accepts`` is the code of the first cause if an
    approver may accept it for a time. ``asks`` are the questions about the channel that a person
    must answer first. ``found`` is set if the channel is not known here.
    """

    run: str
    mailbox: str
    at: datetime
    looking: int
    causes: tuple[Line, ...] = ()
    symptoms: tuple[Line, ...] = ()
    possible: tuple[Line, ...] = ()
    changes: tuple[Suspect, ...] = ()
    warnings: tuple[Line, ...] = ()
    skipped: tuple[Line, ...] = ()
    lines: tuple[Line, ...] = ()
    way: tuple[Stop, ...] = ()
    since: datetime | None = None
    turn: Turn = Turn.NOBODY
    fix: tuple[str, dict[str, str]] | None = None
    proofs: tuple[Proof, ...] = ()
    may_sign_in: bool = False
    sign_in_url: str = ""
    lacks_role: bool = False
    may_grant: bool = False
    grant_url: str = ""
    approvers: tuple[str, ...] = ()
    problem: Problem | None = None
    damage: Lost | None = None
    secret_expires: datetime | None = None
    secret_ends: datetime | None = None
    unread: int = 0
    needs_administrator: bool = False
    sign_in_reads: bool = False
    proven: datetime | None = None
    login: bool = False
    silent: tuple[str, ...] = ()
    accepts: str = ""
    asks: tuple[str, ...] = ()
    found: FoundChannel | None = None

    @property
    def is_unknown(self) -> bool:
        return self.found is not None and not self.found.values

    @property
    def may_keep(self) -> bool:
        return self.found is not None and self.found.may_keep

    @property
    def is_ours(self) -> bool:
        """Return whether the other commands serve the channel in this space."""
        return self.found is None or self.found.kept


def read(run: Run, store: RunStore, watched: str = "") -> Reading:
    """Return what a check says; ``watched`` is how often the channel is watched, or empty."""
    steps, found, mailbox = check.checks_of(run), _counting(run), run.channel.mailbox
    verdict = judge(steps, found, done=run.checked is not None)
    (unread, by_sign_in, more), weighed = check.gaps(run), _weighed(verdict, found)
    expires, ends = secret_dates(found)
    past = dict[str, check.SetBack]()
    if run.checked and not run.brief.discover:
        past = check.set_back(store, mailbox, {name: steps[name] for name in verdict.causes})
    channel = _found_channel(run, store, watched)

    def line(name: str, explained_by: str = "") -> Line:
        step, each = steps[name], weighed[name]
        # The access that the finding was read with, or else the access that its step needs.
        shown = replace(each, access=each.access or step.diagnosis.access)
        return Line(step.article_row, Text(f"step.{name}"), shown, explained_by, past.get(name))

    def lines(*names: str) -> tuple[Line, ...]:
        return tuple(map(line, names))

    waiting = filter(lambda name: found[name].cause == Cause.NOBODY_LOGGED_IN, found)
    seen = Reading(
        run=run.id,
        mailbox=mailbox,
        at=run.checked or now(),
        looking=0 if run.checked else max(1, len(steps) - len(run.findings)),
        causes=lines(*verdict.causes),
        symptoms=tuple(line(n, steps[by].article_row) for n, by in verdict.symptoms.items()),
        possible=lines(*(name for name in verdict.possible if name != CHANGES)),
        changes=_suspects(verdict),
        warnings=lines(*verdict.warnings, *waiting),
        skipped=lines(*verdict.skipped),
        lines=lines(*filter(weighed.get, steps)),
        way=_path(verdict, found),
        since=verdict.since,
        turn=_turn(verdict, channel),
        proofs=_proofs(run, steps, found),
        problem=run.problems.get("app_access"),
        damage=damage(run, verdict, found),
        secret_expires=expires,
        secret_ends=ends,
        unread=unread,
        needs_administrator=by_sign_in,
        sign_in_reads=more,
        login=_is_ok(found, "smtp_login"),
        silent=run.silent,
        asks=check.open_questions(run),
        found=channel,
    )
    return _with_offers(seen, run, store, verdict) if run.checked else seen


def _with_offers(seen: Reading, run: Run, store: RunStore, verdict: Verdict) -> Reading:
    signs_in = not run.ended and check.may_sign_in(run)
    whole = not signs_in or run.account is not None
    fix = verdict.fix_button(run, whole=whole) if seen.is_ours else None
    granted = not fix and check.may_be_granted(store.redis, run)
    ends = seen.secret_ends if seen.is_ours else None
    if ends and not fix:
        fix = "button.renew_secret", {"do": "fix", "channel": seen.mailbox}
    # a check decides by the finding's own code, also if the verdict has another name for it
    codes = (run.findings[name].cause for name in (*verdict.causes, *verdict.possible))
    return replace(
        seen,
        fix=fix,
        may_sign_in=signs_in,
        lacks_role=signs_in and whole,
        may_grant=granted,
        secret_ends=ends,
        proven=proven_at(run, store) if seen.unread else None,
        accepts="" if run.brief.discover else next(filter(None, codes), ""),
    )


def _turn(verdict: Verdict, found: FoundChannel | None) -> Turn:
    # Before the channel is kept, no plan of the bot can be approved.
    if verdict.turn is not Turn.APPROVER or found is None or found.kept:
        return verdict.turn
    return Turn.REQUESTER if found.may_keep else Turn.ADMINISTRATOR


def _found_channel(run: Run, store: RunStore, watched: str) -> FoundChannel | None:
    """Return what a check found of the channel by itself, or None for a channel that was known.

    Before somebody has signed in, nothing was found, and the result is empty.
    """
    if not run.brief.discover:
        return None
    if not run.discovered:
        return FoundChannel()
    may_keep = check.may_be_kept(store, run)
    known = {"found.user": run.fact("upn"), "found.delegate": run.fact("delegate")}
    return FoundChannel(
        values=(
            ("found.app", run.fact("app_name") or run.fact("client_id")),
            ("found.callback", run.channel.callback_url),
            ("found.forwarding", run.channel.forwarding_address),
            *((key, value) for key, value in known.items() if value),
        ),
        may_keep=may_keep,
        kept=run.kept,
        watched=watched,
        told=_kept_words(run, store, watched, may_keep=may_keep) if run.checked else None,
    )


def _kept_words(run: Run, store: RunStore, watched: str, *, may_keep: bool) -> Text:
    if run.kept:
        return Text(f"verdict.{'kept_watched' if watched else 'kept_here'}", {"interval": watched})
    if lacks := check.missing_values(run):
        return Text("verdict.keep_lacks", {"what": f"key:found.lacks_{lacks[0]}"})
    if may_keep and (former := store.channels.sharing_address(run.channel)):
        return Text("verdict.keep_former", {"mailboxes": ", ".join(former)})
    return Text("verdict.keep_words" if may_keep else "verdict.keep_elsewhere")


def _suspects(verdict: Verdict) -> tuple[Suspect, ...]:
    changes = verdict.weighed[CHANGES].signals.changes if CHANGES in verdict.possible else ()
    return tuple(Suspect(each, EXPLAINED.get(each.event.lower(), "")) for each in changes)


def _proofs(run: Run, steps: Mapping[str, Step], found: Found) -> tuple[Proof, ...]:
    proofs = [
        Proof(steps[n].article_row, Text(f"step.{n}"), found[n].signals.at or run.found_at[n])
        for n in PROVING
        if _is_ok(found, n)
    ]
    # all three sources of service status were read, and none of them has an incident
    if proofs and all(_is_ok(found, name) for name in OUTSIDE):
        quiet = min(run.found_at[name] for name in OUTSIDE)
        proofs.append(Proof("MS", Text("verdict.no_incident"), quiet))
    return tuple(proofs)


def proven_at(run: Run, store: RunStore) -> datetime | None:
    """Return when the newest test mail of a run or of the watch went the whole way, if any did."""
    if run.brief.discover:
        return None
    found, runs = _counting(run), store.runs_of_mailbox(run.channel.mailbox)
    proofs = (each.fact("answered_at") or each.fact("forwarded_at") for each in runs if each.ended)
    watched = [found["watch_mail"].signals.at] if _is_ok(found, "watch_mail") else []
    return max(filter(None, [*map(parse, proofs), *watched]), default=None)


def _counting(run: Run) -> dict[str, Finding]:
    found = check.findings_of(run).items()
    return {name: each for name, each in found if each.reason is not Reason.NO_WATCH_MAIL}


def _is_ok(found: Found, step: str) -> bool:
    return step in found and found[step].state is State.OK


def _weighed(verdict: Verdict, found: Found) -> dict[str, Finding]:
    # A finding that did not count is shown as a warning. Mail that passed a station is shown as
    # unknown if newer mail is overdue there, or stops there.
    counted = {
        name: verdict.weighed.get(name) or replace(each, state=State.WARNING)
        for name, each in found.items()
    }
    for name, station in SEEN_AT.items():
        if _is_ok(counted, name) and (station is verdict.stops or not proves(counted[name])):
            counted[name] = replace(counted[name], state=State.UNKNOWN)
    return counted


def _path(verdict: Verdict, found: Found) -> tuple[Stop, ...]:
    # The state of the stations behind the place at which mail stops is unknown.
    reports = {station: found[name] for name, station in SEEN_AT.items() if name in found}
    passed = _passed(reports, _stop(verdict)) - {verdict.stops}
    times = {station: finding.signals.at for station, finding in reports.items()}
    return tuple(
        Stop(each, False if each is verdict.stops else each in passed or None, times.get(each))
        for each in MAIL_PATH
    )


def _passed(reports: Mapping[Station, Finding], stop: int) -> set[Station]:
    # An answer may leave even though copies no longer arrive, and a task may belong to an older
    # mail. So neither end of the path is proven by another station. A station at which newer mail
    # is stuck is not proven either.
    def such(tells: Callable[[Finding], bool]) -> set[Station]:
        return {station for station, finding in reports.items() if tells(finding)}

    known = such(proves)
    seen = max(map(MAIL_PATH.index, known - {Station.ANSWER}), default=-1)
    unclear = such(has_overdue_mail).union(ENDS)
    return known | (set(MAIL_PATH[: min(stop, seen + 1)]) - unclear)


def _stop(verdict: Verdict) -> int:
    return MAIL_PATH.index(verdict.stops) if verdict.stops else len(MAIL_PATH)


def damage(run: Run, verdict: Verdict, found: Found) -> Lost | None:
    """Return the damage if mail stops before an agent and the message trace was read."""
    stop = _stop(verdict)
    if stop > MAIL_PATH.index(Station.AGENT):
        return None
    before = stop <= MAIL_PATH.index(Station.MAILBOX)
    missed = next(filter(None, (_missed(signals_of(found, name)) for name in COUNTED)), None)
    # If mail stops before the mailbox, refused mail counts first.
    lost = (_refused(found) if before else None) or missed
    if lost is None or before:
        return Lost(*lost) if lost else None
    kept = run.channel.keep_copy and _is_ok(found, "forwarding")
    return Lost(*lost, kept, min(signals_of(found, "copies").failed, lost[0]))


def signals_of(found: Found, step: str) -> Signals:
    return found[step].signals if step in found else Signals()


def _refused(found: Found) -> tuple[int, datetime] | None:
    # It is not documented whether a full mailbox still forwards. A copy that was forwarded since
    # then shows that agents have the mails, so nothing is reported.
    refused, copied = signals_of(found, "arrivals"), signals_of(found, "copies").at
    if not refused.failed or refused.since is None or (copied and copied >= refused.since):
        return None
    return refused.failed, refused.since


def _missed(signals: Signals) -> tuple[int, datetime] | None:
    since = signals.missed_since or signals.since
    return (signals.missed, since) if signals.missed and since else None


def secret_dates(found: Found) -> tuple[datetime | None, datetime | None]:
    """Return the end of a client secret, and the end of one that is to be renewed now."""
    secret = found.get("client_secret")
    end = parse(secret.facts.get("expires")) if secret else None
    soon = secret is not None and secret.cause == Cause.CLIENT_SECRET_EXPIRES_SOON
    return end if _is_ok(found, "client_secret") else None, end if soon else None
