"""E4, first half: what the tenant calls the permissions; their ids are read, never written down."""

from __future__ import annotations

import asyncio

from jobs.microsoft.graph import EXCHANGE_APP_ID, GRAPH_APP_ID
from jobs.microsoft.graph_calls import promised
from jobs.microsoft.registration import permission_id
from jobs.model import Finding, Words
from jobs.step import Context, Step


class Permissions(Step):
    """Office 365 Exchange Online is in the tenant and exposes ``SMTP.Send`` (facts/microsoft.md 1.3 and 1.4)."""

    name = "permissions"
    row = "E4"
    group = "entra"
    checked = True
    line = "application"
    reads = ("Application.Read.All",)

    async def inspect(self, ctx: Context) -> Finding:
        """Read both service principals and the ids of the permissions in this tenant."""
        exchange, graph = await asyncio.gather(ctx.graph.service_principal(EXCHANGE_APP_ID), ctx.graph.service_principal(GRAPH_APP_ID))
        if exchange is None:
            return self.wrong(Words("seen.no_exchange"), cause="exchange_service_missing")
        facts = {
            "exchange_sp_id": promised(exchange, "id"),
            "graph_sp_id": str((graph or {}).get("id") or ""),
            "exchange_smtp_send": permission_id(exchange, "SMTP.Send"),
            "graph_smtp_send": permission_id(graph, "SMTP.Send"),
            "mail_send": permission_id(exchange, "Mail.Send", role=True),
        }
        if not (facts["exchange_smtp_send"] or facts["graph_smtp_send"]):
            return self.wrong(Words("seen.no_smtp_send"), cause="permission_id_unknown")
        return self.ok(Words("seen.permissions"), **facts)
