"""Sign-ins that the result of a check offers before a fix or a page."""

from dataclasses import replace

import pytest

from bot.cards.presenters.verdict import draw, view
from jobs.model import Account, Finding, Reason, State, Text, Turn
from tests.unit.bot.cards.presenters.verdict_checks import CONNECT, check_of, ok, wrong


def test_a_sign_in_comes_before_the_page(services):
    """A sign-in is offered before Webex Connect's page.

    The failure of the bot's own login may have a cause that only an administrator's sign-in shows.
    """
    left_out = Finding("conditional_access", State.SKIPPED, reason=Reason.NEEDS_SIGN_IN)
    seen = view(check_of(wrong("smtp_login", "smtp_token_refused"), left_out), services)
    assert (seen.fix, bool(seen.sign_in_url), seen.turn) == (None, True, Turn.MAILBOX_USER)


@pytest.mark.parametrize("state", [State.SKIPPED, State.UNKNOWN])
def test_a_sign_in_comes_before_a_fix_that_may_mend_nothing(services, state):
    """A sign-in comes before a fix of a disabled app, because the fix may change nothing.

    Entra gives the same answer for an app that Microsoft has disabled and for an app that is
    switched off here.
    """
    left_out = (
        Finding("service_principal", state, reason=Reason.NEEDS_SIGN_IN),
        Finding("mailbox_user", State.SKIPPED, reason=Reason.NEEDS_SIGN_IN),
    )
    seen = view(check_of(wrong("smtp_login", "app_disabled"), *left_out), services)
    assert (seen.fix, seen.turn) == (None, Turn.ADMINISTRATOR)
    assert "Administrator's turn: sign in with the button below" in draw(seen).text


NO_ROLE = Finding(
    "copies", State.UNKNOWN, cause="exchange_role_missing", seen=Text("cause.exchange_role_missing")
)

LOST = wrong("arrivals", "mail_not_delivered")


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (
            (NO_ROLE, *ok("smtp_login")),
            "Administrator's turn: the account that signed in cannot read everything. Somebody with the role",
        ),
        (
            (LOST, replace(NO_ROLE, step="transport_rules")),
            "Administrator's turn: the account that signed in cannot read everything. Somebody",
        ),
        (
            (NO_ROLE, wrong("smtp_auth", "smtp_auth_off_for_mailbox")),
            "Approver's turn: press the button below",
        ),
    ],
)
def test_who_may_not_read_everything_is_followed_by_somebody_who_may(services, found, told):
    """If the signed-in account may not read everything, the card still offers a sign-in.

    The card does not say that no action is needed.
    """
    seen = view(replace(check_of(*found), account=Account("t", "o", "anna@contoso.com")), services)
    assert (bool(seen.sign_in_url), seen.grant_url) == (True, "")
    assert told in draw(seen).text


def test_the_page_stays_where_a_role_is_lacking(services):
    """The button to Webex Connect's page stays if the signed-in account lacks a role.

    The sign-in has already shown what ended the token.
    """
    run = replace(
        check_of(wrong("sign_ins", "grant_invalid"), NO_ROLE),
        account=Account("t", "o", "anna@contoso.com"),
    )
    assert view(run, services).fix == ("fix.generate_token", CONNECT)
