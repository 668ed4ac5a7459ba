"""Settings of Exchange for the tenant that may stop mail: rules, restrictions, connectors.

What a mail-flow rule does, and to which mail, is judged by its properties (microsoft.md 2.3).
"""

import operator
import re
import tomllib
from collections.abc import Callable, Mapping
from functools import partial
from importlib.resources import files

from jobs.causes.cause import Cause
from jobs.channel.mailbox import in_force, mailbox_row, own_addresses
from jobs.clouds.errors import if_answered, unless_refused
from jobs.clouds.json_values import as_list, lower_of, text_of
from jobs.engine.step import Diagnosis, Probe, StepContext
from jobs.microsoft.exchange import ExchangeRow
from jobs.model import Evidence, Finding, Signals, Station, Text
from jobs.steps.forwarding import domain_matches

BLOCKS = {
    Station.MAILBOX: Cause.TRANSPORT_RULE_BLOCKS_ARRIVALS,
    Station.FORWARD: Cause.TRANSPORT_RULE_BLOCKS,
    Station.ANSWER: Cause.TRANSPORT_RULE_BLOCKS_ANSWERS,
}
"""Causes of a rule that removes mail, by station, in the order of the mail's path."""
_NAMES = tomllib.loads((files(__package__) / "rules.toml").read_text("utf-8"))
STOPS, CONDITIONS = _NAMES["stops"], _NAMES["conditions"]
_DOMAINS, _WORDS, _PATTERNS = (_NAMES[name] for name in ("domains", "words", "patterns"))
_COMPARED = (*_NAMES["whole"], *_DOMAINS, *_WORDS)
"""Conditions on the recipient that are compared here without doubt."""
_ON_RECIPIENT = (*_COMPARED, *_PATTERNS)
# a tenant's pattern with a repeated group, or with more repeats, may search for hours
_QUICK = re.compile(r"[^*+?{]*(?:(?<!\))[*+?{][^*+?{]*){0,2}")
_DOCUMENTED = (*CONDITIONS, *(f"ExceptIf{name}" for name in CONDITIONS))
_ACTIONS_WITH_LISTS = frozenset({*STOPS, *_NAMES["actions_with_lists"]})
_TYPE_LISTS = ("Conditions", "Exceptions")
"""Properties with each condition's type, as ``...SentToPredicate``; a whole rule has them."""
Rule = Mapping[str, object]
Within = Callable[[str, str], bool]


async def stopping_rules(ctx: StepContext) -> list[ExchangeRow]:
    """Return the tenant's rules that take mail away (:func:`stops`), or raise a CloudError.

    MessageTypeMatches AutoForward matches the forwarding of inbox rules, and not a mailbox's.
    """
    rules, connect = await ctx.exchange.run("Get-TransportRule", {}), ctx.channel.forwarding_address
    stopping = [rule for rule in rules if stops(rule, connect.lower())]
    mailbox = await if_answered(mailbox_row(ctx)) if ctx.by_hand else None
    if ctx.by_hand and not text_of(mailbox, "ForwardingSmtpAddress", "ForwardingAddress"):
        return stopping
    return [rule for rule in stopping if "autoforward" not in _values(rule, "MessageTypeMatches")]


def stops(rule: Rule, connect: str = "") -> bool:
    """Return whether the rule is enforced, in force today, and removes mail.

    A redirection to ``connect`` is a way of forwarding.
    """
    ours = any(connect and connect in each for each in _values(rule, "RedirectMessageTo"))
    return in_force(rule) and not ours and any(map(partial(_set, rule), STOPS))


def names(rule: Rule, address: str, within: Within = operator.eq) -> bool:
    """Return whether the rule names this recipient and no recipient condition excludes it.

    One value of a condition is enough (OR), but all conditions must match (AND). ``within`` is
    whether a domain is in that of a condition.
    """
    asked = list(filter(partial(_set, rule), _ON_RECIPIENT))
    if not asked or _excepts(rule, address):
        return False
    return all(
        any(_fits(name, value, address.lower(), within) for value in _values(rule, name))
        for name in asked
    )


def may_name(rule: Rule, address: str) -> bool:
    """Return the result of :func:`names` with subdomains, which Microsoft does not specify."""
    return names(rule, address, lambda domain, value: f".{domain}".endswith(f".{value}"))


def may_match(rule: Rule, address: str) -> bool:
    open_to_all = not any(map(partial(_set, rule), _ON_RECIPIENT))
    return may_name(rule, address) or (open_to_all and not _excepts(rule, address))


def unevaluated(rule: Rule) -> tuple[str, ...]:
    """Return the conditions and exceptions of the rule that are not evaluated here, by name.

    A rule without any certainly applies to the recipients that it names. The rule's lists of types
    count as well, so that a condition that is new in Exchange is not missed.
    """
    every = dict.fromkeys(_DOCUMENTED)
    if not any(name in rule for name in _TYPE_LISTS):  # every list that is no action may be one
        lists = (name for name, value in rule.items() if isinstance(value, list | tuple))
        every |= dict.fromkeys(name for name in lists if name not in _ACTIONS_WITH_LISTS)
    known = list(filter(partial(_set, rule), every))
    strange = [name for name in known if name not in {*_COMPARED, "SentToScope"}]
    shown = str(rule.get("IsRuleConfigurationSupported")).lower() != "false"
    hidden = [] if shown else ["IsRuleConfigurationSupported"]
    return (*strange, *_types_beyond(rule, known), *hidden)


def _types_beyond(rule: Rule, known: list[str]) -> list[str]:
    """Return the types in the rule's lists that belong to no property that is known.

    Most have the name of their property. Each other may belong to a property without a type.
    """
    every = (str(each) for name in _TYPE_LISTS for each in as_list(rule.get(name)))
    plain = (each.rpartition(".")[2].removesuffix("Predicate") for each in every)
    types = {each.lower(): each for each in plain}
    names = {name.lower().removeprefix("exceptif") for name in known}
    strange = [name for low, name in types.items() if low not in names]
    return strange if len(strange) > len(names - set(types)) else []


def _excepts(rule: Rule, address: str) -> bool:
    named, low = ("SentTo", *_DOMAINS, *_WORDS), address.lower()
    values = ((name, value) for name in named for value in _values(rule, f"ExceptIf{name}"))
    return any(_fits(name, value, low, operator.eq) for name, value in values)


def _fits(name: str, value: str, address: str, within: Within) -> bool:
    if name in _DOMAINS:
        return within(address.rpartition("@")[2], value)
    if name in _WORDS:
        return value != "" and value in address
    if name in _PATTERNS:
        try:
            return not _QUICK.fullmatch(value) or re.search(value, address) is not None
        except re.error:
            return True  # Exchange's own dialect, so the result is unknown
    return value == address


def _values(rule: Rule, name: str) -> list[str]:
    """Return a property's values in lower case; a single value becomes a list of one."""
    return [str(each).lower() for each in as_list(rule.get(name))] if _set(rule, name) else []


def _set(rule: Rule, name: str) -> bool:
    return rule.get(name) not in (None, "", [], (), {}, False, "False", "false", "None")


class RuleDiagnosis(Diagnosis):
    def causes_elsewhere(self, cause: str) -> frozenset[Cause]:
        """Return the causes of a rule from this place on: it may also stop mail later."""
        codes = list(BLOCKS.values())
        first = next((place for place, code in enumerate(codes) if code == cause), 0)
        return frozenset({*codes[first:], Cause.MAIL_NOT_DELIVERED})


class TransportRules(Probe, row="transport_rules"):
    """Probe for enabled rules that reject, delete or redirect mail and could match.

    Source: microsoft.md 2.3. A rule that only may match is the cause if a trace names it. The
    same applies to a rule for answers.
    """

    diagnosis: RuleDiagnosis

    async def inspect(self, ctx: StepContext) -> Finding:
        """Find the rules that stop mail; one that names only an address certainly matches."""
        stopping, mailbox = await stopping_rules(ctx), ctx.channel.mailbox
        forwarding = ctx.channel.forwarding_address
        # the copy is no mail inside, for which some rules are
        away = (rule for rule in stopping if lower_of(rule, "SentToScope") != "inorganization")
        outside = list(away) if forwarding else []
        of_mailbox = self._certain(Station.MAILBOX, stopping, mailbox)
        if certain := of_mailbox or self._certain(Station.FORWARD, outside, forwarding):
            return certain
        maybe = [rule for rule in outside if may_match(rule, forwarding)]
        maybe += [rule for rule in stopping if may_name(rule, mailbox) and rule not in maybe]
        return self._possible(maybe) if maybe else self.ok(Text("seen.no_rule"))

    def _certain(self, place: Station, rules: list[ExchangeRow], address: str) -> Finding | None:
        named = [rule for rule in rules if names(rule, address) and not unevaluated(rule)]
        seen = Text("seen.rules", {"names": ", ".join(map(_name, named))})
        signals = Signals(station=place)
        return self.wrong(seen, cause=BLOCKS[place], signals=signals) if named else None

    def _possible(self, maybe: list[ExchangeRow]) -> Finding:
        conditions = [", ".join(unevaluated(rule)) for rule in maybe]
        pairs = zip(maybe, conditions, strict=True)
        shown = (f"{_name(rule)} ({each})" if each else _name(rule) for rule, each in pairs)
        key = "seen.rules_possible" if any(conditions) else "seen.rules"
        seen, signals = Text(key, {"names": ", ".join(shown)}), Signals(proven=True)
        return self.possible(seen, cause=Cause.TRANSPORT_RULE_MAY_BLOCK, signals=signals)


def _name(rule: ExchangeRow) -> str:
    return text_of(rule, "Name", "Identity")


class RestrictedSender(Probe, row="restricted_sender"):
    """Probe for the restricted entities, whose mail stays: 550 5.1.8 (microsoft.md 2.3)."""

    async def inspect(self, ctx: StepContext) -> Finding:
        """Read all of them, because for one in good standing Exchange says "not found"."""
        rows = await unless_refused(ctx.exchange.run("Get-BlockedSenderAddress", {}))
        if rows is None:
            return self.skipped(Text("skipped.restricted_sender"))
        own = own_addresses(ctx)
        found = next((row for row in rows if lower_of(row, "SenderAddress") in own), None)
        if found is None:
            return self.ok(Text("seen.not_restricted"))
        reason = text_of(found, "Reason")
        evidence = (Evidence("exchange", reason),) if reason else ()
        return self.wrong(Text("seen.restricted"), cause=Cause.SENDER_RESTRICTED, evidence=evidence)


class OutboundConnectors(Probe, row="outbound_connectors"):
    """Probe for an enabled connector that gives the copies to a server of others.

    It may keep a copy that the trace shows as sent: a cause only if mail makes no task. A connector
    that only a mail-flow rule uses is judged with the rules (platforms/microsoft.md 2.8).
    """

    async def inspect(self, ctx: StepContext) -> Finding:
        rows = await unless_refused(ctx.exchange.run("Get-OutboundConnector", {}))
        if rows is None:
            return self.skipped(Text("skipped.connectors"))
        domain = ctx.channel.forwarding_address.rpartition("@")[2].lower()
        found = next((row for row in rows if domain and _takes(row, domain)), None)
        if found is None:
            return self.ok(Text("seen.no_connector"))
        hosts = ", ".join(map(str, as_list(found.get("SmartHosts"))))
        seen = Text("seen.connector", {"name": text_of(found, "Name"), "hosts": hosts})
        return self.possible(seen, cause=Cause.CONNECTOR_TAKES_MAIL)


def _takes(row: ExchangeRow, domain: str) -> bool:
    """Return whether the connector is on and routes mail for the domain to smart hosts."""
    if row.get("Enabled") is not True or row.get("IsTransportRuleScoped") is True:
        return False
    domains = (str(each).lower() for each in as_list(row.get("RecipientDomains")))
    plain = (each.removeprefix("smtp:").partition(";")[0] for each in domains)
    named = any(domain_matches(each, domain) for each in plain)
    to_hosts = named and row.get("UseMXRecord") is not True
    return to_hosts or row.get("RouteAllMessagesViaOnPremises") is True
