"""Article row M4: automatic forwarding to outside addresses, allowed for this one sender."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jobs.checks.verdict import judge
from jobs.microsoft.outbound_spam import policy_name
from jobs.model import Change, Finding, Profile, Scope, State, Text
from jobs.probes import checks_for
from jobs.runs.run import RecordedChange
from jobs.steps.forwarding import POLICY, RULE, OutboundPolicy
from tests.unit.jobs.conftest import NO_OBJECT, Cloud, Given

STEP = OutboundPolicy()
MAILBOX = "support@contoso.com"
NAME = policy_name(MAILBOX)
DEFAULT = {
    "Name": "Default",
    "IsDefault": True,
    "AutoForwardingMode": "Automatic",
    "RecipientLimitPerDay": 500,
    "NotifyOutboundSpam": False,
}
OURS = {"Name": NAME, "AutoForwardingMode": "On"}
RULE_OF_OURS = {"Name": NAME, POLICY: NAME, "From": [MAILBOX], "Priority": 0, "State": "Enabled"}
ABOVE_OURS = RULE_OF_OURS | {"Name": "Baseline", POLICY: "Default"}


@pytest.mark.parametrize("mode", ["Automatic", "Off", None])
async def test_the_default_policy_does_not_forward(given: Given, cloud: Cloud, mode: str | None):
    """A default policy with the mode Automatic or Off, or without a mode, blocks forwarding."""
    cloud.on(f"Get-{POLICY}", [DEFAULT | {"AutoForwardingMode": mode}])
    found = await STEP.inspect(given())
    seen = Text(
        "seen.outbound", {"mode": f"key:forwarding_mode.{mode or 'Automatic'}", "policy": "Default"}
    )
    assert (found.state, found.seen, found.cause) == (State.WRONG, seen, "forwarding_blocked")


async def test_a_policy_that_is_on_holds(given: Given, cloud: Cloud):
    """The step is OK if the policy that applies says On, no matter who created it."""
    cloud.on(f"Get-{POLICY}", [DEFAULT, OURS]).on(f"Get-{RULE}", [RULE_OF_OURS])
    seen = Text("seen.outbound", {"mode": "key:forwarding_mode.On", "policy": NAME})
    found = await STEP.inspect(given())
    assert (replace(found, values={}), set(found.values)) == (
        Finding("outbound_policy", State.OK, seen=seen),
        {"policy", "rule"},
    )


@pytest.mark.parametrize(("kind", "state"), [("setup", State.WRONG), ("check", State.POSSIBLE)])
@pytest.mark.parametrize(("default", "above"), [("On", "Off"), ("Automatic", "On")])
@pytest.mark.parametrize(
    "who", [{"FromMemberOf": ["Sales"]}, {"From": [MAILBOX], "ExceptIfFromMemberOf": ["Sales"]}]
)
async def test_a_rule_for_a_group_leaves_a_doubt(
    given: Given,
    cloud: Cloud,
    kind: str,
    state: State,
    default: str,
    above: str,
    who: dict[str, object],
):
    """A rule for a group is a possible cause in a check and wrong in a setup."""
    policies = [
        DEFAULT | {"AutoForwardingMode": default},
        {"Name": "Sales", "AutoForwardingMode": above},
    ]
    rule = {"Name": "Sales only", POLICY: "Sales", "Priority": 0, "State": "Enabled"} | who
    cloud.on(f"Get-{POLICY}", policies).on(f"Get-{RULE}", [rule])
    found = await STEP.inspect(given(kind=kind))
    seen = Text(
        "seen.outbound_unsure",
        {"policy": "Default", "mode": f"key:forwarding_mode.{default}", "rule": "Sales only"},
    )
    assert (found.state, found.seen, found.cause) == (state, seen, "forwarding_blocked")


@pytest.mark.parametrize(
    ("cause", "causes"), [("forwarding_blocked", ("outbound_policy",)), ("", ())]
)
async def test_a_trace_takes_the_doubt_away(
    given: Given, cloud: Cloud, cause: str, causes: tuple[str, ...]
):
    """If a rule for a group may apply, the trace of the copies decides whether it is the cause."""
    rule = {
        "Name": "Sales",
        POLICY: "Sales",
        "FromMemberOf": ["Sales"],
        "Priority": 0,
        "State": "Enabled",
    }
    cloud.on(f"Get-{POLICY}", [DEFAULT, {"Name": "Sales", "AutoForwardingMode": "On"}]).on(
        f"Get-{RULE}", [rule]
    )
    copies = Finding("copies", State.WRONG if cause else State.OK, cause=cause)
    found = {"outbound_policy": await STEP.inspect(given(kind="check")), "copies": copies}
    assert judge(checks_for(Profile.LEAST), found).causes == causes


async def test_a_policy_and_a_rule_are_made(given: Given, cloud: Cloud):
    """A new policy keeps the present limits and gets a rule, without another read."""
    cloud.on(f"Get-{POLICY}", [DEFAULT])
    ctx = given()
    found = await STEP.inspect(ctx)
    limits = "-RecipientLimitPerDay 500 -NotifyOutboundSpam $false"
    command = (
        f"New-{POLICY} -Name '{NAME}' -AutoForwardingMode On {limits}\nNew-{RULE} -Name '{NAME}' -{POLICY} "
        f"'{NAME}' -From {MAILBOX} -Priority 0"
    )
    before = Text("seen.outbound", {"mode": "key:forwarding_mode.Automatic", "policy": "Default"})
    words = Text("step.outbound_policy"), before, Text("after.outbound_policy")
    assert STEP.plan(ctx, found) == (
        Change("outbound_policy", "M4", *words, Scope.MAILBOX, command),
    )
    cloud.asked.clear()
    await STEP.apply(ctx, found)
    assert cloud.asked == [
        (
            f"New-{POLICY}",
            {
                "RecipientLimitPerDay": 500,
                "NotifyOutboundSpam": False,
                "Name": NAME,
                "AutoForwardingMode": "On",
            },
        ),
        (f"New-{RULE}", {"Name": NAME, POLICY: NAME, "From": [MAILBOX], "Priority": 0}),
    ]


ABOVE = [
    {"Name": f"Rule {number}", POLICY: "Sales", "From": ["a@contoso.com"], "Priority": number}
    for number in range(3)
]


@pytest.mark.parametrize(
    ("rules", "note"),
    [
        ([], None),
        (ABOVE[:1], Text("note.rules_move", {"count": "1"})),
        (ABOVE, Text("note.rules_move", {"count": "3"})),
        (
            [ABOVE[0], RULE_OF_OURS | {"Priority": "1", "State": "Disabled"}, ABOVE[2]],
            Text("note.rules_move", {"count": "1"}),
        ),
        ([RULE_OF_OURS | {"State": "Disabled"}, ABOVE[1]], None),
    ],
)
async def test_the_plan_says_which_rules_move_down(
    given: Given, cloud: Cloud, rules: list[Any], note: Text | None
):
    """The plan counts the rules that move down: all, or those above the bot's existing rule."""
    cloud.on(f"Get-{POLICY}", [DEFAULT, OURS]).on(f"Get-{RULE}", rules)
    ctx = given()
    found = await STEP.inspect(ctx)
    assert (found.state, STEP.plan(ctx, found)[0].note) == (State.WRONG, note)


async def test_a_second_try_completes_the_first(given: Given, cloud: Cloud):
    """If an earlier try created only the policy, the next try switches it on and adds the rule."""
    cloud.on(f"Get-{POLICY}", [DEFAULT, OURS | {"AutoForwardingMode": "Off"}])
    ctx = given()
    await STEP.apply(ctx, await STEP.inspect(ctx))
    assert cloud.writes == [
        (f"Set-{POLICY}", {"Identity": NAME, "AutoForwardingMode": "On"}),
        (f"New-{RULE}", {"Name": NAME, POLICY: NAME, "From": [MAILBOX], "Priority": 0}),
    ]


async def test_a_rule_that_is_there_is_put_on_top(given: Given, cloud: Cloud):
    """An existing rule of the bot is moved to the top, and no second one is created."""
    cloud.on(f"Get-{POLICY}", [DEFAULT, OURS]).on(
        f"Get-{RULE}", [ABOVE_OURS, RULE_OF_OURS | {"Priority": 3}]
    )
    ctx = given()
    await STEP.apply(ctx, await STEP.inspect(ctx))
    assert cloud.writes == [(f"Set-{RULE}", {"Identity": NAME, "Priority": 0})]


SALES, ALIAS = "sales@contoso.com", "svc@contoso.com"
OTHERS: list[tuple[dict[str, Any], dict[str, Any], str, Text]] = [
    (
        {"From": [MAILBOX, SALES]},
        {},
        "",
        Text("after.outbound_policy_shared", {"senders": f"{MAILBOX}, {SALES}"}),
    ),
    (
        {"From": [SALES]},
        {"From": [SALES, MAILBOX]},
        f" -From {SALES}, {MAILBOX}",
        Text("after.outbound_policy_shared", {"senders": f"{SALES}, {MAILBOX}"}),
    ),
    (
        {"From": [MAILBOX, SALES], "ExceptIfFrom": ["b@contoso.com", ALIAS.upper()]},
        {"ExceptIfFrom": ["b@contoso.com"]},
        " -ExceptIfFrom b@contoso.com",
        Text(
            "after.outbound_policy_cleared",
            {"senders": f"{MAILBOX}, {SALES}", "cleared": f"ExceptIfFrom {ALIAS.upper()}"},
        ),
    ),
    (
        {"From": [], "SenderDomainIs": "contoso.com", "ExceptIfSenderDomainIs": ["contoso.com"]},
        {"ExceptIfSenderDomainIs": None},
        " -ExceptIfSenderDomainIs $null",
        Text(
            "after.outbound_policy_cleared",
            {"senders": "contoso.com", "cleared": "ExceptIfSenderDomainIs contoso.com"},
        ),
    ),
    (
        {"From": MAILBOX, "FromMemberOf": ["Sales"], "ExceptIfFromMemberOf": ["Desk", "Field"]},
        {"FromMemberOf": None, "ExceptIfFromMemberOf": None},
        " -FromMemberOf $null -ExceptIfFromMemberOf $null",
        Text(
            "after.outbound_policy_cleared",
            {"senders": MAILBOX, "cleared": "FromMemberOf Sales; ExceptIfFromMemberOf Desk, Field"},
        ),
    ),
]


@pytest.mark.parametrize(("who", "sent", "shown", "after"), OTHERS)
async def test_whom_somebody_else_put_into_our_rule_stays(
    given: Given, cloud: Cloud, who: dict[str, Any], sent: dict[str, Any], shown: str, after: Text
):
    """Senders whom others put into the bot's rule stay, and the plan names them.

    It also names the conditions that are removed. The commands in the plan equal the requests. The
    step is wrong only because a rule is above the bot's rule.
    """
    cloud.on(f"Get-{POLICY}", [DEFAULT, OURS]).on(
        f"Get-{RULE}", [ABOVE_OURS, RULE_OF_OURS | who | {"Priority": 1}]
    )
    cloud.on("Get-Mailbox", [{"EmailAddresses": [f"SMTP:{MAILBOX}", f"smtp:{ALIAS}"]}])
    ctx = given(kind="fix")
    found = await STEP.inspect(ctx)
    (line,) = STEP.plan(ctx, found)
    assert (line.after, line.note) == (after, Text("note.rules_move", {"count": "1"}))
    assert line.command == f"Set-{RULE} '{NAME}'{shown} -Priority 0"
    await STEP.apply(ctx, found)
    assert cloud.writes == [(f"Set-{RULE}", {"Identity": NAME, "Priority": 0, **sent})]


@pytest.mark.parametrize("who", [row[0] for row in OTHERS])
async def test_an_undo_gives_them_back_what_they_had(
    given: Given, cloud: Cloud, who: dict[str, Any]
):
    """An undo restores the bot's rule, even if the fix was killed before reading it back."""
    bent = RULE_OF_OURS | who | {"State": "Disabled"}
    cloud.on(f"Get-{POLICY}", [DEFAULT, OURS]).on(f"Get-{RULE}", [bent])
    cloud.on("Get-Mailbox", [{"EmailAddresses": [f"SMTP:{MAILBOX}", f"smtp:{ALIAS}"]}])
    ctx = given(kind="fix")
    found = await STEP.inspect(ctx)
    await STEP.apply(ctx, found)
    sent = next(values for what, values in cloud.writes if what == f"Set-{RULE}")
    cloud.on(f"Get-{RULE}", [bent | sent | {"State": "Enabled"}])
    (line,) = STEP.plan(ctx, found)
    past = RecordedChange("outbound_policy", line, line.before, found.values, {}, (ctx.run.id,))
    assert (await STEP.inspect_undo(ctx, past)).state is State.WRONG
    cloud.asked.clear()
    await STEP.undo(ctx, past)
    back = {
        name: [value] if isinstance(value, str) and name == "From" else value or None
        for name, value in who.items()
    }
    assert cloud.writes[0] == (f"Set-{RULE}", {"Identity": NAME, POLICY: NAME, **back})
    cloud.on(f"Get-{RULE}", [bent | sent | {"State": "Enabled", "From": ["else@contoso.com"]}])
    assert (await STEP.inspect_undo(ctx, past)).state is State.WARNING


async def test_a_policy_that_is_not_listed_yet_gets_its_rule(given: Given, cloud: Cloud):
    """A policy that exists but is not listed yet gets its rule, without which it has no effect."""
    cloud.on(f"Get-{POLICY}", [DEFAULT])
    cloud.refuse(
        f"New-{POLICY}",
        400,
        "",
        "|Microsoft.Exchange.Data.Directory.ADObjectAlreadyExistsException|It already exists.",
    )
    ctx = given()
    await STEP.apply(ctx, await STEP.inspect(ctx))
    assert [what for what, _ in cloud.writes] == [f"New-{POLICY}", f"New-{RULE}"]


BENT = {
    "State": "Disabled",
    "ExceptIfFrom": [MAILBOX],
    "SenderDomainIs": "fabrikam.com",
    "ExceptIfFromMemberOf": [],
    POLICY: "Other",
}


async def test_a_rule_of_ours_that_somebody_bent_is_put_right(given: Given, cloud: Cloud):
    """The plan shows all repairs of a rule that is off, narrowed or of another policy."""
    cloud.on(f"Get-{POLICY}", [DEFAULT, OURS]).on(f"Get-{RULE}", [RULE_OF_OURS | BENT])
    ctx = given()
    found = await STEP.inspect(ctx)
    put_right = f"-SenderDomainIs $null -ExceptIfFrom $null -{POLICY} '{NAME}' -Priority 0"
    commands = f"Set-{RULE} '{NAME}' {put_right}\nEnable-{RULE} '{NAME}'"
    gone = {"senders": MAILBOX, "cleared": f"SenderDomainIs fabrikam.com; ExceptIfFrom {MAILBOX}"}
    (line,) = STEP.plan(ctx, found)
    assert (found.state, line.command, line.after) == (
        State.WRONG,
        commands,
        Text("after.outbound_policy_cleared", gone),
    )
    await STEP.apply(ctx, found)
    cleared = {"SenderDomainIs": None, "ExceptIfFrom": None}
    assert cloud.writes == [
        (f"Set-{RULE}", {"Identity": NAME, "Priority": 0, POLICY: NAME, **cleared}),
        (f"Enable-{RULE}", {"Identity": NAME}),
    ]


async def test_an_undo_bends_it_back(given: Given, cloud: Cloud):
    """An undo restores the bot's rule as it was: disabled, with its exceptions and its policy."""
    cloud.on(f"Get-{POLICY}", [DEFAULT, OURS]).on(
        f"Get-{RULE}", [RULE_OF_OURS | BENT], [RULE_OF_OURS]
    )
    ctx = given(kind="undo")
    was, left = (await STEP.inspect(ctx)).values, (await STEP.inspect(ctx)).values
    line = Change("outbound_policy", "M4", Text("a"), Text("b"), Text("c"), Scope.MAILBOX, "x")
    past = RecordedChange("outbound_policy", line, Text("b"), was, left, ("R1",))
    bends = f"-From {MAILBOX} -{POLICY} Other -SenderDomainIs fabrikam.com -ExceptIfFrom {MAILBOX}"
    assert (
        STEP.undo_command(ctx, past).partition(f"\nSet-{POLICY}")[0]
        == f"Set-{RULE} '{NAME}' {bends}\nDisable-{RULE} '{NAME}'"
    )
    await STEP.undo(ctx, past)
    bent = {POLICY: "Other", "SenderDomainIs": "fabrikam.com", "ExceptIfFrom": [MAILBOX]}
    assert cloud.writes == [
        (f"Set-{RULE}", {"Identity": NAME, "From": [MAILBOX], **bent}),
        (f"Disable-{RULE}", {"Identity": NAME}),
        (f"Set-{POLICY}", {"Identity": NAME, "AutoForwardingMode": "On"}),
    ]


@pytest.mark.parametrize(
    ("answer", "state"),
    [([{"EmailAddresses": ["SMTP:svc@contoso.com"]}], State.OK), (NO_OBJECT, State.WRONG)],
)
async def test_a_rule_may_name_the_mailbox_otherwise(
    given: Given, cloud: Cloud, answer: object, state: State
):
    """A rule that names an unknown address is compared with the mailbox's aliases in Exchange."""
    rule = RULE_OF_OURS | {"Name": "By hand", "From": ["smtp:SVC@contoso.com"]}
    cloud.on(f"Get-{POLICY}", [DEFAULT, OURS]).on(f"Get-{RULE}", [rule]).on("Get-Mailbox", answer)
    assert (await STEP.inspect(given())).state is state


async def test_a_mailbox_that_may_not_be_read_is_known_by_its_address(given: Given, cloud: Cloud):
    """If the mailbox cannot be read, its address and UPN count.

    Exchange is asked for aliases only if a rule names anybody else.
    """
    rule = RULE_OF_OURS | {"From": ["upn@contoso.com"]}
    cloud.on(f"Get-{POLICY}", [DEFAULT, OURS]).on(f"Get-{RULE}", [rule]).refuse("Get-Mailbox", 403)
    ctx = given(facts={"upn": "upn@contoso.com"})
    assert (await STEP.inspect(ctx)).state is State.OK
    assert "Get-Mailbox" not in [what for what, _ in cloud.asked]
    cloud.on(f"Get-{RULE}", [rule | {"From": ["upn@contoso.com", "b@contoso.com"]}])
    assert (
        (await STEP.inspect(ctx)).state,
        "Get-Mailbox" in [what for what, _ in cloud.asked],
    ) == (State.OK, True)
