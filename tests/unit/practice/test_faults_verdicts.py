"""Reading and judging a card: real cards of the product's renderer against listed faults."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from adaptive_cards import verdict
from adaptive_cards.cards.verdict.view import Stop, VerdictView
from adaptive_cards.views import ChangeLine, CheckLine, Proof
from jobs.model import Access, ConnectChange, State, Station, Text, Turn
from practice import verdicts
from practice.diagnose import Case, Chosen, Totals, by_channel, cases
from practice.faults import FAULTS, HEALTHY, find
from practice.faults.page import PAGE, page

AT = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
WELL = VerdictView(
    run="r1",
    mailbox="support@contoso.com",
    at=AT,
    looking=0,
    causes=(),
    symptoms=(),
    possible=(),
    warnings=(),
    skipped=(),
    lines=(),
    way=tuple(Stop(station, passes=True) for station in Station),
    since=None,
    turn=Turn.NOBODY,
    fix=None,
    proofs=(Proof("V3", Text("step.answers"), AT),),
    sign_in_url="",
)


def _line(cause: str, row: str = "X1") -> CheckLine:
    return CheckLine(row, Text(f"cause.{cause}"), State.WRONG, Access.ADMIN)


def _seen(*causes: str, **more: Any) -> verdicts.Seen:
    """Return what is read from a card with these causes."""
    view = replace(
        WELL, causes=tuple(_line(cause, f"X{place}") for place, cause in enumerate(causes)), **more
    )
    return verdicts.read(verdict(view).content)


def test_a_healthy_card_is_read_as_no_alarm():
    """The first line says so, and nothing is named."""
    seen = _seen()
    assert (seen.first, seen.named, seen.alarm, seen.more) == (
        "Nothing wrong: mail flows both ways",
        frozenset(),
        False,
        0,
    )


def test_one_cause_is_the_first_line():
    """The sentence without its period, by its code."""
    seen = _seen("smtp_auth_off_for_mailbox")
    assert (seen.first, seen.named) == (
        "SMTP AUTH is off for the mailbox",
        {"smtp_auth_off_for_mailbox"},
    )
    assert (seen.alarm, seen.more) == (True, 0)


@pytest.mark.parametrize("count", [2, 3])
def test_more_causes_are_all_read(count: int):
    """Each row of the section, and how many more the band announces."""
    causes = ("not_forwarded", "smtp_auth_off_for_mailbox", "client_secret_expired")[:count]
    seen = _seen(*causes)
    assert (seen.named, seen.more) == (set(causes), count - 1)


def test_a_symptom_is_not_read_as_a_cause():
    """A finding that another one explains is not read as a cause."""
    symptom = replace(_line("smtp_token_refused", "C6"), explained_by="X0")
    assert _seen("smtp_auth_off_for_mailbox", symptoms=(symptom,)).named == {
        "smtp_auth_off_for_mailbox"
    }


@pytest.mark.parametrize(
    ("name", "causes", "right"),
    [
        ("smtp_auth_off_mailbox", ("smtp_auth_off_for_mailbox",), True),
        ("smtp_auth_off_mailbox", ("smtp_auth_off_for_tenant",), False),
        ("smtp_auth_off_mailbox", (), False),
        ("smtp_auth_off_mailbox", ("not_forwarded", "smtp_auth_off_for_mailbox"), False),
        ("ca_asks_mfa", ("blocked_by_conditional_access",), True),
        ("form_client_id", (), False),
        ("form_client_id", ("not_forwarded",), False),
        ("form_urls_swapped", (), True),
        ("mail_too_large", (), True),
        ("healthy_untouched", ("not_forwarded",), False),
        ("secret_expires_soon", (), False),
        ("secret_expires_soon", ("client_secret_expires_soon",), False),
    ],
)
def test_a_fault_alone_is_judged_by_the_first_line(name: str, causes: tuple[str, ...], right: bool):
    """Any expected cause is right; another one, silence, or an alarm where all is well is not."""
    assert verdicts.judge(_seen(*causes), find(name)).right is right


def test_what_is_noted_may_stand_below():
    """A warning is enough where mail still flows."""
    warned = _seen(warnings=(replace(_line("client_secret_expires_soon"), state=State.WARNING),))
    assert verdicts.judge(warned, find("secret_expires_soon")) == verdicts.Judgment(right=True)


def test_a_pair_wants_both_and_nothing_besides():
    """A missed cause and a symptom named as one are both wrong, and said."""
    pair = (find("forwarding_cleared"), find("secret_expired"))
    assert verdicts.judge_pair(_seen("not_forwarded", "client_secret_expired"), pair).right
    assert verdicts.judge_pair(_seen("not_forwarded"), pair).why == "missed secret_expired"
    extra = _seen("not_forwarded", "client_secret_expired", "smtp_token_refused")
    assert verdicts.judge_pair(extra, pair).why == "symptom smtp_token_refused; too many causes"


def test_the_command_line_chooses_the_cases():
    """Everything without a choice, with a hundred pairs; else the kinds and the number that are named."""
    everything = cases(Chosen())
    assert [case for case in everything if case.kind != "pair"] == cases(
        Chosen(singles=True, healthy=True)
    )
    assert sum(case.kind == "pair" for case in everything) == 100
    assert len(cases(Chosen(pairs=7))) == 7


def test_the_command_line_names_cases():
    """One fault or variation, or a pair of them; a name that none has is an error."""
    assert [case.name for case in cases(Chosen(only=("secret_expired", "healthy_alias")))] == [
        "secret_expired",
        "healthy_alias",
    ]
    [pair] = cases(Chosen(only=("secret_expired+policy_off",)))
    assert (pair.kind, [fault.name for fault in pair.faults]) == (
        "pair",
        ["secret_expired", "policy_off"],
    )
    with pytest.raises(ValueError, match="no_such_fault"):
        cases(Chosen(only=("secret_expired+no_such_fault",)))
    assert [case.kind for case in cases(Chosen(only=("form_client_id", "mail_too_large")))] == [
        "unseen",
        "healthy",
    ]


@pytest.mark.parametrize(
    ("name", "events", "well", "why"),
    [
        ("form_client_id", ("updateApp",), False, ""),
        ("form_client_id", ("deleteApp",), False, "updateApp not named as a suspect"),
        ("form_client_id", (), False, "updateApp not named as a suspect"),
        ("connect_asset_deleted", ("createApp", "deleteApp"), False, ""),
        ("form_urls_swapped", (), True, ""),
        ("consent_reviewed", ("updateApp",), True, "false suspect"),
        ("consent_reviewed", (), True, ""),
    ],
)
def test_a_change_in_webex_connect_is_a_suspect(
    name: str, events: tuple[str, ...], well: bool, why: str
):
    """A fact that only Webex Connect shows is a suspect; a change after which mail flows is none."""
    changes = tuple(
        ChangeLine(ConnectChange(at=AT, by="admin@contoso.com", event=event)) for event in events
    )
    shown = {} if well else {"way": ()}
    assert verdicts.judge(_seen(changes=changes, **shown), find(name)).why == why


@pytest.mark.parametrize(
    ("counts", "good"),
    [
        ({"single": (3, 3), "pair": (95, 100), "healthy": (2, 2), "unseen": (0, 5)}, True),
        ({"single": (2, 3)}, False),
        ({"pair": (94, 100)}, False),
        ({"healthy": (1, 2)}, False),
    ],
)
def test_the_targets(counts: dict[str, tuple[int, int]], good: bool):
    """Every single fault, 95 of 100 pairs, no false alarm; what nobody can see does not count."""
    totals = Totals()
    for kind, (right, of) in counts.items():
        for number in range(of):
            totals.add(kind, right=number < right, seconds=1)
    assert totals.good() is good


def test_the_page_is_made_from_the_list():
    """docs/faults.md is what the list says now; run make docs if it is not."""
    assert PAGE.read_text(encoding="utf-8") == page()
    assert all(f"`{fault.name}`" in page() for fault in (*FAULTS, *HEALTHY))


def test_a_case_is_named_after_its_faults():
    """Joined by a plus."""
    assert (
        Case("pair", (find("secret_expired"), find("policy_off"))).name
        == "secret_expired + policy_off"
    )


def test_a_channel_that_is_set_up_otherwise_has_processes_of_its_own():
    """The cases are put together by what the first card was answered, and none is lost.

    A channel that people made by hand is set up by nobody, and has processes of its own, too.
    """
    found = by_channel(cases(Chosen(healthy=True)))
    delegate = {"delegate": "agent@contoso.com"}
    assert [wanted for wanted, _ in found] == [{}, {"keep_copy": "no"}, delegate, {}]
    assert sorted(case.name for _, some in found for case in some) == sorted(
        fault.name for fault in HEALTHY
    )
