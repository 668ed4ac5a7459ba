"""Problems that do not stop mail: warnings in a check, and changes in the plan of a fix."""

import asyncio

from jobs.checks.verdict import judge
from jobs.engine.engine import Engine, planned_changes
from jobs.engine.step import Diagnosis, Probe
from jobs.model import Access, State, Station, Text
from jobs.runtime import no_listener
from jobs.steps.application import ImplicitGrant
from jobs.steps.forwarding import Forwarding

COPY_OFF = {
    "ForwardingSmtpAddress": "smtp:x1@mail.webexconnect.io",
    "ForwardingAddress": None,
    "DeliverToMailboxAndForward": False,
}


class Copies(Probe):
    """Probe that finds the forwarded copies failed without a known reason."""

    name = "copies"
    article_row = "X"
    diagnosis = Diagnosis(station=Station.FORWARD, caused_by=("forwarding",))

    async def inspect(self, ctx):
        """Return the finding that the trace shows."""
        return self.wrong(Text("seen.copies_failed"), cause="mail_not_delivered")


def checked(ctx, *steps):
    """Return the findings of a check with an administrator's sign-in."""
    engine = Engine(ctx, {step.name: step for step in steps}, no_listener, lambda: True)
    asyncio.run(engine.check({Access.NONE, Access.ADMIN}))
    return {step.name: ctx.run.findings[step.name] for step in steps}


def test_a_copy_that_is_not_kept_as_asked_explains_nothing(given, cloud):
    """A wrong setting for keeping copies explains no failure, because mail flows anyway.

    It is a warning, and a failure of the copies stays the cause.
    """
    cloud.on("Get-Mailbox", [COPY_OFF])
    steps = (Forwarding(), Copies())
    found = checked(given(kind="check"), *steps)
    verdict = judge({step.name: step for step in steps}, found)
    assert (verdict.causes, verdict.symptoms) == (("copies",), {})
    assert verdict.warnings == ("forwarding",)
    copy = found["forwarding"]
    assert (copy.state, copy.cause) == (State.WARNING, "copy_differs")


def test_a_fix_mends_it_all_the_same(given, cloud):
    """A fix also plans to change a setting that a check only warns about."""
    cloud.on("Get-Mailbox", [COPY_OFF])
    ctx, steps = given(kind="fix"), {"forwarding": Forwarding()}
    asyncio.run(Engine(ctx, steps, no_listener, lambda: True).make_plan())
    assert [change.step for change in planned_changes(steps, ctx)] == ["forwarding"]


def test_what_mail_does_not_need_is_weighed_alike(given):
    """A wrong step that mail does not need is only a warning in a check."""
    found = checked(given(kind="check"), ImplicitGrant())
    assert found["implicit_grant"].state is State.WARNING
