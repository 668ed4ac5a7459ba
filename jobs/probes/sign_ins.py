"""What Entra says about the email app's newest sign-ins: the error that Webex Connect shows, from the other side."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from jobs.clock import now
from jobs.microsoft.errors import NotAllowed, NotFound, Rejected, explain
from jobs.model import Evidence, Finding, Words
from jobs.probe import Probe
from jobs.step import Context

BACK = timedelta(days=2)


class SignIns(Probe):
    """The newest sign-in to the app went well (facts/microsoft.md 5; needs Entra P1)."""

    name = "sign_ins"
    row = "LOG"
    needs = ("application", "mailbox_user")
    because = ("application", "service_principal", "client_secret", "smtp_grant", "mailbox_user", "sessions", "entra_health")
    healed_by = ("answers",)
    reads = ("AuditLog.Read.All",)

    async def inspect(self, ctx: Context) -> Finding:
        """The newest row decides; without one, nothing is known."""
        try:
            rows = await ctx.graph.sign_ins(ctx.fact("client_id"), now() - BACK)
        except (NotAllowed, NotFound, Rejected):
            return self.skipped(Words("skipped.sign_in_log"))
        newest = max(rows, key=lambda row: str(row.get("createdDateTime", "")), default=None)
        if newest is None:
            return self.skipped(Words("skipped.no_sign_in"))
        code = str(_status(newest).get("errorCode") or 0)
        if code != "0":
            return self._failed(newest, code)
        user, expected = str(newest.get("userId") or ""), ctx.fact("user_id")
        if user and expected and user.lower() != expected.lower() and not ctx.fact("shared"):
            seen = Words("seen.other_user", {"user": str(newest.get("userPrincipalName") or user), "at": _at(newest)})
            return self.wrong(seen, cause="wrong_mailbox_user")
        return self.ok(Words("seen.sign_in_ok", {"at": _at(newest)}))

    def _failed(self, row: dict[str, Any], code: str) -> Finding:
        reason = str(_status(row).get("failureReason") or "")
        known = explain(f"AADSTS{code}")
        cause = known[0].cause if known else ""
        evidence = (Evidence("entra", f"AADSTS{code}: {reason}"), Evidence("correlation-id", str(row.get("correlationId", ""))))
        found = self.wrong(Words("seen.sign_in_failed", {"code": f"AADSTS{code}", "at": _at(row)}), cause=cause or "sign_in_failed")
        return replace(found, evidence=evidence, facts={"since": str(row.get("createdDateTime", ""))})


def _status(row: dict[str, Any]) -> dict[str, Any]:
    status = row.get("status")
    return status if isinstance(status, dict) else {}


def _at(row: dict[str, Any]) -> str:
    return f"{str(row.get('createdDateTime', ''))[:16].replace('T', ' ')} UTC"
