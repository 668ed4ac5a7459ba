"""Probe that checks whether Entra answers for the tenant."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from jobs.causes.cause import Cause
from jobs.clouds.errors import CloudError
from jobs.clouds.http import sync_client
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.step import Probe
from jobs.microsoft.identity import Identity
from jobs.model import Access, Finding, Text, verbatim


class Entra(Probe):
    """Probe that reads the tenant's discovery document, without which no token can be issued."""

    name = "entra"
    article_row = "ENT"
    diagnosis = Diagnosis(
        explains=frozenset(
            {
                Cause.SERVICE_UNAVAILABLE,
                Cause.ENTRA_BUSY,
                Cause.TIMED_OUT,
                Cause.CONNECTION_LOST,
                Cause.CERTIFICATE_INVALID,
                Cause.HOST_NAME_UNKNOWN,
                Cause.THROTTLED,
                Cause.TENANT_NOT_FOUND,
                Cause.ANSWER_UNREADABLE,
            }
        ),
        access=Access.NONE,
        caused_by=("entra_health",),
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        """Request the discovery document; an unavailable Entra is a finding too."""
        found: Finding = await ctx.reads.read(
            f"entra {ctx.channel.tenant_id}", lambda: self._seen(ctx)
        )
        return found

    async def _seen(self, ctx: StepContext) -> Finding:
        try:
            await asyncio.to_thread(self._read, ctx)
        except CloudError as error:
            return replace(
                self.wrong(verbatim(error.words), cause=error.cause), evidence=error.evidence()
            )
        return self.ok(Text("seen.entra"))

    def _read(self, ctx: StepContext) -> None:
        with sync_client(ctx.settings) as http:
            Identity.of_bot(
                ctx.settings, http, ctx.channel.tenant_id or "organizations", ctx.documents
            ).discover()
