"""Tests of rules, connectors and remote domains that stop mail, and of the place at which they do."""

import pytest

from jobs.checks.verdict import judge
from jobs.microsoft.exchange import ExchangeRow
from jobs.model import Finding, RunKind, Signals, State, Station
from jobs.probes import all_probes
from jobs.runs.run import Brief
from jobs.steps import all_steps
from tests.fixtures.parsed import table
from tests.unit.jobs.probes.trace_rows import (
    CUSTOMER,
    FORWARD,
    LOST,
    MAILBOX,
    POSSIBLE,
    RULE_BLOCKS,
    TRACES,
    WARNING,
    WRONG,
    details,
    look,
    row,
)

RULES = table("mail_flow_rules")

TO_BOSS = {"RedirectMessageTo": ["boss@contoso.com"], "SentTo": ["Support@contoso.com"]}


def inspected(cloud, given, *rules) -> Finding:
    """Return the finding of the probe for these enforced mail flow rules."""
    usual = {"Name": "R", "State": "Enabled", "Mode": "Enforce"}
    cloud.on("Get-TransportRule", [ExchangeRow(usual | rule) for rule in rules])
    return look("transport_rules", given())


DELETES = {"DeleteMessage": True}
COPY = DELETES | {"RecipientDomainIs": ["mail.webexconnect.io"]}
WORDS = "AnyOfRecipientAddressContainsWords"


@pytest.mark.parametrize(
    ("rule", "state"),
    [(rule, State(state)) for state in ("wrong", "possible", "ok") for rule in RULES[state]],
)
def test_which_rules_stop_the_copy(cloud, given, rule, state):
    """A rule is certain to stop the copy if it is active and its only condition is the recipient.

    With another condition the rule is only possible.
    """
    assert inspected(cloud, given, rule).state is state


@pytest.mark.parametrize(
    ("by_hand", "address", "state"),
    [(True, None, State.POSSIBLE), (True, f"smtp:{FORWARD}", State.OK), (False, None, State.OK)],
)
async def test_a_rule_against_forwarding_by_rules(cloud, given, by_hand, address, state):
    """It may stop mail that people forward with an inbox rule, but never a mailbox's forwarding."""
    cloud.on("Get-Mailbox", [{"Name": "Support", "ForwardingSmtpAddress": address}])
    cloud.on("Get-TransportRule", [DELETES | {"MessageTypeMatches": "AutoForward"}])
    ctx = given(kind="check", brief=Brief(by_hand=by_hand))
    assert (await all_probes()["transport_rules"].inspect(ctx)).state is state


@pytest.mark.parametrize(
    ("cause", "causes"),
    [("transport_rule_blocks", "transport_rules"), ("forwarding_blocked", "copies")],
)
def test_a_rule_is_the_cause_where_a_trace_names_it(cloud, given, cause, causes):
    """A rule that may match is the cause if a trace blames a rule, and else no cause."""
    rule = inspected(cloud, given, DELETES | {"SubjectContainsWords": ["x"]})
    copies = Finding("copies", WRONG, cause=cause)
    verdict = judge(all_probes(), {"transport_rules": rule, "copies": copies})
    assert (verdict.causes, verdict.weighed[causes].cause) == ((causes,), cause)


TASKS = "Microsoft.Exchange.MessagingPolicies.Rules.Tasks"
WHOLE = COPY | {
    "IsRuleConfigurationSupported": True,
    "RuleConfigurationUnsupportedReason": "",
    "RuleVersion": {"Major": 14, "Minor": 0},
    "RegexSize": 0,
    "Description": "If the message ...",
    "HasNoClassification": False,
    "From": None,
    "Exceptions": None,
    "SomethingNewAboutEveryRule": ["x"],
    "Actions": [f"{TASKS}.DeleteMessageAction"],
    "Conditions": [f"{TASKS}.RecipientDomainIsPredicate"],
}
"""Some of the 200 properties that Exchange gives for a rule, with values as in a real rule."""


def typed(*names: str) -> list[str]:
    """Return the types of these conditions, after that of the rule's own condition."""
    return [f"{TASKS}.{name}Predicate" for name in ("RecipientDomainIs", *names)]


CONTAINS = [f"{TASKS}.AnyOfRecipientAddressContainsPredicate"]
WITH_WORDS = {"RecipientDomainIs": None, WORDS: ["webexconnect"], "Conditions": CONTAINS}
FROM = {"ExceptIfFrom": ["a@b.c"], "Exceptions": [f"{TASKS}.FromPredicate"]}
SCOPE = {"FromScope": "NotInOrganization", "Conditions": typed("FromScope")}


@pytest.mark.parametrize(
    ("rule", "narrowing"),
    [
        ({}, ()),
        ({"IsRuleConfigurationSupported": False}, ("IsRuleConfigurationSupported",)),
        ({"Conditions": typed("NewThing")}, ("NewThing",)),
        ({"Exceptions": [f"{TASKS}.NewThingPredicate"]}, ("NewThing",)),
        (SCOPE, ("FromScope",)),
        (FROM, ("ExceptIfFrom",)),
        (WITH_WORDS, ()),
        ({"Conditions": None}, ()),
    ],
)
def test_a_whole_rule_goes_by_the_conditions_that_are_set(cloud, given, rule, narrowing):
    """General properties that Exchange gives for every rule do not count as conditions.

    A condition that the bot does not know is named in the finding.
    """
    found = inspected(cloud, given, WHOLE | rule)
    assert found.state is (POSSIBLE if narrowing else WRONG)
    assert found.seen.values["names"] == (f"R ({', '.join(narrowing)})" if narrowing else "R")


BEFORE, ANSWER = f"{RULE_BLOCKS}_arrivals", f"{RULE_BLOCKS}_answers"
SOME = DELETES | {"Name": "Some mail", "State": "Enabled", "SubjectContainsWords": ["order"]}
BY_RULE = "Fail | Transport rule: 'Some mail', ID: (x)"


def traced(cloud, recipient: str, words: str) -> None:
    """Script the newest mail to ``recipient`` as failed with ``words``."""
    sender = MAILBOX if recipient == CUSTOMER else CUSTOMER
    failed = [row(5, "failed", recipient, senderAddress=sender)]
    cloud.on(TRACES, *([[], failed] if recipient == FORWARD else [failed, []]))
    details(cloud, 5, recipient, words)


def found_by(name: str, ctx) -> dict[str, Finding]:
    """Return the findings of the trace probe ``name`` and of the rules."""
    return {each: look(each, ctx) for each in (name, "transport_rules")}


def judged(found) -> tuple[str, Station | None]:
    """Return the first cause of the verdict, and the station at which mail stops."""
    verdict = judge(all_probes(), found)
    return verdict.weighed[verdict.causes[0]].cause, verdict.stops


@pytest.mark.parametrize(
    ("rules", "cause", "stops"),
    [
        ([TO_BOSS], BEFORE, Station.MAILBOX),
        ([COPY], RULE_BLOCKS, Station.FORWARD),
        ([COPY, TO_BOSS], BEFORE, Station.MAILBOX),
    ],
)
def test_a_rule_that_certainly_matches_has_its_place(cloud, given, rules, cause, stops):
    """The rule that stops mail first is reported first."""
    assert judged({"transport_rules": inspected(cloud, given, *rules)}) == (cause, stops)


@pytest.mark.parametrize(
    ("name", "recipient", "cause", "stops"),
    [
        ("arrivals", MAILBOX, BEFORE, Station.MAILBOX),
        ("copies", FORWARD, RULE_BLOCKS, Station.FORWARD),
        ("answers", CUSTOMER, ANSWER, Station.ANSWER),
    ],
)
@pytest.mark.parametrize("readable", [True, False])
def test_a_rule_that_a_trace_names_has_its_place(
    cloud, given, name, recipient, cause, stops, readable
):
    """A rule that a trace names is reported with its station, even if the rules cannot be read."""
    traced(cloud, recipient, BY_RULE if readable else "Deleted by the transport rule 'Some mail'.")
    if readable:
        cloud.on("Get-TransportRule", [ExchangeRow(SOME)])
    found = found_by(name, given())
    assert judged(found if readable else {name: found[name]}) == (cause, stops)


def test_a_rule_for_the_copy_explains_no_mail_that_never_arrived(cloud, given):
    """A rule that stops copies is not the cause of mail that never arrived.

    That mail has an earlier cause. An answer that a rule stops is a symptom of the known rule.
    """
    rule = {"transport_rules": inspected(cloud, given, COPY)}
    before = {"arrivals": Finding("arrivals", WRONG, cause=BEFORE)}
    answers = {"answers": Finding("answers", WRONG, cause=ANSWER)}
    assert judge(all_probes(), rule | before).causes == ("arrivals", "transport_rules")
    assert judge(all_probes(), rule | answers).symptoms == {"answers": "transport_rules"}


@pytest.mark.parametrize(("name", "recipient", "words", "cause", "stops"), RULES["bounces"])
def test_a_bounce_has_its_place(cloud, given, name, recipient, words, cause, stops):
    """A single bounce is enough for a cause and its station if its code is known."""
    traced(cloud, recipient, words)
    assert judged(found_by(name, given())) == (cause, stops)


@pytest.mark.parametrize(("name", "recipient", "words"), RULES["bounces_of_others"])
def test_what_a_bounce_says_of_others_is_no_cause(cloud, given, name, recipient, words):
    """A bounce because of the other side, such as a customer's full mailbox, is only a warning."""
    traced(cloud, recipient, words)
    found = found_by(name, given())[name]
    assert (found.state, found.cause) == (WARNING, LOST)


def test_an_incident_of_webex_explains_a_copy_that_nobody_took():
    """If nobody took a copy during an incident of Webex, the incident is the cause.

    Mail stops at Webex Connect then.
    """
    at_connect = Signals(station=Station.CONNECT)
    late = Finding("copies", WRONG, cause="connect_not_reached", signals=at_connect)
    incident = Finding("webex_status", POSSIBLE, cause="webex_incident")
    assert judged({"copies": late, "webex_status": incident}) == ("webex_incident", Station.CONNECT)


ON = {"Name": "Relay", "Enabled": True, "RecipientDomains": ["*"], "SmartHosts": ["relay.example"]}


@pytest.mark.parametrize(
    ("row", "state"),
    [
        (ON, State.POSSIBLE),
        (ON | {"RecipientDomains": ["smtp:*.webexconnect.io;1"]}, State.POSSIBLE),
        (ON | {"RecipientDomains": "mail.webexconnect.io"}, State.POSSIBLE),
        (ON | {"RecipientDomains": [], "RouteAllMessagesViaOnPremises": True}, State.POSSIBLE),
        (ON | {"Enabled": False}, State.OK),
        (ON | {"IsTransportRuleScoped": True}, State.OK),
        (ON | {"UseMXRecord": True}, State.OK),
        (ON | {"RecipientDomains": ["partner.example"]}, State.OK),
    ],
)
def test_a_connector_that_takes_the_copies_is_possible(cloud, given, row, state):
    """Mail that becomes a task disproves it. Mail without a task, or a refused copy, proves it."""
    cloud.on("Get-OutboundConnector", [row])
    found = {"outbound_connectors": look("outbound_connectors", given())}
    assert found["outbound_connectors"].state is state
    possible = ("outbound_connectors",) if state is State.POSSIBLE else ()
    assert judge(all_probes(), found).possible == possible
    found["mail_to_task"] = Finding("mail_to_task", State.OK)
    assert judge(all_probes(), found).possible == ()
    for end, cause in (("mail_to_task", "no_task"), ("copies", "smtp_refused")):
        case = {**found, "mail_to_task": Finding("mail_to_task", State.SKIPPED)}
        case[end] = Finding(end, State.WRONG, cause=cause)
        assert judge(all_probes(), case).causes == (possible or (end,))


def test_connectors_that_nobody_may_read_say_nothing(cloud, given):
    """A refusal of Exchange is no finding about the channel."""
    cloud.on("Get-OutboundConnector", (403, {}))
    assert look("outbound_connectors", given()).state is State.SKIPPED


OFF, DOMAIN_BLOCKS = {"AutoForwardEnabled": False}, "remote_domain_blocks_forwarding"


@pytest.mark.parametrize(
    ("kind", "row", "state", "cause"),
    [
        ("check", OFF, State.WRONG, DOMAIN_BLOCKS),
        ("setup", OFF, State.POSSIBLE, DOMAIN_BLOCKS),
        ("setup", {"TNEFEnabled": True}, State.WARNING, "tnef_on"),
        ("check", {"TNEFEnabled": "True"}, State.WARNING, "tnef_on"),
        ("check", {"TNEFEnabled": None}, State.OK, ""),
        ("setup", None, State.SKIPPED, ""),
    ],
)
async def test_a_plan_and_a_check_show_the_remote_domain(cloud, given, kind, row, state, cause):
    """A plan blocks nothing; an entry that nobody may read stays open there."""
    cloud.on("Get-RemoteDomain", [{"DomainName": "*", **row}] if row is not None else (403, {}))
    found = await all_steps()["remote_domain"].inspect(given(kind=kind))
    assert (found.state, found.cause) == (state, cause)


@pytest.mark.parametrize(("rows", "blocked_by"), RULES["remote_domains"])
async def test_the_most_specific_remote_domain_counts(cloud, given, rows, blocked_by):
    """A pattern covers the domain and those below it, and the longest one decides."""
    cloud.on("Get-RemoteDomain", rows)
    found = await all_steps()["remote_domain"].inspect(given(kind=RunKind.CHECK))
    assert found.state is (State.WRONG if blocked_by else State.OK)
    assert not blocked_by or (found.seen and found.seen.values == {"name": blocked_by})
