"""Security defaults as a possible cause of a failing login.

The documents do not settle whether security defaults stop SMTP AUTH.
"""

from __future__ import annotations

from jobs.causes.cause import Cause
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.step import Probe
from jobs.model import Finding, Text


class SecurityDefaults(Probe):
    """Probe for security defaults, which may make SMTP AUTH fail if they are on.

    The reports contradict each other (facts/microsoft.md 2.1), so only a login decides.
    """

    name = "security_defaults"
    article_row = "SD"
    reads = ("Policy.Read.All",)
    diagnosis = Diagnosis(
        explains=frozenset({Cause.BLOCKED_BY_SECURITY_DEFAULTS}),
        disproved_by=("smtp_login",),
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        if await ctx.graph.security_defaults():
            return self.possible(Text("seen.on"), cause=Cause.BLOCKED_BY_SECURITY_DEFAULTS)
        return self.ok(Text("seen.off"))
