"""Step M4: automatic external forwarding is allowed for this one sender.

The plan names the other senders, the removed conditions and the parameters of the commands.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from types import MappingProxyType

from jobs.causes.cause import Cause
from jobs.channel.mailbox import mailbox_row
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
"""Pauses, in seconds, for a customization of up to 24 hours (platforms/microsoft.md 2.4)."""
DAY_TRIES = 32
MOVED = "rules_moved"
"""Fact with the number of other rules that move down by one when a rule is put on top."""
REPAIRED, LIMITS = "rule_repaired", "policy_limits"
"""Facts for the plan: settings of the channel's rule to change, and a new policy's limits."""


@dataclass(frozen=True, slots=True)
class Outbound:
    """Applying policy, with all policies and rules; ``own`` begins with the sending address."""

    applies: EffectivePolicy
    policies: list[ExchangeRow]
    rules: list[ExchangeRow]
    own: tuple[str, ...]


class OutboundPolicy(Undoable):
    """Step M4: the outbound policy that actually applies says ``On``; ``Automatic`` counts as off.

    The Default policy is never changed (platforms/microsoft.md 2.3).
    """

    name = "outbound_policy"
    article_row = "M4"
    group = "microsoft"
    needs = ("mailbox_user",)
    after = ("customization",)
    reads = ("Security Reader",)
    writes = ("Security Administrator",)
    prerequisites = MappingProxyType({Cause.CUSTOMIZATION_NEEDED: "customization"})
    replicates = True
    diagnosis = Diagnosis(
        explains=frozenset({Cause.FORWARDING_BLOCKED, Cause.MAIL_NOT_DELIVERED}),
        settling={Cause.FORWARDING_BLOCKED: Cause.FORWARDING_SETTLING},
        station=Station.FORWARD,
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        there = await outbound(ctx)
        found = self._judged(ctx, there.applies)
        facts = _foreseen(there, ctx.channel.mailbox) if found.state is State.WRONG else {}
        return replace(found, facts=facts, values=_values(policy_name(ctx.channel.mailbox), there))

    def _judged(self, ctx: StepContext, applies: EffectivePolicy) -> Finding:
        if applies.unsure:
            return self._unsure(ctx, applies)
        seen = Text("seen.outbound", {"mode": applies.mode, "policy": _shown(applies)})
        return (
            self.ok(seen) if applies.forwards else self.wrong(seen, cause=Cause.FORWARDING_BLOCKED)
        )

    def _unsure(self, ctx: StepContext, applies: EffectivePolicy) -> Finding:
        """Judge a higher rule with a group; a rule for this mailbox on top removes the doubt."""
        above = applies.unsure[0]
        values = {
            "policy": applies.name,
            "mode": applies.mode,
            "rule": text_of(above, "Name") or text_of(above, "Identity"),
        }
        seen = Text("seen.outbound_unsure", values)
        return (
            self.possible(seen, cause=Cause.FORWARDING_BLOCKED)
            if ctx.run.kind is RunKind.CHECK
            else self.wrong(seen, cause=Cause.FORWARDING_BLOCKED)
        )

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        """Plan an outbound policy and a rule for this one sender, above the other rules.

        For an existing rule the plan shows which other senders it covers and which conditions are
        removed.
        """
        repaired = json.loads(finding.facts.get(REPAIRED, "{}"))
        command = "; ".join(_commands(ctx.channel.mailbox, finding))
        after = text_after(ctx.channel.mailbox, finding.values.get("rule", ""), repaired)
        line = self.change(finding.seen or Text("seen.none"), after, Scope.MAILBOX, command)
        return (replace(line, note=move_note(int(finding.facts.get(MOVED, "0")))),)

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """Create or update the outbound policy, then the rule, as the finding describes them.

        The two writes are not atomic. A second attempt may create the policy again and is told that
        it exists, so this attempt completes the first one.
        """
        await _apply_policy(ctx, finding)
        await _apply_rule(ctx, finding)

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        there = await outbound(ctx)
        seen = f"{_shown(there.applies)}: {there.applies.mode}"
        values = _values(policy_name(ctx.channel.mailbox), there)
        return self.compare_with_recorded(
            past, values, seen, _made(ctx.channel.mailbox, there.own, past.values_before, values)
        )

    def undo_command(self, ctx: StepContext, past: RecordedChange) -> str:
        """Return the commands, the rule first: a rule without a policy is broken."""
        name = quoted(policy_name(ctx.channel.mailbox))
        rule = (
            f"Set-{RULE} {name}{parameters_text(_rule_before(past))}"
            if past.values_before["rule"]
            else f"Remove-{RULE} {name}"
        )
        parts = (
            f"{rule}; Disable-{RULE} {name}" if _was_off(past) else rule,
            f"Set-{POLICY} {name} -AutoForwardingMode {_mode(past)}"
            if past.values_before["policy"]
            else f"Remove-{POLICY} {name}",
        )
        return "; ".join(parts)

    async def undo(self, ctx: StepContext, past: RecordedChange) -> None:
        """Restore or remove the rule, then the policy.

        The bot first looks up each of them, so a second attempt completes the first. A rule's
        priority is left as it is.
        """
        name = policy_name(ctx.channel.mailbox)
        there = await outbound(ctx)
        if named(there.rules, name) is not None:
            await _undo_rule(ctx, past, name)
        if named(there.policies, name) is not None:
            await (
                _set(ctx, POLICY, name, AutoForwardingMode=_mode(past))
                if past.values_before["policy"]
                else _remove(ctx, POLICY, name)
            )

    def explain_error(self, ctx: StepContext, error: CloudError) -> Finding | None:
        """Wait up to a day if Exchange says "not customized" although M5 reports success."""
        if error.cause != Cause.CUSTOMIZATION_NEEDED or ctx.run.waits.get(self.name, 0) > DAY_TRIES:
            return None
        return self.waits_for(
            Turn.TIME,
            Text("seen.customization_takes"),
            again_s=ctx.pause(self.name, CUSTOMIZATION_S),
        )


async def outbound(ctx: StepContext) -> Outbound:
    policies, rules = await asyncio.gather(
        ctx.exchange.run(f"Get-{POLICY}", {}), ctx.exchange.run(f"Get-{RULE}", {})
    )
    senders = [ctx.channel.mailbox, *filter(None, [ctx.fact("upn")])]
    if needs_addresses(rules, senders):
        senders = [*await _addresses(ctx), *senders]
    return Outbound(
        applies_to(senders, policies, rules), policies, rules, tuple(map(bare, senders))
    )


def _foreseen(there: Outbound, mailbox: str) -> dict[str, str]:
    """Return for the plan how many rules move, what changes, and a new policy's limits."""
    name = policy_name(mailbox)
    facts, rule = {MOVED: str(moved_down(there.rules, name))}, named(there.rules, name)
    if rule is not None:
        facts |= {REPAIRED: json.dumps(_repaired(rule, there.own, mailbox))}
    return (
        facts
        if named(there.policies, name)
        else facts | {LIMITS: json.dumps(there.applies.limits())}
    )


def _repaired(rule: ExchangeRow, own: tuple[str, ...], mailbox: str) -> dict[str, object]:
    """Return the settings that repair the channel's own rule.

    The rule then covers this mailbox in addition to its other senders, and uses the channel's
    policy.
    """
    name = policy_name(mailbox)
    policy = {} if bare(rule.get(POLICY) or name) == name.lower() else {POLICY: name}
    return {
        **{what: values or None for what, values in fields_to_cover(rule, own, mailbox).items()},
        **policy,
    }


def _shown(applies: EffectivePolicy) -> str:
    return applies.name or "Default"


async def _addresses(ctx: StepContext) -> tuple[str, ...]:
    """Return the mailbox's addresses, the sending one first; none if unreadable."""
    try:
        return addresses_of(await mailbox_row(ctx))
    except (Forbidden, NotFound):
        return ()


async def _apply_policy(ctx: StepContext, finding: Finding) -> None:
    name, policy = policy_name(ctx.channel.mailbox), recorded_row(finding.values["policy"])
    if not policy:
        with suppress(AlreadyExists):  # an earlier attempt made it; its rule may still be missing
            limits = json.loads(finding.facts[LIMITS])
            values = {**limits, "Name": name, "AutoForwardingMode": "On"}
            await ctx.exchange.run(f"New-{POLICY}", values)
    elif policy.get("AutoForwardingMode") != "On":
        await _set(ctx, POLICY, name, AutoForwardingMode="On")


async def _apply_rule(ctx: StepContext, finding: Finding) -> None:
    name, rule = policy_name(ctx.channel.mailbox), recorded_row(finding.values["rule"])
    if not rule:
        values = {"Name": name, POLICY: name, "From": [ctx.channel.mailbox], "Priority": 0}
        await ctx.exchange.run(f"New-{RULE}", values)
        return
    await _set(ctx, RULE, name, **json.loads(finding.facts[REPAIRED]), Priority=0)
    if not enabled(rule):
        await ctx.exchange.run(f"Enable-{RULE}", {"Identity": name})


async def _undo_rule(ctx: StepContext, past: RecordedChange, name: str) -> None:
    """Restore the rule, also whether it was on; remove a rule that a run made."""
    await (
        _set(ctx, RULE, name, **_rule_before(past))
        if past.values_before["rule"]
        else _remove(ctx, RULE, name)
    )
    if _was_off(past):
        await ctx.exchange.run(f"Disable-{RULE}", {"Identity": name})


async def _set(ctx: StepContext, what: str, name: str, **values: object) -> None:
    await ctx.exchange.run(f"Set-{what}", {"Identity": name, **values})


async def _remove(ctx: StepContext, what: str, name: str) -> None:
    await ctx.exchange.run(f"Remove-{what}", {"Identity": name, "Confirm": False})


def _values(name: str, there: Outbound) -> dict[str, str]:
    """Return the channel's policy and rule; a priority is left out, as others change it."""
    policy, rule = named(there.policies, name), named(there.rules, name)
    narrowing = narrowed(rule) if rule else ()
    return {
        "policy": _mode_text(policy, ("AutoForwardingMode", *CARRIED)),
        "rule": _mode_text(rule, ("From", "State", POLICY, *narrowing)),
    }


def _commands(mailbox: str, finding: Finding) -> list[str]:
    name, rule = quoted(policy_name(mailbox)), finding.values.get("rule")
    limits, repaired = (json.loads(finding.facts.get(fact, "{}")) for fact in (LIMITS, REPAIRED))
    verb = "Set" if finding.values.get("policy") else "New"
    policy = f"{verb}-{POLICY} {name} -AutoForwardingMode On{parameters_text(limits)}"
    if not rule:
        return [policy, f"New-{RULE} {name} -{POLICY} {name} -From {quoted(mailbox)} -Priority 0"]
    commands = [policy, f"Set-{RULE} {name}{parameters_text(repaired)} -Priority 0"]
    return (
        commands if enabled(ExchangeRow(json.loads(rule))) else [*commands, f"Enable-{RULE} {name}"]
    )


def _mode_text(row: ExchangeRow | None, properties: tuple[str, ...]) -> str:
    return "" if row is None else json.dumps({name: row.get(name) for name in properties})


def _made(
    mailbox: str, own: tuple[str, ...], was: dict[str, str], now: dict[str, str]
) -> dict[str, str]:
    """Return the current values as far as they match those of :meth:`OutboundPolicy.apply`.

    The limits of a new policy are those that applied before.
    """
    limits = json.loads(was["policy"] or now["policy"] or "{}")
    rule, before = recorded_row(now["rule"]), recorded_row(was["rule"])
    whole = _is_ours(rule, mailbox) and alike(
        rule, ExchangeRow({**before, **fields_to_cover(before, own, mailbox)})
    )
    return {
        "policy": json.dumps({**limits, "AutoForwardingMode": "On"}),
        "rule": now["rule"] if whole else was["rule"],
    }


def _is_ours(rule: ExchangeRow, mailbox: str) -> bool:
    """Return whether the rule exists, is enabled, and has the channel's own policy."""
    return (
        bool(rule) and enabled(rule) and bare(text_of(rule, POLICY)) == policy_name(mailbox).lower()
    )


def _mode(past: RecordedChange) -> str:
    return str(json.loads(past.values_before["policy"])["AutoForwardingMode"])


def _rule_before(past: RecordedChange) -> dict[str, object]:
    """Return the rule's earlier parameters, and its policy if that was another."""
    was = json.loads(past.values_before["rule"])
    other = was.get(POLICY) not in {None, recorded_row(past.values_after.get("rule")).get(POLICY)}
    policy = {POLICY: was[POLICY]} if other else {}
    senders = was["From"]
    return {
        "From": ([senders] if isinstance(senders, str) else senders) or None,
        **policy,
        **{name: was[name] for name in NARROWING if name in was},
    }


def _was_off(past: RecordedChange) -> bool:
    return bool(past.values_before["rule"]) and not enabled(
        ExchangeRow(json.loads(past.values_before["rule"]))
    )


def text_after(mailbox: str, rule: str, repaired: dict[str, object]) -> Text:
    """Return the rule after the change: its other senders, and the conditions that go."""
    before = recorded_row(rule)
    senders = covers(ExchangeRow({**before, **repaired}))
    if cleared := "; ".join(
        f"{name} {', '.join(values)}" for name, values in gone(before, repaired).items()
    ):
        return Text(
            "after.outbound_policy_cleared", {"senders": ", ".join(senders), "cleared": cleared}
        )
    alone = not before or list(map(bare, senders)) == [mailbox.lower()]
    return (
        Text("after.outbound_policy")
        if alone
        else Text("after.outbound_policy_shared", {"senders": ", ".join(senders)})
    )


def recorded_row(recorded: str | None) -> ExchangeRow:
    return ExchangeRow(json.loads(recorded or "{}"))


def move_note(rules: int) -> Text | None:
    """Return a note that a rule on top moves others down, or None (platforms/microsoft.md 2.3)."""
    if not rules:
        return None
    return Text("note.rules_move", {"count": str(rules)})


def parameters_text(parameters: Mapping[str, object]) -> str:
    return "".join(f" -{name} {_value(value)}" for name, value in parameters.items())


def _value(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "$null", True: "$true", False: "$false"}[value]
    values = value if isinstance(value, list) else [value]
    return ", ".join(quoted(str(each)) for each in values)
