"""Possible reason why mail reaches Webex and makes no task: the asset's workload.

Since August 2026 an email asset serves one workload. If it is assigned to Webex Connect, Webex
Contact Center cannot use it at the same time (facts/update-2026-11.md 1.2, v6.21).
"""

from __future__ import annotations

from jobs.causes.cause import Cause
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.model import Finding, State, Station, Text
from jobs.probes.contact_center import MailToTask


class AssetWorkload(MailToTask):
    """Probe of the asset's workload, which no API shows, but a task proves."""

    name = "asset_workload"
    article_row = "CC"
    diagnosis = Diagnosis(station=Station.CONNECT)

    async def inspect(self, ctx: StepContext) -> Finding:
        found = await super().inspect(ctx)
        if found.state is not State.WRONG:
            return found
        return self.possible(
            Text("seen.asset_workload"), cause=Cause.ASSET_OF_OTHER_WORKLOAD, signals=found.signals
        )
