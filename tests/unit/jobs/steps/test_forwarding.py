"""Rows M3 to M5: forwarding, and the policy and customization that allow it."""

import pytest

from jobs.access.tenants import SESSION_S
from jobs.checks.verdict import judge
from jobs.clock import now
from jobs.clouds.errors import Forbidden, NotFound, Rejected
from jobs.model import Finding, Profile, State, Text, Turn
from jobs.probes import checks_for
from jobs.runs.run import Event, Kind
from jobs.steps import forwarding
from jobs.steps.forwarding import CUSTOMIZATION_S, DAY_TRIES, POLICY, RULE
from jobs.storage.locks import LONGEST_PAUSE_S
from tests.unit.jobs.conftest import MAILBOX
from tests.unit.jobs.engine.scripted_steps import engine
from tests.unit.jobs.steps import looks_of_mail as looks
from tests.unit.jobs.steps.looks_of_mail import BENT, DEFAULT, OTHERS, OURS, RULE_OF_OURS, RULED
from tests.unit.jobs.steps.test_undo import past

STEP = forwarding.Forwarding()


def test_an_undo_names_the_addresses_as_powershell_takes_them(given):
    """The command of an undo quotes a name with a space, which would otherwise be two arguments."""
    was = {"internal": "Jane Doe", "smtp": "old@x.io", "keeps": "false"}
    command = STEP.undo_command(given(kind="undo"), past("forwarding", was, {}))
    where = "-ForwardingAddress 'Jane Doe' -ForwardingSmtpAddress smtp:old@x.io"
    assert command == f"Set-Mailbox support@contoso.com {where} -DeliverToMailboxAndForward $false"


async def test_a_mailbox_that_is_not_there_is_not_forwarded_wrongly(given):
    """A missing mailbox raises ``NotFound``, because its forwarding is unknown.

    Another step reports the missing mailbox.
    """
    with pytest.raises(NotFound):
        await STEP.inspect(given())


CUSTOMIZATION_STEP = forwarding.Customization()


async def test_who_may_not_read_the_policies_sees_no_need(given, cloud):
    """If the policies cannot be read, the step fails with ``Forbidden``."""
    cloud.refuse("Get-OrganizationConfig", 403).refuse(f"Get-{POLICY}", 403)
    with pytest.raises(Forbidden):
        await CUSTOMIZATION_STEP.inspect(given())


NOT_REQUIRED = "This operation is not required. Organization is already enabled for customization."
NOT_YET = (
    "The command you tried to run isn't currently allowed in your organization. First need to run "
    "the command: Enable-OrganizationCustomization"
)


async def test_a_flag_that_stays_is_waited_for_by_the_policy(given, cloud):
    """If ``IsDehydrated`` stays true, the cmdlet still runs once, and M4 is retried.

    The pauses between the tries grow.
    """
    cloud.on("Get-OrganizationConfig", [{"IsDehydrated": True}]).on(f"Get-{POLICY}", [DEFAULT])
    cloud.refuse("Enable-OrganizationCustomization", 400, "BadRequest", NOT_REQUIRED)
    cloud.refuse(f"New-{POLICY}", 400, "BadRequest", NOT_YET)
    ctx = given()
    worker = engine(ctx, CUSTOMIZATION_STEP, POLICY_STEP)
    await worker.make_plan()
    for scope in ("tenant", "mailbox"):
        data = {"plan": ctx.run.plan.id, "scope": scope}
        ctx.store.append(ctx.run.id, Event(Kind.APPROVED, now(), data=data))
    pauses = []
    for _ in range(4):
        await worker.apply_plan()
        waiting = ctx.run.findings["outbound_policy"]
        assert (waiting.waiting_for, waiting.seen) == (Turn.TIME, Text("seen.customization_takes"))
        pauses.append(round((waiting.until - now()).total_seconds()))
    asked = [what for what, _ in cloud.writes]
    assert (asked.count("Enable-OrganizationCustomization"), asked.count(f"New-{POLICY}")) == (1, 4)
    told = ctx.run.settled("customization"), pauses
    assert told == (True, [round(pause) for pause in CUSTOMIZATION_S[:4]])


POLICY_STEP = forwarding.OutboundPolicy()


@pytest.mark.parametrize(
    ("cause", "causes"), [("forwarding_blocked", ("outbound_policy",)), ("", ())]
)
async def test_a_trace_takes_the_doubt_away(given, cloud, cause, causes):
    """If a rule for a group may apply, the trace of the copies decides whether it is the cause."""
    for what, answer in (looks.ALLOWS | looks.MAYBE).items():
        cloud.on(what, answer)
    copies = Finding("copies", State.WRONG if cause else State.OK, cause=cause)
    found = {"outbound_policy": await POLICY_STEP.inspect(given(kind="check")), "copies": copies}
    assert judge(checks_for(Profile.LEAST), found).causes == causes


@pytest.mark.parametrize("who", OTHERS)
async def test_an_undo_gives_them_back_what_they_had(given, cloud, who):
    """An undo restores the bot's rule, even if the fix was killed before reading it back."""
    bent = RULE_OF_OURS | who | {"State": "Disabled"}
    cloud.on(f"Get-{POLICY}", [DEFAULT, OURS]).on(f"Get-{RULE}", [bent])
    cloud.on("Get-Mailbox", looks.ALIASES["Get-Mailbox"])
    ctx = given(kind="fix")
    found = await POLICY_STEP.inspect(ctx)
    await POLICY_STEP.apply(ctx, found)
    sent = next(values for what, values in cloud.writes if what == f"Set-{RULE}")
    cloud.on(f"Get-{RULE}", [bent | sent | {"State": "Enabled"}])
    what = past("outbound_policy", found.values, {})
    assert (await POLICY_STEP.inspect_undo(ctx, what)).state is State.WRONG
    cloud.asked.clear()
    await POLICY_STEP.undo(ctx, what)
    back = {name: value or None for name, value in who.items()}
    back["From"] = [MAILBOX] if who["From"] == MAILBOX else back["From"]
    assert cloud.writes[0] == (f"Set-{RULE}", {"Identity": RULED, POLICY: RULED, **back})
    cloud.on(f"Get-{RULE}", [bent | sent | {"State": "Enabled", "From": ["else@contoso.com"]}])
    assert (await POLICY_STEP.inspect_undo(ctx, what)).state is State.WARNING


async def test_a_policy_that_is_not_listed_yet_gets_its_rule(given, cloud):
    """A policy that exists but is not listed yet gets its rule, without which it has no effect."""
    cloud.on(f"Get-{POLICY}", [DEFAULT])
    words = "|Microsoft.Exchange.Data.Directory.ADObjectAlreadyExistsException|It already exists."
    cloud.refuse(f"New-{POLICY}", 400, "", words)
    ctx = given()
    await POLICY_STEP.apply(ctx, await POLICY_STEP.inspect(ctx))
    assert [what for what, _ in cloud.writes] == [f"New-{POLICY}", f"New-{RULE}"]


async def test_an_undo_bends_it_back(given, cloud):
    """An undo restores the bot's rule as it was: disabled, with its exceptions and its policy."""
    cloud.on(f"Get-{POLICY}", [DEFAULT, OURS])
    cloud.on(f"Get-{RULE}", [RULE_OF_OURS | BENT], [RULE_OF_OURS])
    ctx = given(kind="undo")
    was, left = ((await POLICY_STEP.inspect(ctx)).values, (await POLICY_STEP.inspect(ctx)).values)
    what = past("outbound_policy", was, left)
    bends = f"-From {MAILBOX} -{POLICY} Other -SenderDomainIs fabrikam.com -ExceptIfFrom {MAILBOX}"
    told = POLICY_STEP.undo_command(ctx, what).partition(f"\nSet-{POLICY}")[0]
    assert told == f"Set-{RULE} '{RULED}' {bends}\nDisable-{RULE} '{RULED}'"
    await POLICY_STEP.undo(ctx, what)
    bent = {POLICY: "Other", "SenderDomainIs": "fabrikam.com", "ExceptIfFrom": [MAILBOX]}
    assert cloud.writes == [
        (f"Set-{RULE}", {"Identity": RULED, "From": [MAILBOX], **bent}),
        (f"Disable-{RULE}", {"Identity": RULED}),
        (f"Set-{POLICY}", {"Identity": RULED, "AutoForwardingMode": "On"}),
    ]


async def test_a_mailbox_that_may_not_be_read_is_known_by_its_address(given, cloud):
    """If the mailbox cannot be read, its address and UPN count.

    Exchange is asked for aliases only if a rule names anybody else.
    """
    rule = RULE_OF_OURS | {"From": ["upn@contoso.com"]}
    cloud.on(f"Get-{POLICY}", [DEFAULT, OURS]).on(f"Get-{RULE}", [rule]).refuse("Get-Mailbox", 403)
    ctx = given(facts={"upn": "upn@contoso.com"})
    assert (await POLICY_STEP.inspect(ctx)).state is State.OK
    assert "Get-Mailbox" not in [what for what, _ in cloud.asked]
    cloud.on(f"Get-{RULE}", [rule | {"From": ["upn@contoso.com", "b@contoso.com"]}])
    assert (await POLICY_STEP.inspect(ctx)).state is State.OK
    assert "Get-Mailbox" in [what for what, _ in cloud.asked]


def test_the_pauses_make_a_day_and_end_before_the_sign_in():
    """The pauses add up to the 24 hours that Microsoft names and end before the sign-in does."""
    more = DAY_TRIES + 1 - len(CUSTOMIZATION_S)
    pauses = [*CUSTOMIZATION_S, *[CUSTOMIZATION_S[-1]] * more]
    assert 24 * 3600 <= sum(pauses) < SESSION_S
    assert max(pauses) <= LONGEST_PAUSE_S


@pytest.mark.parametrize(
    ("cause", "tries", "turn"),
    [
        ("customization_needed", 0, Turn.TIME),
        ("customization_needed", DAY_TRIES + 1, None),
        ("request_rejected", 0, None),
    ],
    ids=["at first", "after a day", "another error"],
)
def test_a_customization_that_takes_time_is_waited_for(given, cause, tries, turn):
    """If Exchange still asks for the customization, the step waits and tries again for a day.

    Then a person has to look. Other errors are left to the engine.
    """
    ctx = given(waits={"outbound_policy": tries})
    found = POLICY_STEP.explain_error(ctx, Rejected(cause, "exchange"))
    assert (found and found.waiting_for) == turn
