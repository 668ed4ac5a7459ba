"""M4: automatic forwarding to the outside is allowed for this one sender."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from types import MappingProxyType

from jobs.clouds.cause_codes import causes
from jobs.clouds.errors import AlreadyExists, CloudError, Forbidden, NotFound
from jobs.clouds.json_values import text_of
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.undoable import Undoable
from jobs.microsoft.exchange import ExchangeRow
from jobs.microsoft.outbound_spam import (
    CARRIED,
    NARROWING,
    EffectivePolicy,
    addresses_of,
    alike,
    applies_to,
    bare,
    covers,
    enabled,
    fields_to_cover,
    gone,
    moved_down,
    named,
    narrowed,
    needs_addresses,
    policy_name,
)
from jobs.microsoft.powershell import quoted
from jobs.model import Change, Finding, RunKind, Scope, State, Station, Text, Turn
from jobs.runs.run import RecordedChange

POLICY, RULE = "HostedOutboundSpamFilterPolicy", "HostedOutboundSpamFilterRule"
CUSTOMIZATION_S = (5.0, 10, 20, 40, 60, 120, 300, 600, 1800, 3600)
"""Pauses while the organisation's customization takes effect, in seconds; Microsoft says up to 24 hours (facts/microsoft.md 2.4)."""
DAY_TRIES = 32
MOVED = "rules_moved"
"""The fact how many other rules a rule on top moves down by one."""
MENDED, LIMITS = "rule_mended", "policy_limits"
"""The facts what is set in the channel's own rule beside its place, where that is there, and with which limits its policy is made, where not."""


@dataclass(frozen=True, slots=True)
class Outbound:
    """What applies to the mailbox, all policies and rules, and the addresses that the mailbox is known by; the one it sends from first."""

    applies: EffectivePolicy
    policies: list[ExchangeRow]
    rules: list[ExchangeRow]
    own: tuple[str, ...]


class OutboundPolicy(Undoable):
    """The policy that really applies says ``On``; ``Automatic`` counts as off. Never the Default policy (facts/microsoft.md 2.3)."""

    name = "outbound_policy"
    article_row = "M4"
    group = "microsoft"
    needs = ("mailbox_user",)
    after = ("customization",)
    reads = ("Security Reader",)
    writes = ("Security Administrator",)
    prerequisites = MappingProxyType({"customization_needed": "customization"})
    diagnosis = Diagnosis(
        explains=causes("forwarding_blocked", "mail_not_delivered"),
        settling={"forwarding_blocked": "forwarding_settling"},
        station=Station.FORWARD,
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        """Evaluate the rules by priority."""
        there = await outbound(ctx)
        found = self._judged(ctx, there.applies)
        facts = _foreseen(there, ctx.channel.mailbox) if found.state is State.WRONG else {}
        return replace(found, facts=facts, values=_values(policy_name(ctx.channel.mailbox), there))

    def _judged(self, ctx: StepContext, applies: EffectivePolicy) -> Finding:
        if applies.unsure:
            return self._unsure(ctx, applies)
        seen = Text("seen.outbound", {"mode": applies.mode, "policy": _shown(applies)})
        return self.ok(seen) if applies.forwards else self.wrong(seen, cause="forwarding_blocked")

    def _unsure(self, ctx: StepContext, applies: EffectivePolicy) -> Finding:
        """A rule above goes by a group: it may stop the copy, or let it through; a rule of the mailbox's own on top leaves no doubt."""
        above = applies.unsure[0]
        values = {"policy": applies.name, "mode": applies.mode, "rule": text_of(above, "Name") or text_of(above, "Identity")}
        seen = Text("seen.outbound_unsure", values)
        return self.possible(seen, "forwarding_blocked") if ctx.run.kind is RunKind.CHECK else self.wrong(seen, cause="forwarding_blocked")

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        """A policy and a rule of its own for one sender, on top of the others. Of a rule that is there, whom else it covers and what goes."""
        mended = json.loads(finding.facts.get(MENDED, "{}"))
        command = "; ".join(_commands(ctx.channel.mailbox, finding))
        after = _after(ctx.channel.mailbox, finding.values.get("rule", ""), mended)
        line = self.change(finding.seen or Text("seen.none"), after, Scope.MAILBOX, command)
        return (replace(line, note=_moves(int(finding.facts.get(MOVED, "0")))),)

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """Two steps that are not one: each is looked for by its name first, so a second try completes the first."""
        there = await outbound(ctx)
        name = policy_name(ctx.channel.mailbox)
        if named(there.policies, name) is None:
            with suppress(AlreadyExists):  # an earlier try of ours has made it, which is not listed yet: its rule may still be missing
                await ctx.exchange.run(f"New-{POLICY}", {**there.applies.limits(), "Name": name, "AutoForwardingMode": "On"})
        else:
            await _set(ctx, POLICY, name, AutoForwardingMode="On")
        rule = named(there.rules, name)
        if rule is None:
            await ctx.exchange.run(f"New-{RULE}", {"Name": name, POLICY: name, "From": [ctx.channel.mailbox], "Priority": 0})
        else:
            await _repair(ctx, there, rule, name)

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        """The policy and the rule that bear this channel's name."""
        there = await outbound(ctx)
        seen = f"{_shown(there.applies)}: {there.applies.mode}"
        values = _values(policy_name(ctx.channel.mailbox), there)
        return self.compare_with_recorded(past, values, seen, _made(ctx.channel.mailbox, there.own, past.values_before, values))

    def undo_command(self, ctx: StepContext, past: RecordedChange) -> str:
        """The rule first: a policy without a rule applies to nobody, a rule without a policy is broken."""
        name = quoted(policy_name(ctx.channel.mailbox))
        rule = f"Set-{RULE} {name}{_policy_text(_rule_before(past))}" if past.values_before["rule"] else f"Remove-{RULE} {name}"
        parts = (
            f"{rule}; Disable-{RULE} {name}" if _was_off(past) else rule,
            f"Set-{POLICY} {name} -AutoForwardingMode {_mode(past)}" if past.values_before["policy"] else f"Remove-{POLICY} {name}",
        )
        return "; ".join(parts)

    async def undo(self, ctx: StepContext, past: RecordedChange) -> None:
        """Each is looked for first, so a second try completes the first. A rule's place among the others is left as it is."""
        name = policy_name(ctx.channel.mailbox)
        there = await outbound(ctx)
        if named(there.rules, name) is not None:
            await _undo_rule(ctx, past, name)
        if named(there.policies, name) is not None:
            await (_set(ctx, POLICY, name, AutoForwardingMode=_mode(past)) if past.values_before["policy"] else _remove(ctx, POLICY, name))

    def explain_error(self, ctx: StepContext, error: CloudError) -> Finding | None:
        """The organisation is not customized yet, although M5 ran and says so: wait, up to a day."""
        if error.cause != "customization_needed" or ctx.run.waits.get(self.name, 0) > DAY_TRIES:
            return None
        return self.waits_for(Turn.TIME, Text("seen.customization_takes"), again_s=ctx.pause(self.name, CUSTOMIZATION_S))


async def outbound(ctx: StepContext) -> Outbound:
    """What applies to the mailbox, by whichever of its addresses."""
    policies, rules = await asyncio.gather(ctx.exchange.run(f"Get-{POLICY}", {}), ctx.exchange.run(f"Get-{RULE}", {}))
    senders = [ctx.channel.mailbox, *filter(None, [ctx.fact("upn")])]
    if needs_addresses(rules, senders):
        senders = [*await _addresses(ctx), *senders]
    return Outbound(applies_to(senders, policies, rules), policies, rules, tuple(map(bare, senders)))


def _foreseen(there: Outbound, mailbox: str) -> dict[str, str]:
    """For the plan: how many rules move, what becomes of the channel's own, and what a new policy takes along."""
    name = policy_name(mailbox)
    facts, rule = {MOVED: str(moved_down(there.rules, name))}, named(there.rules, name)
    if rule is not None:
        facts |= {MENDED: json.dumps(_mended(rule, there.own, mailbox))}
    return facts if named(there.policies, name) else facts | {LIMITS: json.dumps(there.applies.limits())}


def _mended(rule: ExchangeRow, own: tuple[str, ...], mailbox: str) -> dict[str, object]:
    """What is set in our own rule, as somebody has left it: for this mailbox beside whomever else it names, with our policy."""
    name = policy_name(mailbox)
    policy = {} if bare(rule.get(POLICY) or name) == name.lower() else {POLICY: name}
    return {**{what: values or None for what, values in fields_to_cover(rule, own, mailbox).items()}, **policy}


def _after(mailbox: str, rule: str, mended: dict[str, object]) -> Text:
    """Whoever approves hears for whom else the rule is, as somebody has set it, and what of it goes."""
    before = _row(rule)
    senders = covers(ExchangeRow({**before, **mended}))
    if cleared := _cleared(before, mended):
        return Text("after.outbound_policy_cleared", {"senders": ", ".join(senders), "cleared": cleared})
    alone = not before or list(map(bare, senders)) == [mailbox.lower()]
    return Text("after.outbound_policy") if alone else Text("after.outbound_policy_shared", {"senders": ", ".join(senders)})


def _cleared(before: ExchangeRow, mended: dict[str, object]) -> str:
    """Return the conditions that go, in words; empty where none does."""
    return "; ".join(f"{name} {', '.join(values)}" for name, values in gone(before, mended).items())


def _row(recorded: str | None) -> ExchangeRow:
    """Return a policy or a rule as a finding's values hold it; an empty one where it was not there."""
    return ExchangeRow(json.loads(recorded or "{}"))


def _shown(applies: EffectivePolicy) -> str:
    return applies.name or "Default"


def _moves(rules: int) -> Text | None:
    """Whoever approves hears that a rule on top shifts others (facts/microsoft.md 2.3)."""
    if not rules:
        return None
    return Text("note.rules_move.one") if rules == 1 else Text("note.rules_move.many", {"count": str(rules)})


async def _addresses(ctx: StepContext) -> tuple[str, ...]:
    """All addresses of the mailbox, the one it sends from first; none where it may not be read."""
    try:
        rows = await ctx.exchange.run("Get-Mailbox", {"Identity": ctx.channel.mailbox})
    except (Forbidden, NotFound):
        return ()
    return addresses_of(rows[0]) if rows else ()


async def _repair(ctx: StepContext, there: Outbound, rule: ExchangeRow, name: str) -> None:
    """On top, and switched on."""
    await _set(ctx, RULE, name, **_mended(rule, there.own, ctx.channel.mailbox), Priority=0)
    if not enabled(rule):
        await ctx.exchange.run(f"Enable-{RULE}", {"Identity": name})


async def _undo_rule(ctx: StepContext, past: RecordedChange, name: str) -> None:
    """Set the rule as it was, also whether it was on; remove one that a run made."""
    await (_set(ctx, RULE, name, **_rule_before(past)) if past.values_before["rule"] else _remove(ctx, RULE, name))
    if _was_off(past):
        await ctx.exchange.run(f"Disable-{RULE}", {"Identity": name})


async def _set(ctx: StepContext, what: str, name: str, **values: object) -> None:
    await ctx.exchange.run(f"Set-{what}", {"Identity": name, **values})


async def _remove(ctx: StepContext, what: str, name: str) -> None:
    await ctx.exchange.run(f"Remove-{what}", {"Identity": name, "Confirm": False})


def _values(name: str, there: Outbound) -> dict[str, str]:
    """What the channel's own policy and rule say, as far as they are there; other rules move a rule's place, so that does not count."""
    policy, rule = named(there.policies, name), named(there.rules, name)
    narrowing = narrowed(rule) if rule else ()
    return {"policy": _mode_text(policy, ("AutoForwardingMode", *CARRIED)), "rule": _mode_text(rule, ("From", "State", POLICY, *narrowing))}


def _commands(mailbox: str, finding: Finding) -> list[str]:
    """In PowerShell: what is there is set, what is not is made."""
    name, rule = quoted(policy_name(mailbox)), finding.values.get("rule")
    limits, mended = (json.loads(finding.facts.get(fact, "{}")) for fact in (LIMITS, MENDED))
    policy = f"{'Set' if finding.values.get('policy') else 'New'}-{POLICY} {name} -AutoForwardingMode On{_policy_text(limits)}"
    if not rule:
        return [policy, f"New-{RULE} {name} -{POLICY} {name} -From {quoted(mailbox)} -Priority 0"]
    commands = [policy, f"Set-{RULE} {name}{_policy_text(mended)} -Priority 0"]
    return commands if enabled(ExchangeRow(json.loads(rule))) else [*commands, f"Enable-{RULE} {name}"]


def _policy_text(parameters: Mapping[str, object]) -> str:
    """A cmdlet's parameters as PowerShell has them."""
    return "".join(f" -{name} {_value(value)}" for name, value in parameters.items())


def _value(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "$null", True: "$true", False: "$false"}[value]
    values = value if isinstance(value, list) else [value]
    return ", ".join(quoted(str(each)) for each in values)


def _mode_text(row: ExchangeRow | None, properties: tuple[str, ...]) -> str:
    return "" if row is None else json.dumps({name: row.get(name) for name in properties})


def _made(mailbox: str, own: tuple[str, ...], was: dict[str, str], now: dict[str, str]) -> dict[str, str]:
    """What is there now, as far as it says what :meth:`OutboundPolicy.apply` writes; the limits of a new policy are those that applied before."""
    limits = json.loads(was["policy"] or now["policy"] or "{}")
    rule, before = _row(now["rule"]), _row(was["rule"])
    whole = _is_ours(rule, mailbox) and alike(rule, ExchangeRow({**before, **fields_to_cover(before, own, mailbox)}))
    return {"policy": json.dumps({**limits, "AutoForwardingMode": "On"}), "rule": now["rule"] if whole else was["rule"]}


def _is_ours(rule: ExchangeRow, mailbox: str) -> bool:
    """Return whether the rule is there, on, and has the channel's own policy."""
    return bool(rule) and enabled(rule) and bare(text_of(rule, POLICY)) == policy_name(mailbox).lower()


def _mode(past: RecordedChange) -> str:
    return str(json.loads(past.values_before["policy"])["AutoForwardingMode"])


def _rule_before(past: RecordedChange) -> dict[str, object]:
    """A rule's parameters, as they were; its policy only where that was another one."""
    was = json.loads(past.values_before["rule"])
    other = was.get(POLICY) not in {None, _row(past.values_after.get("rule")).get(POLICY)}
    policy = {POLICY: was[POLICY]} if other else {}
    senders = [was["From"]] if isinstance(was["From"], str) else was["From"]
    return {"From": senders or None, **policy, **{name: was[name] for name in NARROWING if name in was}}


def _was_off(past: RecordedChange) -> bool:
    return bool(past.values_before["rule"]) and not enabled(ExchangeRow(json.loads(past.values_before["rule"])))
