"""M4: automatic forwarding to the outside is allowed for this one sender."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import ClassVar

from jobs.microsoft.errors import AlreadyThere, CloudError, NotAllowed, NotFound
from jobs.microsoft.exchange import Row
from jobs.microsoft.outbound import (
    CARRIED,
    NARROWING,
    Applies,
    addresses_of,
    applies_to,
    bare,
    enabled,
    moved_down,
    named,
    narrowed,
    needs_addresses,
    policy_name,
)
from jobs.microsoft.powershell import quoted
from jobs.model import Change, Finding, Scope, State, Station, Turn, Words
from jobs.run import Past
from jobs.step import Context, Step

POLICY, RULE = "HostedOutboundSpamFilterPolicy", "HostedOutboundSpamFilterRule"
CUSTOMIZATION_S = (5.0, 10, 20, 40, 60, 120, 300, 600, 1800, 3600)
"""Pauses while the organisation's customization takes effect, in seconds; Microsoft says up to 24 hours (facts/microsoft.md 2.4)."""
DAY_TRIES = 32
MOVED = "rules_moved"
"""The fact how many other rules a rule on top moves down by one."""


class OutboundPolicy(Step):
    """The policy that really applies says ``On``; ``Automatic`` counts as off. Never the Default policy (facts/microsoft.md 2.3)."""

    name = "outbound_policy"
    row = "M4"
    group = "microsoft"
    checked = True
    explains = frozenset({"forwarding_blocked", "mail_not_delivered"})
    settling: ClassVar[Mapping[str, str]] = {"forwarding_blocked": "forwarding_settling"}
    station = Station.FORWARD
    needs = ("mailbox_user",)
    after = ("customization",)
    reads = ("Security Reader",)
    writes = ("Security Administrator",)
    demands: ClassVar[Mapping[str, str]] = {"customization_needed": "customization"}

    async def inspect(self, ctx: Context) -> Finding:
        """Evaluate the rules by priority."""
        applies, (policies, rules) = await outbound(ctx)
        seen = Words("seen.outbound", {"mode": applies.mode, "policy": applies.name or "Default"})
        if applies.unsure:
            found = self._unsure(ctx, applies)
        else:
            found = self.ok(seen) if applies.forwards else self.wrong(seen, cause="forwarding_blocked")
        name = policy_name(ctx.channel.mailbox)
        moved = {MOVED: str(moved_down(rules, name))} if found.state is State.WRONG else {}
        return replace(found, facts=moved, values=_values(name, policies, rules))

    def _unsure(self, ctx: Context, applies: Applies) -> Finding:
        """A rule above goes by a group: it may stop the copy, or let it through; a rule of the mailbox's own on top leaves no doubt."""
        above = applies.unsure[0]
        values = {"policy": applies.name, "mode": applies.mode, "rule": str(above.get("Name") or above.get("Identity") or "")}
        seen = Words("seen.outbound_unsure", values)
        return self.possible(seen, "forwarding_blocked") if ctx.run.kind == "check" else self.wrong(seen, cause="forwarding_blocked")

    def plan(self, ctx: Context, finding: Finding) -> tuple[Change, ...]:
        """A policy and a rule of its own for one sender, on top of the others."""
        command = "; ".join(_commands(ctx.channel.mailbox, finding.values))
        line = self.change(finding.seen or Words("seen.none"), Words("after.outbound_policy"), Scope.MAILBOX, command)
        return (replace(line, note=_moves(int(finding.facts.get(MOVED, "0")))),)

    async def apply(self, ctx: Context, finding: Finding) -> None:
        """Two steps that are not one: each is looked for by its name first, so a second try completes the first."""
        applies, (policies, rules) = await outbound(ctx)
        name = policy_name(ctx.channel.mailbox)
        if named(policies, name) is None:
            with suppress(AlreadyThere):  # an earlier try of ours has made it, which is not listed yet: its rule may still be missing
                await ctx.exchange.run(f"New-{POLICY}", {**applies.limits(), "Name": name, "AutoForwardingMode": "On"})
        else:
            await _set(ctx, POLICY, name, AutoForwardingMode="On")
        rule = named(rules, name)
        if rule is None:
            await ctx.exchange.run(f"New-{RULE}", {"Name": name, POLICY: name, "From": [ctx.channel.mailbox], "Priority": 0})
        else:
            await _mend(ctx, rule, name)

    async def undone(self, ctx: Context, past: Past) -> Finding:
        """The policy and the rule that bear this channel's name."""
        applies, (policies, rules) = await outbound(ctx)
        seen = f"{applies.name or 'Default'}: {applies.mode}"
        values = _values(policy_name(ctx.channel.mailbox), policies, rules)
        return self.compared(past, values, seen, _made(ctx.channel.mailbox, past.was, values))

    def undo_command(self, ctx: Context, past: Past) -> str:
        """The rule first: a policy without a rule applies to nobody, a rule without a policy is broken."""
        name = quoted(policy_name(ctx.channel.mailbox))
        senders = ", ".join(map(quoted, _senders(past.was))) if past.was["rule"] else ""
        rule = f"Set-{RULE} {name} -From {senders}" if past.was["rule"] else f"Remove-{RULE} {name}"
        parts = (
            f"{rule}; Disable-{RULE} {name}" if _was_off(past) else rule,
            f"Set-{POLICY} {name} -AutoForwardingMode {_mode(past)}" if past.was["policy"] else f"Remove-{POLICY} {name}",
        )
        return "; ".join(parts)

    async def undo(self, ctx: Context, past: Past) -> None:
        """Each is looked for first, so a second try completes the first. A rule's place among the others is left as it is."""
        name = policy_name(ctx.channel.mailbox)
        _, (policies, rules) = await outbound(ctx)
        if named(rules, name) is not None:
            await (_set(ctx, RULE, name, **_rule_before(past)) if past.was["rule"] else _remove(ctx, RULE, name))
            if _was_off(past):
                await ctx.exchange.run(f"Disable-{RULE}", {"Identity": name})
        if named(policies, name) is not None:
            await (_set(ctx, POLICY, name, AutoForwardingMode=_mode(past)) if past.was["policy"] else _remove(ctx, POLICY, name))

    def trouble(self, ctx: Context, error: CloudError) -> Finding | None:
        """The organisation is not customized yet, although M5 ran and says so: wait, up to a day."""
        if error.cause != "customization_needed" or ctx.run.waits.get(self.name, 0) > DAY_TRIES:
            return None
        return self.waits_for(Turn.TIME, Words("seen.customization_takes"), again_s=ctx.pause(self.name, CUSTOMIZATION_S))


async def outbound(ctx: Context) -> tuple[Applies, tuple[list[Row], list[Row]]]:
    """What applies to the mailbox, by whichever of its addresses, and all policies and rules."""
    policies, rules = await asyncio.gather(ctx.exchange.run(f"Get-{POLICY}", {}), ctx.exchange.run(f"Get-{RULE}", {}))
    senders = [ctx.channel.mailbox, *filter(None, [ctx.fact("upn")])]
    if needs_addresses(rules, senders):
        senders = [*await _addresses(ctx), *senders]
    return applies_to(senders, policies, rules), (policies, rules)


def _moves(rules: int) -> Words | None:
    """Whoever approves hears that a rule on top shifts others (facts/microsoft.md 2.3)."""
    if not rules:
        return None
    return Words("note.rules_move.one") if rules == 1 else Words("note.rules_move.many", {"count": str(rules)})


async def _addresses(ctx: Context) -> tuple[str, ...]:
    """All addresses of the mailbox, the one it sends from first; none where it may not be read."""
    try:
        rows = await ctx.exchange.run("Get-Mailbox", {"Identity": ctx.channel.mailbox})
    except (NotAllowed, NotFound):
        return ()
    return addresses_of(rows[0]) if rows else ()


async def _mend(ctx: Context, rule: Row, name: str) -> None:
    """Our own rule, as somebody has left it: on, for this mailbox whoever else was excepted, with our policy, on top."""
    cleared = dict.fromkeys(narrowed(rule))
    policy = {} if bare(rule.get(POLICY) or name) == name.lower() else {POLICY: name}
    await _set(ctx, RULE, name, From=[ctx.channel.mailbox], Priority=0, **policy, **cleared)
    if not enabled(rule):
        await ctx.exchange.run(f"Enable-{RULE}", {"Identity": name})


async def _set(ctx: Context, what: str, name: str, **values: object) -> None:
    await ctx.exchange.run(f"Set-{what}", {"Identity": name, **values})


async def _remove(ctx: Context, what: str, name: str) -> None:
    await ctx.exchange.run(f"Remove-{what}", {"Identity": name, "Confirm": False})


def _values(name: str, policies: list[Row], rules: list[Row]) -> dict[str, str]:
    """What the channel's own policy and rule say, as far as they are there; other rules move a rule's place, so that does not count."""
    policy, rule = named(policies, name), named(rules, name)
    narrowing = narrowed(rule) if rule else ()
    return {"policy": _said(policy, ("AutoForwardingMode", *CARRIED)), "rule": _said(rule, ("From", "State", POLICY, *narrowing))}


def _commands(mailbox: str, there: dict[str, str]) -> list[str]:
    """In PowerShell: what is there is set, what is not is made."""
    name, sender, rule = quoted(policy_name(mailbox)), quoted(mailbox), there.get("rule")
    commands = [f"{'Set' if there.get('policy') else 'New'}-{POLICY} {name} -AutoForwardingMode On"]
    if not rule:
        return [*commands, f"New-{RULE} {name} -{POLICY} {name} -From {sender} -Priority 0"]
    commands.append(f"Set-{RULE} {name} -From {sender} -Priority 0")
    return commands if enabled(Row(json.loads(rule))) else [*commands, f"Enable-{RULE} {name}"]


def _said(row: Row | None, properties: tuple[str, ...]) -> str:
    return "" if row is None else json.dumps({name: row.get(name) for name in properties})


def _made(mailbox: str, was: dict[str, str], now: dict[str, str]) -> dict[str, str]:
    """What is there now, as far as it says what :meth:`OutboundPolicy.apply` writes; the limits of a new policy are those that applied before."""
    policy, rule = (json.loads(now[name] or "{}") for name in ("policy", "rule"))
    limits = json.loads(was["policy"]) if was["policy"] else policy
    on = json.dumps({**limits, "AutoForwardingMode": "On"})
    whole = {"From", "State", POLICY} == set(rule) and enabled(Row(rule)) and bare(rule[POLICY] or "") == policy_name(mailbox).lower()
    return {"policy": on, "rule": now["rule"] if whole and _senders(now) == [mailbox] else was["rule"]}


def _mode(past: Past) -> str:
    return str(json.loads(past.was["policy"])["AutoForwardingMode"])


def _senders(values: dict[str, str]) -> list[str]:
    senders = json.loads(values["rule"])["From"] or []
    return [senders] if isinstance(senders, str) else list(senders)


def _rule_before(past: Past) -> dict[str, object]:
    """A rule's parameters, as they were; its policy only where that was another one."""
    was = json.loads(past.was["rule"])
    policy = {POLICY: was[POLICY]} if was.get(POLICY) not in {None, json.loads(past.left.get("rule") or "{}").get(POLICY)} else {}
    return {"From": _senders(past.was), **policy, **{name: was[name] for name in NARROWING if name in was}}


def _was_off(past: Past) -> bool:
    return bool(past.was["rule"]) and not enabled(Row(json.loads(past.was["rule"])))
