"""Article row M4: automatic forwarding to outside addresses, allowed for this one sender."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.checks.verdict import judge
from jobs.microsoft.outbound_spam import policy_name
from jobs.model import Change, Finding, Profile, Scope, State, Text
from jobs.probes import checks_for
from jobs.runs.run import RecordedChange
from jobs.steps.forwarding import POLICY, RULE, OutboundPolicy
from tests.unit.jobs.conftest import Cloud, Given

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
