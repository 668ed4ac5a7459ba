"""Steps for the article's rows, and the Graph permissions that a run's sign-in asks for.

Steps are discovered automatically: a step is a class in a module here and a row in steps.toml. They
declare the permissions (``reads`` and ``writes``), and docs/permissions.md lists them.
"""

from collections.abc import Mapping
from functools import cache

from jobs.engine.step import Step, collected
from jobs.engine.undo import reversals
from jobs.microsoft import scopes
from jobs.model import Profile, RunKind, State
from jobs.runs.run import FixBrief, Run

CHECK_LOGIN = "check_login"
"""Question whether checks may log in by themselves; without an answer they rehearse."""
SECRET_SHOWN = "secret_shown"  # noqa: S105  the name of a question
"""Answer of the one-time page: the key ID of the client secret that it has shown."""
TOKEN_FAILED = "token_failed"  # noqa: S105  the name of a question
"""Answer of a person who pasted the error with which Generate Token failed."""
WHERE_REHEARSED = frozenset({"rehearsal", "check_secret"})
"""Steps used only if the mailbox user's sign-in is to be tested or kept (:func:`rehearses`)."""
SOMETIMES = frozenset({"own_login", "lost_secret", "unused_secret", "old_secret"})
"""Steps that a setup has only in one case, or that only a fix has (:func:`steps_of`)."""
FORM = frozenset({"mailbox_fields", "app_fields", "address_fields", "token"})
CONSENT = frozenset({"admin_consent"})
PROOF = frozenset({"own_login", "agent_has_it", "agent_answer"})
"""Steps that prove that answers to customers are sent; the login only in a fix."""


@cache
def all_steps() -> dict[str, Step]:
    """Return every step by its name, in the order of the table."""
    return collected(__name__, __path__)


@cache
def steps_for(profile: Profile) -> dict[str, Step]:
    """Return the steps of every setup with this profile, which nobody changes."""
    every = ((name, step) for name, step in all_steps().items() if name not in SOMETIMES)
    return {name: step for name, step in every if profile in step.profiles}


def steps_of(run: Run) -> dict[str, Step]:
    """Return the steps of a run, by name.

    A setup has all steps of its profile. An undo has those that the channel's runs have changed,
    whatever its profile is now.
    """
    if run.kind is RunKind.UNDO:
        return reversals(run, all_steps())
    steps = steps_for(run.channel.profile)
    names = set(steps) if rehearses(run) else set(steps) - WHERE_REHEARSED
    if run.kind is RunKind.FIX:
        names = _of_a_fix(run, steps)
    if run.answer("new_secret"):  # a secret was shown and then lost
        names.add("lost_secret")
    made = "check_secret" in run.changed or run.state_of("check_secret") is State.OK
    if made and run.answer("rehearse").startswith("skip"):
        names.add("unused_secret")
    return {name: step for name, step in all_steps().items() if name in names}


def _of_a_fix(run: Run, steps: Mapping[str, Step]) -> set[str]:
    """Return the steps that can be repaired, and the form, consent and proof of what was broken."""
    changed, told = run.planned_steps, run.brief.fix or FixBrief()
    new_token = bool(told.token_cause)
    carry = any(step.carries_answers for name, step in all_steps().items() if name in changed)
    needed = {
        PROOF: new_token or carry,
        FORM: new_token or "client_secret" in changed,
        CONSENT: told.consent_missing or "mail_send" in changed,
    }
    names = {name for name, step in steps.items() if step.automatic and not step.required_answer}
    names |= {"test_mail"} | (changed & {"old_secret"})
    return names.union(*(group for group, wanted in needed.items() if wanted))


def rehearses(run: Run) -> bool:
    """Return whether the mailbox user's sign-in is tested before Webex Connect uses it.

    It is tested and kept if checks are to log in by themselves. It is also tested once Generate
    Token, which is the same sign-in, has failed: the test says why.
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
        return scopes.GRAPH_SETUP_SCOPES
    if run.kind not in {RunKind.FIX, RunKind.UNDO}:
        return scopes.GRAPH_READ_SCOPES
    every, steps = all_steps(), steps_of(run)
    writing = frozenset(steps)
    if run.kind is RunKind.FIX:
        told = run.brief.fix or FixBrief()
        # those of some fixes are in a run only if needed
        writing = run.planned_steps | SOMETIMES if run.plan else frozenset(told.wrong)
    names = set(every["tenant"].reads).union(*(step.reads for step in steps.values()))
    names.update(*(steps[name].writes for name in steps.keys() & writing))
    if run.kind is RunKind.FIX and "client_secret" in writing:
        names.update(every["token"].reads)
    # names without a dot are roles in Exchange
    return scopes.minimal({name for name in names if "." in name})


def missing_permissions(run: Run) -> tuple[str, ...]:
    """Return what a fix's plan needs beyond its sign-in; the log is none of that."""
    if run.kind is not RunKind.FIX:
        return ()
    known = scopes.with_included(run.permissions) | scopes.LOG_NEEDS | {scopes.SIGN_IN_LOG}
    return tuple(name for name in permissions_for(run) if name not in known)
