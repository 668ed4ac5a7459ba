"""Graph permissions of a sign-in: those that the run's own steps declare, and no others."""

import pytest
from msgspec.structs import replace

from jobs.clock import now
from jobs.microsoft.scopes import GRAPH_READ_SCOPES, GRAPH_SETUP_SCOPES, minimal, with_included
from jobs.model import Change, Channel, Finding, Person, Profile, RunKind, Scope, State, verbatim
from jobs.probes import checks_for
from jobs.runs.run import Brief, FixBrief, Plan, RecordedChange, Run
from jobs.steps import all_steps, missing_permissions, permissions_for

APPS, GRANTS = "Application.ReadWrite.All", "DelegatedPermissionGrant.ReadWrite.All"
LOG = "AuditLog.Read.All"
READS = {
    f"{what}.Read.All"
    for what in ("Application", "Directory", "ExchangeMessageTrace", "Policy", "User")
}


def change(step: str) -> Change:
    """Return a line of a plan for the step."""
    old, new = verbatim("old"), verbatim("new")
    return Change(step, "E1", verbatim("object"), old, new, Scope.MAILBOX, "Set-It")


def run(kind: RunKind = RunKind.FIX, *planned: str, wrong: tuple[str, ...] = ()) -> Run:
    """Return a run, with a plan if there are steps for it to change."""
    channel, asker = Channel("support@contoso.com"), Person("anna", "anna@contoso.com")
    plan = Plan("p", tuple(map(change, planned)), now()) if planned else None
    brief = Brief(fix=FixBrief(wrong=wrong))
    return Run("R1", channel, asker, now(), kind, brief=brief, plan=plan)


def test_a_setup_asks_for_what_its_steps_declare():
    """A setup asks for the permissions that its steps declare.

    The list that is written for the documentation must be the same.
    """
    names = {name for step in all_steps().values() for name in (*step.reads, *step.writes)}
    declared = {name for name in names if "." in name}
    assert permissions_for(run(RunKind.SETUP)) == minimal(declared) == GRAPH_SETUP_SCOPES


def test_a_check_only_reads():
    """A check asks for the permissions with which its steps and probes read.

    It asks for no others. An operator can add the one for service health.
    """
    steps = (all_steps()["tenant"], *checks_for(Profile.ARTICLE).values())
    declared = {name for step in steps for name in step.reads if "." in name}
    asked = permissions_for(run(RunKind.CHECK))
    assert (asked, declared - set(asked)) == (GRAPH_READ_SCOPES, {"ServiceHealth.Read.All"})
    assert set(asked) < declared


@pytest.mark.parametrize(
    ("planned", "writes", "spared"),
    [
        ((), set(), set()),
        (("forwarding", "smtp_auth", "outbound_policy"), set(), set()),
        (("application",), {APPS}, {"Application.Read.All"}),
        (("smtp_grant", "forwarding"), {GRANTS}, {"Directory.Read.All"}),
        (("client_secret", "smtp_grant"), {APPS, GRANTS, LOG}, {"Application.Read.All"}),
    ],
)
def test_a_fix_asks_to_write_only_for_its_plan(planned, writes, spared):
    """A fix asks only for the permissions to write that its plan needs.

    Changes at Exchange need a role of the person and no permission at Graph. A new secret needs a
    new token, which the sign-in log shows.
    """
    assert set(permissions_for(run(RunKind.FIX, *planned))) == (READS - spared) | writes
    assert set(permissions_for(run(wrong=planned))) == (READS - spared) | writes


def test_the_plan_counts_and_not_the_check():
    """Once a fix has a plan, the steps that the check found wrong do not matter."""
    assert set(permissions_for(run(RunKind.FIX, "forwarding", wrong=("application",)))) == READS


@pytest.mark.parametrize(
    ("undone", "asked"),
    [
        (("forwarding", "smtp_auth"), {"User.Read.All"}),
        (("smtp_grant",), {GRANTS, "User.Read.All"}),
        (("application", "forwarding"), {APPS, "User.Read.All"}),
        (("client_secret",), {APPS, "Policy.Read.All", "User.Read.All"}),
    ],
)
def test_an_undo_asks_for_the_steps_that_it_puts_back(undone, asked):
    """An undo asks only for the permissions of the steps that it reverses."""
    old, lines = verbatim("old"), {name: change(name) for name in undone}
    past = {n: RecordedChange(n, line, old, {}, {}, ("R0",)) for n, line in lines.items()}
    assert set(permissions_for(replace(run(RunKind.UNDO), past=past))) == asked


def test_what_an_approved_plan_lacks():
    """A fix asks for the permissions that its plan lacks in a second sign-in."""
    fix = run(RunKind.FIX, "application", "forwarding")
    read = replace(fix, permissions=tuple(sorted(READS)))
    assert missing_permissions(read) == (APPS,)
    assert missing_permissions(replace(fix, permissions=(APPS, *sorted(READS)))) == ()
    assert missing_permissions(replace(fix, permissions=permissions_for(fix))) == ()
    assert missing_permissions(replace(read, kind=RunKind.SETUP)) == ()


def test_included_permissions():
    """A permission to write includes the permission to read the same objects."""
    assert minimal([APPS, "Application.Read.All", "User.Read.All"]) == (APPS, "User.Read.All")
    assert with_included([GRANTS]) == {GRANTS, "Directory.Read.All"}


def test_findings_decide_nothing():
    """A run's own findings add no permission; only the plan and the newest check do."""
    fix = replace(run(), findings={"application": Finding("application", State.WRONG)})
    assert set(permissions_for(fix)) == READS
