"""Tests of reading and judging a check's card: real cards against the listed faults."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.cards.presenters.verdict import draw
from jobs.checks.reading import Line, Proof, Reading, Stop, Suspect
from jobs.model import Access, ConnectChange, Finding, State, Station, Text
from practice import verdicts
from practice.diagnose import Chosen, by_channel, cases
from practice.faults import FAULTS, HEALTHY, find
from practice.faults.page import PAGE, page
from tests.fixtures.parsed import table

JUDGED = table("judged")

AT = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
WELL = Reading(
    run="r1",
    mailbox="support@contoso.com",
    at=AT,
    looking=0,
    way=tuple(Stop(station, passes=True) for station in Station),
    proofs=(Proof("V3", Text("step.answers"), AT),),
)


def _line(cause: str, row: str = "X1") -> Line:
    found = Finding("", State.WRONG, cause=cause, access=Access.ADMIN)
    return Line(row, Text(f"cause.{cause}"), found)


def _seen(*causes: str, **more) -> verdicts.Seen:
    """Draw a check's card with these causes, and return what is read from it."""
    view = replace(
        WELL, causes=tuple(_line(cause, f"X{place}") for place, cause in enumerate(causes)), **more
    )
    return verdicts.read(draw(view).content)


@pytest.mark.parametrize("count", [2, 3])
def test_more_causes_are_all_read(count):
    """All causes of a card are read from their rows.

    The band says how many more causes there are.
    """
    causes = ("not_forwarded", "smtp_auth_off_for_mailbox", "client_secret_expired")[:count]
    seen = _seen(*causes)
    assert (seen.named, seen.more) == (set(causes), count - 1)


def test_a_symptom_is_not_read_as_a_cause():
    """A symptom, which is a finding that a cause explains, is not read as a cause."""
    symptom = replace(_line("smtp_token_refused", "C6"), explained_by="X0")
    assert _seen("smtp_auth_off_for_mailbox", symptoms=(symptom,)).named == {
        "smtp_auth_off_for_mailbox"
    }


@pytest.mark.parametrize(("name", "causes", "right"), JUDGED["alone"])
def test_a_fault_alone_is_judged_by_the_first_line(name, causes, right):
    """For a single fault, each of its expected causes is the right first line.

    Another cause, no cause, and an alarm for a healthy channel are wrong.
    """
    assert verdicts.judge(_seen(*causes), find(name)).right is right


def test_what_is_noted_may_stand_below():
    """A warning is enough for a fault that does not stop mail."""
    line = _line("client_secret_expires_soon")
    warned = _seen(warnings=(replace(line, found=replace(line.found, state=State.WARNING)),))
    assert verdicts.judge(warned, find("secret_expires_soon")) == verdicts.Judgment(right=True)


def test_a_pair_wants_both_and_nothing_besides():
    """For a pair of faults, a missed cause is wrong, and so is a symptom that is named as a cause.

    The judgment says which of them it was.
    """
    pair = (find("forwarding_cleared"), find("secret_expired"))
    assert verdicts.judge_pair(_seen("not_forwarded", "client_secret_expired"), pair).right
    assert verdicts.judge_pair(_seen("not_forwarded"), pair).why == "missed secret_expired"
    extra = _seen("not_forwarded", "client_secret_expired", "smtp_token_refused")
    assert verdicts.judge_pair(extra, pair).why == "symptom smtp_token_refused; too many causes"


def test_the_command_line_names_cases():
    """The command line can name a fault, a healthy variation, or a pair of faults.

    An unknown name is an error.
    """
    assert [case.name for case in cases(Chosen(only=("secret_expired", "healthy_alias")))] == [
        "secret_expired",
        "healthy_alias",
    ]
    [pair] = cases(Chosen(only=("secret_expired+policy_off",)))
    assert pair.kind == "pair"
    assert [fault.name for fault in pair.faults] == ["secret_expired", "policy_off"]
    with pytest.raises(ValueError, match="no_such_fault"):
        cases(Chosen(only=("secret_expired+no_such_fault",)))
    assert [case.kind for case in cases(Chosen(only=("form_client_id", "mail_too_large")))] == [
        "unseen",
        "healthy",
    ]


@pytest.mark.parametrize(("name", "events", "well", "why"), JUDGED["suspects"])
def test_a_change_in_webex_connect_is_a_suspect(name, events, well, why):
    """A change that only Webex Connect shows has to be named as a suspect.

    If mail still flows after a change, the change must not be named.
    """
    changes = tuple(
        Suspect(ConnectChange(at=AT, by="admin@contoso.com", event=event)) for event in events
    )
    shown = {} if well else {"way": ()}
    assert verdicts.judge(_seen(changes=changes, **shown), find(name)).why == why


def test_the_page_is_made_from_the_list():
    """docs/faults.md is made from the list of faults. Run ``make docs`` if this test fails."""
    assert PAGE.read_text(encoding="utf-8") == page()
    assert all(f"`{fault.name}`" in page() for fault in (*FAULTS, *HEALTHY))


def test_a_channel_that_is_set_up_otherwise_has_processes_of_its_own():
    """The cases are grouped by the answers to the first card, and no case is lost.

    A channel that people made by hand is set up by nobody, so it has processes of its own as well.
    """
    found = by_channel(cases(Chosen(healthy=True)))
    delegate = {"delegate": "agent@contoso.com"}
    assert [wanted for wanted, _ in found] == [{}, {"keep_copy": "no"}, delegate, {}]
    assert sorted(case.name for _, some in found for case in some) == sorted(
        fault.name for fault in HEALTHY
    )
