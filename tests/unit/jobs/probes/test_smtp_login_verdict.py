"""Tests of the verdict on the bot's refused SMTP login together with other findings."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from jobs.clock import now
from jobs.engine.context import StepContext
from jobs.model import Finding, Reason, Signals, Text
from tests.unit.jobs.probes.own_logins import NOTHING, OWN, begun, judged, ok, verdict_on
from tests.unit.jobs.probes.trace_rows import OK, POSSIBLE, SKIPPED, WRONG

ITS_USER = {"user_id": "u1"}
ACCOUNT_OFF = Finding("mailbox_user", WRONG, cause="account_disabled", facts=ITS_USER)
BLOCKED = ITS_USER | {"shared": "blocked"}
SHARED_OFF = Finding("mailbox_user", POSSIBLE, cause="account_disabled", facts=BLOCKED)
SHARED_ON = Finding("mailbox_user", OK, facts=ITS_USER | {"shared": "yes"})
ACCOUNT_ON = Finding("mailbox_user", OK, facts=ITS_USER)
USER_UNREAD = Finding("mailbox_user", SKIPPED, reason=Reason.NEEDS_SIGN_IN)


@pytest.mark.parametrize(
    ("number", "user", "told"),
    [
        (50057, USER_UNREAD, (OWN, NOTHING, ("mailbox_user",))),
        (53011, USER_UNREAD, (OWN, NOTHING, ("mailbox_user",))),
        (50057, ACCOUNT_OFF, (("mailbox_user",), NOTHING, NOTHING)),
        (53011, ACCOUNT_ON, (OWN, NOTHING, NOTHING)),
        (50057, ACCOUNT_ON, (NOTHING, OWN, NOTHING)),
        (50057, SHARED_OFF, (NOTHING, (*OWN, "mailbox_user"), NOTHING)),
        (50057, SHARED_ON, (NOTHING, OWN, NOTHING)),
        (53011, SHARED_ON, (NOTHING, OWN, NOTHING)),
    ],
)
def test_the_account_of_a_user_is_the_channels(ctx, provider, number, user, told):
    """An account error of the bot's login is a cause, unless the mailbox became shared.

    A disabled account (AADSTS50057) is only a possible cause if the directory shows it as enabled.
    """
    causes, possible, skipped = judged(ctx, begun(ctx, provider, number, 1, 480), user)
    assert (causes, tuple(sorted(possible, reverse=True)), skipped) == told


def _by_place(since: datetime | None) -> Signals:
    """Return the signals of policies that depend on the network, in force since then."""
    by = ("answers",)
    return Signals(harmless_after=since, elsewhere_since=since, by_place=True, disproved_by=by)


PLACE, CAUSE = _by_place(now() - timedelta(days=90)), "blocked_by_conditional_access"
POLICY = Finding("conditional_access", POSSIBLE, cause=CAUSE, signals=PLACE)
FRESH = replace(POLICY, signals=_by_place(now() - timedelta(hours=0.5)))
UNDATED = replace(POLICY, signals=_by_place(None))
FOR_ALL_PLACES = replace(POLICY, signals=Signals(harmless_after=POLICY.signals.harmless_after))
NONE_TOUCHES = Finding("conditional_access", OK)
UNREAD = Finding("conditional_access", SKIPPED, reason=Reason.NEEDS_SIGN_IN)
BLOCKED_TOO = Finding("sign_ins", WRONG, cause="blocked_by_conditional_access")
BOTH = ("conditional_access", "smtp_login")


@pytest.mark.parametrize(
    ("number", "others", "causes", "possible"),
    [
        (53003, (POLICY, ok("sign_ins", 3), ok("answers", 3)), NOTHING, NOTHING),
        (53003, (POLICY, ok("answers", 3)), NOTHING, NOTHING),
        (50076, (POLICY, ok("sign_ins", 0.4)), NOTHING, ("conditional_access",)),
        (53003, (FRESH, ok("sign_ins", 1), ok("answers", 1)), NOTHING, BOTH),
        (53003, (POLICY,), NOTHING, BOTH),
        (53003, (UNDATED, ok("sign_ins", 1), ok("answers", 1)), NOTHING, BOTH),
        (53003, (UNREAD,), NOTHING, OWN),
        (53003, (UNREAD, ok("sign_ins", 1), ok("answers", 1)), NOTHING, OWN),
        (53003, (), NOTHING, OWN),
        (53003, (FOR_ALL_PLACES,), ("conditional_access",), NOTHING),
        (53003, (FOR_ALL_PLACES, ok("sign_ins", 3), ok("answers", 3)), OWN, NOTHING),
        (50076, (NONE_TOUCHES,), OWN, NOTHING),
        (53003, (POLICY, BLOCKED_TOO), ("conditional_access",), NOTHING),
        (53003, (UNREAD, BLOCKED_TOO), ("sign_ins",), NOTHING),
        (50053, (), OWN, NOTHING),
        (50053, (ok("sign_ins", 0.4),), OWN, NOTHING),
        (50053, (ok("sign_ins", 2),), OWN, NOTHING),
        (50053, (ok("answers", 0.4),), OWN, NOTHING),
    ],
)
def test_a_policy_for_the_bots_place_alone(ctx, provider, number, others, causes, possible):
    """A policy that refuses the bot's login is only a possible cause at first.

    Another policy, a sign-in or a mail then decides whether the policy affects the channel.
    """
    told = judged(ctx, begun(ctx, provider, number, 2400, 480), *others)
    assert (told[0], tuple(sorted(told[1]))) == (causes, possible)


def test_a_login_that_is_refused_at_its_place_is_told_so(ctx: StepContext, provider: Any):
    """The bot's refused login is skipped if Webex Connect still gets tokens from its network."""
    found = begun(ctx, provider, 53003, 2400, 480)
    verdict = verdict_on(ctx, found, POLICY, ok("answers", 3))
    assert (verdict.skipped, verdict.weighed["smtp_login"].seen) == (OWN, Text("skipped.own_place"))


KEY, ENDED, GONE = ("client_secret",), "client_secret_expired", "session_revoked"


def own(cause: str) -> Finding:
    """Return the finding of the bot's own login, which failed for this cause."""
    by = {"client_secret_wrong": ("client_secret",), "session_revoked": ("sessions", "sign_ins")}
    signals = Signals(disproved_by=by[cause], harmless_after=now())
    return Finding("smtp_login", POSSIBLE, cause=cause, signals=signals)


@pytest.mark.parametrize(
    ("cause", "other", "told"),
    [
        ("client_secret_wrong", Finding("client_secret", OK), (NOTHING, NOTHING, OWN)),
        ("client_secret_wrong", Finding("client_secret", WRONG, cause=ENDED), (KEY, (), ())),
        ("client_secret_wrong", Finding("client_secret", SKIPPED), (NOTHING, OWN, KEY)),
        ("session_revoked", Finding("sessions", OK), (NOTHING, NOTHING, OWN)),
        ("session_revoked", Finding("sessions", WRONG, cause=GONE), (("sessions",), (), ())),
        ("session_revoked", Finding("sign_ins", WRONG, cause=GONE), (("sign_ins",), (), ())),
    ],
)
def test_another_finding_decides(ctx, cause, other, told):
    """The finding of the channel's own secret or session decides about the bot's refused login.

    The login is then skipped, a symptom, or a possible cause.
    """
    assert judged(ctx, own(cause), other) == told
