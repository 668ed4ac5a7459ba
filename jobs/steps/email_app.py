"""Step C1: the email app in Webex Connect, which only a person can create."""

from __future__ import annotations

from jobs.engine.context import StepContext
from jobs.engine.step import Step
from jobs.model import Finding, Text, Turn


class EmailApp(Step):
    """Step C1: Webex Connect has an email app with OAuth 2.0.

    A requester who gives the app's Call Back URL has seen the app.
    """

    name = "email_app"
    article_row = "C1"
    group = "connect"

    async def inspect(self, ctx: StepContext) -> Finding:
        """Check that the Call Back URL was given. The app is not proven before V1."""
        if not ctx.channel.callback_url:
            return self.waits_for(Turn.REQUESTER)
        return self.ok(Text("seen.said_by_requester"))
