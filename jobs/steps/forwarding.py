"""Steps M3 to M5: all incoming mail is forwarded to Webex Connect, and this is allowed.

A remote domain that covers Webex Connect and forbids automatic forwarding overrides every policy.
Without M5, the organization's customization, M4 cannot be saved.
"""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatch

from jobs.causes.cause import Cause
from jobs.channel.mailbox import mailbox_row, redirected_to, through
from jobs.clouds.errors import CloudError, Forbidden, NotFound, unless_refused
from jobs.clouds.json_values import lower_of, text_of
from jobs.engine.step import Cmdlet, ExchangeStep, Step, StepContext, shown
from jobs.microsoft import outbound_spam as spam
from jobs.microsoft.exchange import ExchangeRow
from jobs.model import Change, Channel, Finding, Reason, State, Text, Turn
from jobs.runs.run import RecordedChange


class Forwarding(ExchangeStep, row="forwarding"):
    """Step M3: ``ForwardingSmtpAddress`` is the Forwarding Address, and nothing overrides it.

    Whether a copy stays in the mailbox is as requested. Source: platforms/microsoft.md 2.2.
    """

    async def inspect(self, ctx: StepContext) -> Finding:
        values = _read(await mailbox_row(ctx))
        smtp, internal = values["smtp"], values["internal"]
        by_hand = await self._by_hand(ctx, smtp, internal) if ctx.by_hand else None
        return replace(by_hand or self._judged(ctx, **values), values=values)

    async def _by_hand(self, ctx: StepContext, smtp: str, internal: str) -> Finding | None:
        """Judge a forwarding that a person may have chosen instead: a mail contact, or a rule.

        None: the mailbox is judged like any other. An unknown external address may be right.
        """
        wanted = ctx.channel.forwarding_address.lower()
        if internal:
            return self._judged_detour(ctx, await through(ctx, internal), "seen.forwarding_contact")
        if smtp:
            seen = Text("seen.forwards_to", {"address": smtp})
            return None if wanted else self.possible(seen, cause=Cause.NOT_FORWARDED)
        found = await unless_refused(redirected_to(ctx))
        if found is None:
            return self.possible(Reason.ABSENT, cause=Cause.NOT_FORWARDED)
        return self._judged_detour(ctx, found, "seen.forwarding_rule")

    def _judged_detour(self, ctx: StepContext, address: str, key: str) -> Finding | None:
        right = address and ctx.channel.forwarding_address.lower() in {"", address}
        return self.ok(Text(key, {"address": address})) if right else None

    def _judged(self, ctx: StepContext, smtp: str, internal: str, keeps: str) -> Finding:
        wanted, copy = ctx.channel.forwarding_address.lower(), keeps == "true"
        if internal:  # it wins, and a foreign external address is named as well
            seen = Text("seen.forwarding_overridden", {"address": internal})
            if smtp not in {"", wanted}:
                two = {"address": internal, "external": smtp}
                seen = Text("seen.forwarding_overridden_two", two)
            return self.wrong(seen, cause=Cause.FORWARDING_ADDRESS_WINS)
        if not smtp or smtp != wanted:
            elsewhere = Text("seen.forwards_to", {"address": smtp}) if smtp else Reason.ABSENT
            return self.wrong(elsewhere, cause=Cause.NOT_FORWARDED)
        if copy is not ctx.channel.keep_copy:
            seen = Text("seen.keeps_copy" if copy else "seen.keeps_none")
            return self.wrong(seen, cause=Cause.COPY_DIFFERS)
        return self.ok(Text("seen.forwarding_keeps" if copy else "seen.forwarding"))

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        """Plan all settings at once, since an internal address that stayed would silently win."""
        channel, was = ctx.channel, finding.values
        key = "after.forwarding_keeps" if channel.keep_copy else "after.forwarding"
        after = Text(key, {"address": channel.forwarding_address})
        line = self.planned(finding, shown(self.cmdlets(ctx, finding)), after)
        return (replace(line, overwrites=bool(was.get("smtp") or was.get("internal"))),)

    def cmdlets(self, ctx: StepContext, finding: Finding) -> list[Cmdlet]:
        return _set_mailbox(ctx, _wanted(ctx.channel))

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        values, wanted = _read(await mailbox_row(ctx)), _wanted(ctx.channel)
        made = wanted | {"smtp": wanted["smtp"].lower()}
        seen = values["internal"] or values["smtp"] or "key:seen.none"
        return self.compare_with_recorded(past, values, seen, made)

    def undo_cmdlets(self, ctx: StepContext, past: RecordedChange) -> list[Cmdlet]:
        return _set_mailbox(ctx, past.values_before)


def _set_mailbox(ctx: StepContext, values: dict[str, str]) -> list[Cmdlet]:
    parameters: dict[str, object] = {
        "Identity": ctx.channel.mailbox,
        "ForwardingAddress": values["internal"] or None,
        "ForwardingSmtpAddress": f"smtp:{values['smtp']}" if values["smtp"] else None,
        "DeliverToMailboxAndForward": values["keeps"] == "true",
    }
    return [("Set-Mailbox", parameters)]


def _wanted(channel: Channel) -> dict[str, str]:
    keeps = str(channel.keep_copy).lower()
    return {"smtp": channel.forwarding_address, "internal": "", "keeps": keeps}


def _read(mailbox: ExchangeRow) -> dict[str, str]:
    """Return both forwarding addresses, without ``smtp:`` or empty, and whether a copy stays."""
    return {
        "smtp": lower_of(mailbox, "ForwardingSmtpAddress").removeprefix("smtp:"),
        "internal": text_of(mailbox, "ForwardingAddress"),
        "keeps": lower_of(mailbox, "DeliverToMailboxAndForward") or "false",
    }


POLICY, RULE = "HostedOutboundSpamFilterPolicy", "HostedOutboundSpamFilterRule"
MODES = frozenset({"Automatic", "On", "Off"})
"""Values of AutoForwardingMode for which the catalog has the portal's words."""
CUSTOMIZATION_S = (5.0, 10, 20, 40, 60, 120, 300, 600, 1800, 3600)
"""Pauses, in seconds, for a customization of up to 24 hours (platforms/microsoft.md 2.4)."""
DAY_TRIES = 32
MOVED = "rules_moved"
"""Fact with the number of rules that a new top rule moves down by one (microsoft.md 2.3)."""
REPAIRED, LIMITS = "rule_repaired", "policy_limits"
"""Facts for the plan: settings of the channel's rule to change, and a new policy's limits."""


@dataclass(frozen=True, slots=True)
class Outbound:
    """Applying policy, all rules, and the mailbox's own policy and rule, which have this name.

    ``own`` are the mailbox's addresses, its sending address first.
    """

    mailbox: str
    name: str
    applies: spam.EffectivePolicy
    rules: list[ExchangeRow]
    policy: ExchangeRow | None
    rule: ExchangeRow | None
    own: tuple[str, ...]

    @classmethod
    async def read(cls, ctx: StepContext) -> "Outbound":
        run = ctx.exchange.run
        policies, rules = await asyncio.gather(run(f"Get-{POLICY}", {}), run(f"Get-{RULE}", {}))
        mailbox, name = ctx.channel.mailbox, spam.policy_name(ctx.channel.mailbox)
        senders = [mailbox, *filter(None, [ctx.fact("upn")])]
        if spam.needs_addresses(rules, senders):
            with suppress(Forbidden, NotFound):
                senders = [*spam.addresses_of(await mailbox_row(ctx)), *senders]
        applies, own = spam.applies_to(senders, policies, rules), tuple(map(spam.bare, senders))
        policy, rule = spam.named(policies, name), spam.named(rules, name)
        return cls(mailbox, name, applies, rules, policy, rule, own)

    def values(self) -> dict[str, str]:
        """Return the channel's policy and rule; a priority is left out, as others change it."""
        rule = ("From", "State", POLICY, *(spam.narrowed(self.rule) if self.rule else ()))
        return {
            "policy": _recorded(self.policy, ("AutoForwardingMode", *spam.CARRIED)),
            "rule": _recorded(self.rule, rule),
        }

    def foreseen(self) -> dict[str, str]:
        facts = {MOVED: str(spam.moved_down(self.rules, self.name))}
        if self.rule is not None:
            fields = spam.fields_to_cover(self.rule, self.own, self.mailbox)
            repaired: dict[str, object] = {what: values or None for what, values in fields.items()}
            if spam.bare(self.rule.get(POLICY) or self.name) != self.name.lower():
                repaired[POLICY] = self.name
            facts[REPAIRED] = json.dumps(repaired)
        if not self.policy:
            facts[LIMITS] = json.dumps(self.applies.limits())
        return facts

    def made(self, was: dict[str, str]) -> dict[str, str]:
        """Return the current values as far as they are those of the change, with the old limits."""
        there = self.values()
        limits = json.loads(was["policy"] or there["policy"] or "{}")
        rule, before = recorded_row(there["rule"]), recorded_row(was["rule"])
        fields = spam.fields_to_cover(before, self.own, self.mailbox)
        ours = bool(rule) and spam.bare(text_of(rule, POLICY)) == self.name.lower()
        whole = ours and spam.enabled(rule) and spam.alike(rule, ExchangeRow({**before, **fields}))
        return {
            "policy": json.dumps({**limits, "AutoForwardingMode": "On"}),
            "rule": there["rule"] if whole else was["rule"],
        }


class OutboundPolicy(ExchangeStep, row="outbound_policy"):
    """Step M4: the outbound policy that actually applies says ``On``; ``Automatic`` counts as off.

    The Default policy is never changed (platforms/microsoft.md 2.3).
    """

    async def inspect(self, ctx: StepContext) -> Finding:
        there = await Outbound.read(ctx)
        found = self._judged(ctx, there.applies)
        facts = there.foreseen() if found.state is State.WRONG else {}
        return replace(found, facts=facts, values=there.values())

    def _judged(self, ctx: StepContext, applies: spam.EffectivePolicy) -> Finding:
        """Judge the policy; a rule for this mailbox on top removes the doubt of a group's rule."""
        mode = f"key:forwarding_mode.{applies.mode}" if applies.mode in MODES else applies.mode
        values = {"mode": mode, "policy": applies.name or "Default"}
        judge, seen = self.wrong, Text("seen.outbound", values)
        if applies.unsure:
            rule = text_of(applies.unsure[0], "Name", "Identity")
            seen = Text("seen.outbound_unsure", values | {"policy": applies.name, "rule": rule})
            judge = self.possible if ctx.checks else self.wrong
        elif applies.forwards:
            return self.ok(seen)
        return judge(seen, cause=Cause.FORWARDING_BLOCKED)

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        """Plan an outbound policy and a rule for this one sender, above the other rules.

        For an existing rule the plan shows which other senders it covers and which conditions are
        removed.
        """
        before = recorded_row(finding.values.get("rule"))
        repaired = json.loads(finding.facts.get(REPAIRED, "{}"))
        senders = spam.covers(ExchangeRow({**before, **repaired}))
        told, gone = {"senders": ", ".join(senders)}, spam.gone(before, repaired)
        after = Text("after.outbound_policy_shared", told)
        if cleared := "; ".join(f"{name} {', '.join(values)}" for name, values in gone.items()):
            after = Text("after.outbound_policy_cleared", told | {"cleared": cleared})
        elif not before or list(map(spam.bare, senders)) == [ctx.channel.mailbox.lower()]:
            after = Text("after.outbound_policy")
        moved = finding.facts.get(MOVED, "0")
        note = Text("note.rules_move", {"count": moved}) if moved != "0" else None
        line = self.planned(finding, shown(self.cmdlets(ctx, finding)), after)
        return (replace(line, note=note),)

    def cmdlets(self, ctx: StepContext, finding: Finding) -> list[Cmdlet]:
        name = spam.policy_name(ctx.channel.mailbox)
        policy, rule = (recorded_row(finding.values.get(part)) for part in ("policy", "rule"))
        limits, repaired = (json.loads(finding.facts.get(n, "{}")) for n in (LIMITS, REPAIRED))
        writes: list[Cmdlet] = []
        if policy.get("AutoForwardingMode") != "On":
            verb = "Set" if policy else "New"
            writes = [_named(verb, POLICY, name, AutoForwardingMode="On", **limits)]
        if not rule:
            new = {POLICY: name, "From": [ctx.channel.mailbox]}
            return [*writes, _named("New", RULE, name, **new, Priority=0)]
        writes.append(_named("Set", RULE, name, **repaired, Priority=0))
        return writes if spam.enabled(rule) else [*writes, _named("Enable", RULE, name)]

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        there = await Outbound.read(ctx)
        seen = f"{there.applies.name or 'Default'}: {there.applies.mode}"
        made = there.made(past.values_before)
        return self.compare_with_recorded(past, there.values(), seen, made)

    def undo_cmdlets(self, ctx: StepContext, past: RecordedChange) -> list[Cmdlet]:
        """Return the cmdlets that restore or remove the rule, but its priority, then the policy."""
        was, name = past.values_before, spam.policy_name(ctx.channel.mailbox)
        policy, rule = recorded_row(was["policy"]), recorded_row(was["rule"])
        writes = [_named("Remove", RULE, name, Confirm=False)]
        if rule:
            senders, left = rule["From"], recorded_row(past.values_after.get("rule"))
            fields = {"From": ([senders] if isinstance(senders, str) else senders) or None}
            if rule.get(POLICY) not in {None, left.get(POLICY)}:
                fields[POLICY] = rule[POLICY]
            fields |= {each: rule[each] for each in spam.NARROWING if each in rule}
            writes = [_named("Set", RULE, name, **fields)]
            writes += [] if spam.enabled(rule) else [_named("Disable", RULE, name)]
        if not policy:
            return [*writes, _named("Remove", POLICY, name, Confirm=False)]
        mode = str(policy.get("AutoForwardingMode"))
        return [*writes, _named("Set", POLICY, name, AutoForwardingMode=mode)]

    async def undo(self, ctx: StepContext, past: RecordedChange) -> None:
        """Change only what is still there, so that a second attempt completes the first."""
        there = await Outbound.read(ctx)
        for write in self.undo_cmdlets(ctx, past):
            if (there.rule if write[0].endswith(RULE) else there.policy) is not None:
                await self.run_cmdlets(ctx, [write])

    def explain_error(self, ctx: StepContext, error: CloudError) -> Finding | None:
        """Wait up to a day if Exchange says "not customized" although M5 reports success."""
        if error.cause != Cause.CUSTOMIZATION_NEEDED or ctx.run.waits.get(self.name, 0) > DAY_TRIES:
            return None
        again = ctx.pause(self.name, CUSTOMIZATION_S)
        return self.waits_for(Turn.TIME, Reason.CUSTOMIZATION, again_s=again)


def _named(verb: str, kind: str, name: str, **given: object) -> Cmdlet:
    return f"{verb}-{kind}", {"Name" if verb == "New" else "Identity": name, **given}


def _recorded(row: ExchangeRow | None, properties: tuple[str, ...]) -> str:
    return "" if row is None else json.dumps({name: row.get(name) for name in properties})


def recorded_row(recorded: str | None) -> ExchangeRow:
    return ExchangeRow(json.loads(recorded or "{}"))


class Customization(Step, row="customization"):
    """Step M5: ``Enable-OrganizationCustomization`` has run, or M4 does not need it.

    The change is tenant-wide and irreversible, so it has its own approval. ``IsDehydrated`` is not
    proof: M4 may be refused anyway, and it may stay true after the cmdlet has run. M4 waits until
    the change has taken effect everywhere (platforms/microsoft.md 2.4).
    """

    async def inspect(self, ctx: StepContext) -> Finding:
        """Read ``IsDehydrated``; if the tenant does not reveal it, M4 shows what is needed."""
        if ctx.run.change_applied(self.name):
            return self.ok(Text("seen.customized"))
        if self.name in ctx.run.demanded:
            return self._needed(Reason.DEMANDED)
        asked = unless_refused(ctx.exchange.run("Get-OrganizationConfig", {}))
        rows, there = await asyncio.gather(asked, Outbound.read(ctx))
        dehydrated = str(rows[0].get("IsDehydrated")).lower() if rows else ""
        if dehydrated == "false":
            return self.ok(Text("seen.customized"))
        if dehydrated != "true":
            return self.skipped(Text("skipped.customization_untold"))
        if not there.applies.forwards:
            return self._needed(Text("seen.not_customized"))
        unneeded = self.ok(Text("seen.customization_not_needed"))  # M4 has nothing to save
        return replace(unneeded, state=State.WARNING) if ctx.checks else unneeded

    def _needed(self, seen: Text | Reason) -> Finding:
        return self.wrong(seen, cause=Cause.CUSTOMIZATION_NEEDED, values={"enabled": "no"})

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """Run Enable-OrganizationCustomization, whose error on a second run means success."""
        await ctx.exchange.run("Enable-OrganizationCustomization", {})


class RemoteDomain(Step, row="remote_domain"):
    """Step M3: the most specific entry, which may be ``*``, lets copies out as they are.

    "The block wins" (platforms/microsoft.md 2.3), so a plan shows it before anybody approves
    anything. With TNEF, Webex Connect gets attachments as winmail.dat, and mail flows.
    """

    async def inspect(self, ctx: StepContext) -> Finding:
        read = ctx.exchange.run("Get-RemoteDomain", {})
        rows = await (read if ctx.checks else unless_refused(read))
        if rows is None:
            return self.skipped(Reason.NOT_BY_ITSELF)
        domain = ctx.channel.forwarding_address.rpartition("@")[2].lower()
        matching = [row for row in rows if domain_matches(lower_of(row, "DomainName"), domain)]
        if not matching:
            return self.ok(Text("seen.remote_domain_allows"))
        found = max(matching, key=lambda row: len(str(row.get("DomainName"))))
        name = {"name": str(found.get("DomainName"))}
        if str(found.get("AutoForwardEnabled", True)).lower() == "false":
            cause = Cause.REMOTE_DOMAIN_BLOCKS_FORWARDING
            wrong = self.wrong(Text("seen.remote_domain", name), cause=cause)
            return wrong if ctx.checks else replace(wrong, state=State.POSSIBLE)
        if str(found.get("TNEFEnabled")).lower() == "true":
            tnef = self.wrong(Text("seen.remote_domain_tnef", name), cause=Cause.TNEF_ON)
            return replace(tnef, state=State.WARNING)
        return self.ok(Text("seen.remote_domain_allows"))


def domain_matches(pattern: str, domain: str) -> bool:
    itself = pattern.startswith("*.") and domain == pattern[2:]
    return bool(pattern) and (itself or fnmatch(domain, pattern))
