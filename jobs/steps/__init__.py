"""Steps for the article's rows, and the Graph permissions that a run's sign-in asks for.

Steps are discovered automatically: to add a step, add a module here. They declare the permissions
(``reads`` and ``writes``), and docs/permissions.md lists them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from jobs.engine.step import Step, collected, rows_of
from jobs.engine.undo import reversals
from jobs.microsoft.scopes import (
    GRAPH_READ_SCOPES,
    GRAPH_SETUP_SCOPES,
    LOG_NEEDS,
    SIGN_IN_LOG,
    minimal,
    with_included,
)
from jobs.model import Profile, RunKind, State
from jobs.runs.run import FixBrief, Run

FIX_ONLY = frozenset({"own_login"})
"""Steps that only a fix uses. A setup proves the same facts in another way."""
WHERE_LOST = "lost_secret"
"""Step used only if a secret was shown and then lost."""
WHERE_SKIPPED = "unused_secret"
"""Step used only if the rehearsal was skipped after the bot's own secret had been made for it."""
WHERE_REPLACED = "old_secret"
"""Step that is used only in a fix whose plan contains the step."""
CHECK_LOGIN = "check_login"
"""Question whether checks may log in by themselves; without an answer they rehearse."""
SECRET_SHOWN = "secret_shown"  # noqa: S105  the name of a question
"""Answer of the one-time page: the key ID of the client secret that it has shown."""
TOKEN_FAILED = "token_failed"  # noqa: S105  the name of a question
"""Answer of a person who pasted the error with which Generate Token failed."""
WHERE_REHEARSED = frozenset({"rehearsal", "check_secret"})
"""Steps used only if the mailbox user's sign-in is to be tested or kept (:func:`rehearses`)."""
SOMETIMES = FIX_ONLY | {WHERE_LOST, WHERE_SKIPPED, WHERE_REPLACED}
FORM = frozenset({"mailbox_fields", "app_fields", "address_fields", "token"})
CONSENT = frozenset({"admin_consent"})
CARRIES_MAIL_SEND = "mail_send"
"""Step whose change makes a new consent necessary."""
PROOF = frozenset({*FIX_ONLY, "agent_has_it", "agent_answer"})
"""Steps that prove that answers to customers are sent."""


@cache
def all_steps() -> dict[str, Step]:
    """Return every step by its name, in the order of the table."""
    steps = collected(__name__, __path__)
    return {name: steps[name] for name in rows_of(__name__)}


def steps_for(profile: Profile) -> dict[str, Step]:
    return {
        name: step
        for name, step in all_steps().items()
        if profile in step.profiles and name not in SOMETIMES
    }


def steps_of(run: Run) -> dict[str, Step]:
    """Return the steps of a run, by name.

    A setup has all steps of its profile. A fix has those that can be repaired, the form for a new
    secret or token, and the proof. An undo has the steps that the channel's runs have changed,
    whatever its profile is now.
    """
    if run.kind is RunKind.UNDO:
        return reversals(run, all_steps())
    steps = steps_for(run.channel.profile)
    names = set(steps) if rehearses(run) else set(steps) - WHERE_REHEARSED
    if run.kind is RunKind.FIX:
        names = _of_a_fix(run, steps)
    if run.answer("new_secret"):
        names.add(WHERE_LOST)
    made = "check_secret" in run.changed or run.state_of("check_secret") is State.OK
    if made and run.answer("rehearse").startswith("skip"):
        names.add(WHERE_SKIPPED)
    return {name: step for name, step in all_steps().items() if name in names}


def _of_a_fix(run: Run, steps: Mapping[str, Step]) -> set[str]:
    """Return the steps that can be repaired, and the form, consent and proof of what was broken."""
    changed, told = _planned(run), run.brief.fix or FixBrief()
    new_token = bool(told.token_cause)
    carry = any(step.carries_answers for name, step in all_steps().items() if name in changed)
    needed = {
        PROOF: new_token or carry,
        FORM: new_token or "client_secret" in changed,
        CONSENT: told.consent_missing or CARRIES_MAIL_SEND in changed,
    }
    names = {name for name, step in steps.items() if step.automatic and not step.required_answer}
    names |= {"test_mail"} | (changed & {WHERE_REPLACED})
    return names.union(*(group for group, wanted in needed.items() if wanted))


def rehearses(run: Run) -> bool:
    """Return whether the mailbox user's sign-in is tested before Webex Connect uses it.

    The sign-in is tested if checks are to log in by themselves, because it is kept for them. It is
    also tested once Generate Token has failed, because the test says why. No other setup asks for
    the test: Generate Token is the same sign-in.
    """
    wanted = run.answer(CHECK_LOGIN) != "no" or bool(run.answer("rehearse"))
    token = run.findings.get("token")
    failed = bool(run.answer(TOKEN_FAILED)) or (token is not None and token.cause != "")
    return wanted or (failed and not run.settled("token"))


def permissions_for(run: Run) -> tuple[str, ...]:
    """Return the short names of the Graph permissions for a sign-in at this moment, sorted.

    A setup asks for the permissions of all its steps, because a second sign-in would cost the
    administrator more than it protects: nothing is written before the approval. An undo asks for
    those of the steps that it puts back. A fix reads with all its steps, and asks to write only for
    its plan. Before there is a plan, the steps that the newest check found wrong count. Every run
    reads the tenant's domains.
    """
    if run.kind is RunKind.SETUP:
        return GRAPH_SETUP_SCOPES
    if run.kind not in {RunKind.FIX, RunKind.UNDO}:
        return GRAPH_READ_SCOPES
    steps = steps_of(run)
    writing = frozenset(steps) if run.kind is RunKind.UNDO else _writing(run)
    new = run.kind is RunKind.FIX and "client_secret" in writing
    looks = {**steps, **({"token": all_steps()["token"]} if new else {})}
    names = {
        name
        for step in looks.values()
        for name in (*step.reads, *(step.writes if step.name in writing else ()))
    }
    # names without a dot are roles in Exchange
    return minimal({name for name in names if "." in name} | {*all_steps()["tenant"].reads})


def missing_permissions(run: Run) -> tuple[str, ...]:
    """Return what a fix's plan needs beyond its sign-in; the log is none of that."""
    if run.kind is not RunKind.FIX:
        return ()
    have = with_included(run.permissions)
    return tuple(
        name for name in permissions_for(run) if name not in have | LOG_NEEDS | {SIGN_IN_LOG}
    )


def _writing(run: Run) -> frozenset[str]:
    """Return the steps that a fix will change; those of some fixes are in a run only if needed."""
    if run.plan is None:
        return frozenset(run.brief.fix.wrong if run.brief.fix else ())
    return _planned(run) | SOMETIMES


def _planned(run: Run) -> frozenset[str]:
    return frozenset(change.step for change in run.plan.changes) if run.plan else frozenset()
