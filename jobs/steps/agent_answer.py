"""Steps V2 and V3: an agent has the mail, and the agent's answer leaves the mailbox."""

from __future__ import annotations

from dataclasses import replace

from jobs.channel.traced_mail import answers_among, evidence_of, newest_delivered
from jobs.engine.context import StepContext
from jobs.engine.step import Step
from jobs.mail.bounce import LOST, cause_at
from jobs.model import Finding, State, Station, Text, Turn
from jobs.steps.test_mail import FAILED, subject_of

PAUSES_S = (1.0, 1, 2, 3, 5, 8, 13, 20, 30, 60)


class AgentHasIt(Step):
    """Step V2: an agent confirms the test mail at the desktop, or the agent's answer shows it."""

    name = "agent_has_it"
    article_row = "V2"
    group = "connect"
    needs = ("test_mail", "send_as")
    after = ("agent_answer",)
    automatic = False

    async def inspect(self, ctx: StepContext) -> Finding:
        """Look for the agent's answer, even one that was stopped: better proof than a word."""
        found = ctx.run.findings.get("agent_answer")
        if found is not None and (found.state is State.OK or "answer_failed_at" in found.facts):
            return self.ok(Text("seen.shown_by_answer"))
        if ctx.run.answer("agent_has_it"):
            return self.ok(Text("seen.said_by_agent"))
        return self.waits_for(Turn.AGENT, Text("seen.agent_asked"))


class AgentAnswer(Step):
    """Step V3: the trace shows a delivered mail from the mailbox with the test's subject."""

    name = "agent_answer"
    article_row = "V3"
    group = "connect"
    needs = ("test_mail", "send_as")
    reads = ("ExchangeMessageTrace.Read.All",)
    automatic = False

    async def inspect(self, ctx: StepContext) -> Finding:
        """Follow the agent's answer; a copy or a mail from the mailbox to itself is none."""
        rows = await ctx.trace().find(
            ctx.run.opened, sender=ctx.channel.mailbox, subject=subject_of(ctx)
        )
        answers = answers_among(ctx, rows)
        delivered = newest_delivered(answers)
        if delivered is not None:
            return self.ok(
                Text("seen.answer_delivered", {"recipient": delivered.recipient}),
                facts={"answered_at": delivered.received.isoformat()},
            )
        failed = next((row for row in answers if row.status in FAILED), None)
        if failed is not None:
            words = await ctx.trace().details(failed)
            cause = cause_at(Station.ANSWER, words) or LOST
            at = failed.received.isoformat()
            finding = self.waits_for(
                Turn.AGENT,
                Text("seen.mail_failed"),
                cause=cause,
                again_s=PAUSES_S[-1],
                facts={"answer_failed_at": at},
            )
            return replace(finding, evidence=evidence_of(words))
        return self.waits_for(
            Turn.AGENT, Text("seen.no_answer"), again_s=ctx.pause(self.name, PAUSES_S)
        )
