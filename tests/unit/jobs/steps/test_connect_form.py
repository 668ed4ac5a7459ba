"""Article rows C3 to C6: the parts of Webex Connect's form."""

from __future__ import annotations

import pytest

from jobs.steps.connect_form import FORM, AddressFields, AppFields, MailboxFields, Token, token_at
from tests.unit.jobs.conftest import Given

PARTS = [MailboxFields(), AppFields(), AddressFields(), Token()]


@pytest.mark.parametrize(
    ("answers", "facts", "known"),
    [
        ({}, {}, False),
        ({}, {"generated_at": "2026-11-25T09:10:00+00:00"}, True),
        ({"token_saved": "yes"}, {}, True),
    ],
)
def test_when_the_token_was_generated(
    given: Given, answers: dict[str, str], facts: dict[str, str], known: bool
):
    """The requester's confirmation or the sign-in log shows when the token was generated.

    A check and the file for Cisco TAC use this time.
    """
    run = given(answers=answers, facts=facts).run
    assert (token_at(run) is not None) is known


def test_the_form_needs_everything_at_microsoft():
    """The form needs all steps at Microsoft, because Generate Token can succeed only after them."""
    assert {step.article_row: step.needs for step in PARTS} == dict.fromkeys(
        ("C3", "C4", "C5", "C6"), FORM
    )
