"""Damage and incidents of the providers, which come from the findings of a check."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.cards.presenters.verdict import draw, view
from jobs.checks import check, reading
from jobs.checks.reading import Lost
from jobs.checks.verdict import judge
from jobs.model import Channel, ConnectChange, Finding, Person, RunKind, Signals, State, Station
from jobs.runs.run import Event, Kind, Origin
from tests.fixtures.copies import replace
from tests.fixtures.run_events import changing
from tests.unit.bot.cards.presenters.stage_events import LINE
from tests.unit.bot.cards.presenters.verdict_checks import AT, check_of, ok

SINCE = datetime(2026, 11, 25, 8, 14, tzinfo=UTC)
MISSED = Signals(missed=14, missed_since=SINCE)


def run_of(*found: Finding, keep_copy: bool = True, ended: bool = True):
    """Return a check with these findings."""
    channel = Channel("support@contoso.com", forwarding_address="x@y.example", keep_copy=keep_copy)
    return replace(check_of(*found, channel=channel), checked=AT if ended else None)


def verdict_of(run):
    """Return the verdict on the check, as the product gives it."""
    return judge(check.checks_of(run), run.findings)


COPIES = Finding("copies", State.WRONG, cause="forwarding_blocked", signals=MISSED)
POLICY = Finding("outbound_policy", State.WRONG, cause="forwarding_blocked")
KEPT = Finding("forwarding", State.OK)
OLD = Finding("copies", State.OK, signals=Signals(at=AT))
HOUR = timedelta(hours=1)
NO_TASK = Finding(
    "mail_to_task", State.WRONG, cause="no_task", signals=Signals(missed=2, since=SINCE)
)
FULL = Finding(
    "arrivals", State.WRONG, cause="mailbox_full", signals=Signals(failed=3, since=SINCE)
)
RULE = Finding(
    "transport_rules",
    State.WRONG,
    cause="transport_rule_blocks_arrivals",
    signals=Signals(station=Station.MAILBOX),
)


@pytest.mark.parametrize(
    ("found", "keep_copy", "damage"),
    [
        ((POLICY, COPIES, KEPT), True, Lost(14, SINCE, kept=True)),
        ((POLICY, COPIES), True, Lost(14, SINCE)),
        ((POLICY, COPIES, KEPT), False, Lost(14, SINCE)),
        ((POLICY,), True, None),
        ((FULL, KEPT), True, Lost(3, SINCE)),
        ((replace(FULL, signals=Signals(failed=3)), KEPT), True, None),
        ((FULL, OLD, KEPT), True, None),
        ((FULL, replace(OLD, signals=Signals(at=SINCE - HOUR)), KEPT), True, Lost(3, SINCE)),
        ((RULE, COPIES, KEPT), True, Lost(14, SINCE)),
        (
            (POLICY, COPIES, KEPT, replace(FULL, state=State.WARNING)),
            True,
            Lost(14, SINCE, kept=True),
        ),
        ((replace(COPIES, state=State.OK),), True, None),
        ((NO_TASK, KEPT), True, Lost(2, SINCE, kept=True)),
    ],
)
def test_damage_only_where_mail_stops_and_the_trace_was_read(found, keep_copy, damage):
    """Damage is shown only if its number is known and mail stops before an agent.

    Mails are called kept only if the copy is known to stay in the mailbox.
    """
    run = run_of(*found, keep_copy=keep_copy)
    assert reading.damage(run, verdict_of(run), run.findings) == damage


def test_no_incident_is_a_line_where_all_three_were_read(services):
    """The line "no incident" needs all three services to be read.

    A skipped service was not read.
    """
    names = ("smtp_login", "exchange_health", "entra_health", "webex_status")
    found = [Finding(name, State.OK) for name in names]
    proofs = [(each.row, each.at) for each in view(run_of(*found), services).proofs]
    assert proofs[1:] == [("MS", AT)]
    partly = run_of(*found[:3], Finding("webex_status", State.SKIPPED))
    assert [each.row for each in view(partly, services).proofs] == [proofs[0][0]]


def test_the_day_of_the_secret_is_told_where_it_is_known_and_far():
    """A secret that is right has the date of its end.

    A secret with a warning, or without a known end, has no date here.
    """
    day = {"expires": "2027-11-24T00:00:00+00:00"}
    found = [
        Finding("client_secret", state, facts=facts)
        for state, facts in ((State.OK, day), (State.WARNING, day), (State.OK, {}))
    ]
    expected = [datetime(2027, 11, 24, tzinfo=UTC), None, None]
    assert [reading.secret_dates({"client_secret": each})[0] for each in found] == expected
    assert reading.secret_dates({}) == (None, None)


def test_changes_in_webex_connect_have_a_section_of_their_own(services):
    """Changes in Webex Connect have a section of their own, and are no other possible causes.

    A change that explains one cause names that cause.
    """
    changes = tuple(
        ConnectChange(at=AT, by="kim@contoso.com", event=event)
        for event in ("deleteApp", "updateWfStatusOnUpdateRule", "updateApp")
    )
    log = Finding("connect_changes", State.OK, signals=Signals(changes=changes))
    seen = view(check_of(log, *ok("agent_tasks", "answers")), services)
    assert seen.possible == ()
    assert [(each.change.event, each.cause) for each in seen.changes] == [
        ("deleteApp", "connect_address_gone"),
        ("updateWfStatusOnUpdateRule", "connect_flow_not_live"),
        ("updateApp", ""),
    ]
    later = Finding("answers", State.OK, signals=Signals(at=AT + timedelta(minutes=1)))
    assert view(check_of(log, later, *ok("agent_tasks")), services).changes == ()


def test_a_value_set_back_twice_names_the_baseline(services):
    """The first time the card names the run; the second time also the baseline and the exemption."""
    channel = Channel("support@contoso.com")
    wrong = Finding("smtp_auth", State.WRONG, cause="smtp_auth_off_for_mailbox")
    shown = []
    for message in ("one", "two"):
        origin = Origin("room-1", "thread-1", message=message)
        run = services.store.open(channel, Person("p", "anna@contoso.com"), origin, RunKind.FIX)
        services.store.append(
            run.id,
            replace(changing("smtp_auth", AT), changes=(LINE,)),
            Event(Kind.CHANGED, AT, step="smtp_auth"),
        )
        services.store.end(services.store.load(run.id), Event(Kind.FINISHED, AT))
        shown.append(str(draw(view(run_of(wrong), services)).content))
        assert f"by run {run.id}" in shown[-1]
    assert ["CIS 6.5.4" in each for each in shown] == [False, True]
    assert "exempt the mailbox support@contoso.com" in shown[1]
