"""Article row E4: Exchange ``Mail.Send`` as an application permission."""

from __future__ import annotations

from jobs.microsoft.app_manifest import unique_name
from jobs.microsoft.graph import EXCHANGE_APP_ID
from jobs.model import Change, Finding, Scope, State, Text
from jobs.steps.application import MailSend
from tests.unit.jobs.conftest import Cloud, Given

STEP = MailSend()
READ = f"GET /applications(uniqueName='{unique_name('support@contoso.com')}')"
FACTS = {"mail_send": "mail-id", "exchange_smtp_send": "smtp-id", "object_id": "object-1"}
SMTP, MAIL = {"id": "smtp-id", "type": "Scope"}, {"id": "mail-id", "type": "Role"}


async def test_a_tenant_without_mail_send_goes_without(given: Given, cloud: Cloud):
    """If Exchange does not expose Mail.Send, the step is skipped without a request."""
    found = await STEP.inspect(given())
    assert (found, cloud.asked) == (
        Finding("mail_send", State.SKIPPED, seen=Text("skipped.mail_send_not_exposed")),
        [],
    )


async def test_declared_is_declared(given: Given, cloud: Cloud):
    """A declared Mail.Send is found without regard to the letter case of its IDs."""
    cloud.on(
        READ,
        {
            "requiredResourceAccess": [
                {
                    "resourceAppId": EXCHANGE_APP_ID.upper(),
                    "resourceAccess": [MAIL | {"id": "MAIL-ID"}],
                }
            ]
        },
    )
    assert await STEP.inspect(given(facts=FACTS)) == Finding(
        "mail_send", State.OK, seen=Text("seen.mail_send"), values={"declared": "yes"}
    )


async def test_a_stale_read_does_not_drop_smtp_send(given: Given, cloud: Cloud):
    """The whole list of permissions is replaced, so the bot writes SMTP.Send with it.

    This holds even if an outdated read lacks SMTP.Send.
    """
    cloud.on(READ, {"requiredResourceAccess": []})
    ctx = given(facts=FACTS)
    found = await STEP.inspect(ctx)
    words = Text("step.mail_send"), Text("seen.none"), Text("after.mail_send")
    command = "requiredResourceAccess + Exchange Mail.Send (Role)"
    line = Change(
        "mail_send", "E4", *words, Scope.APP, command, note=Text("note.mail_send"), warning=True
    )
    assert STEP.plan(ctx, found) == (line,)
    await STEP.apply(ctx, found)
    access = [{"resourceAppId": EXCHANGE_APP_ID, "resourceAccess": [SMTP, MAIL]}]
    assert cloud.writes == [("PATCH /applications/object-1", {"requiredResourceAccess": access})]
