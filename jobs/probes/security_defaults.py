"""Security defaults: a possible cause only.

The documents do not settle whether they stop this login.
"""

from __future__ import annotations

from jobs.clouds.cause_codes import causes
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.step import Probe
from jobs.model import Finding, Text


class SecurityDefaults(Probe):
    """Off, or a possible cause of a failing SMTP AUTH; a login decides.

    The reports contradict each other (facts/microsoft.md 2.1).
    """

    name = "security_defaults"
    article_row = "SD"
    reads = ("Policy.Read.All",)
    diagnosis = Diagnosis(
        explains=causes("blocked_by_security_defaults"),
        disproved_by=("smtp_login",),
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        """Read whether security defaults are on in the tenant."""
        if await ctx.graph.security_defaults():
            return self.possible(Text("seen.on"), cause="blocked_by_security_defaults")
        return self.ok(Text("seen.off"))
