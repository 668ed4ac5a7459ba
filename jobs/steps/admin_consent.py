"""Step E5: admin consent, through a card button to Microsoft's own page.

Only grants that really exist count.
"""

from __future__ import annotations

from datetime import timedelta

from jobs.channel.granted import role_assignments
from jobs.clock import now
from jobs.clouds.json_values import lower_of
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.step import Step
from jobs.model import Finding, Profile, RunKind, Text, Turn

SHOWS_WITHIN = timedelta(minutes=5)
PAUSES_S = (1.0, 2, 2, 4, 8, 16, 30)


class AdminConsent(Step):
    """Step E5: ``Mail.Send`` is granted, in the article profile only (facts/microsoft.md 1.6)."""

    name = "admin_consent"
    article_row = "E5"
    group = "entra"
    needs = ("service_principal", "mail_send")
    profiles = frozenset({Profile.ARTICLE})
    reads = ("Application.Read.All",)
    automatic = False
    returns_with = "consent"
    diagnosis = Diagnosis(stops_mail=False)

    async def inspect(self, ctx: StepContext) -> Finding:
        """Read the assignments: the redirect is never trusted, and a check never waits."""
        if not ctx.fact("mail_send"):
            return self.skipped(Text("skipped.mail_send_not_exposed"))
        assigned = {lower_of(each, "appRoleId") for each in await role_assignments(ctx)}
        if ctx.fact("mail_send").lower() in assigned:
            return self.ok(Text("seen.consent"))
        if ctx.run.kind is RunKind.CHECK:
            return self.wrong(Text("seen.no_consent"))
        answer = ctx.run.answers.get("consent")
        settling = answer is not None and now() - answer.at < SHOWS_WITHIN
        if settling:
            return self.waits_for(
                Turn.TIME, Text("seen.consent_settles"), again_s=ctx.pause(self.name, PAUSES_S)
            )
        return self.waits_for(Turn.ADMINISTRATOR, Text("seen.no_consent"))
