"""Tests of permissions of the email app beyond the channel's needs, which are only a warning."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from jobs.model import Finding, Profile, State, Text
from jobs.probes.excess_permissions import Surplus

SP = "aaaaaaaa-0000-4000-8000-0000000000a1"
MAIL_SEND = "bbbbbbbb-0000-4000-8000-0000000000b2"
FULL_ID, NOTHING = "dc890d15-9560-4a4c-9b7f-a736ec74ec40", "00000000-0000-0000-0000-000000000000"
NAME = "Office 365 Exchange Online"
FULL = {"appRoleId": FULL_ID, "resourceDisplayName": NAME}
FORM = {"scope": "SMTP.Send offline_access openid profile"}
SENDS = {"appRoleId": MAIL_SEND.upper(), "resourceDisplayName": NAME}
READS = {"scope": "Mail.ReadWrite SMTP.Send"}
LEAST, ARTICLE = Profile.LEAST, Profile.ARTICLE


@pytest.mark.parametrize(
    ("profile", "grants", "roles", "more"),
    [
        (LEAST, [FORM], [], ()),
        (ARTICLE, [FORM, {"scope": " User.Read  EMAIL "}], [SENDS], ()),
        (LEAST, [FORM], [{"appRoleId": NOTHING}], ()),
        (LEAST, [FORM], [SENDS], (f"{NAME} {MAIL_SEND.upper()}",)),
        (ARTICLE, [FORM], [SENDS, FULL], (f"{NAME} {FULL_ID}",)),
        (ARTICLE, [READS, {"scope": None}], [], ("Mail.ReadWrite",)),
        (ARTICLE, [READS], [{"appRoleId": "x"}], ("API x", "Mail.ReadWrite")),
    ],
)
def test_what_is_beyond_need(cloud, given, channel, profile, grants, roles, more):
    """Permissions beyond the profile's needs are named, except those that every new app gets."""
    cloud.on("GET /oauth2PermissionGrants", grants)
    cloud.on(f"GET /servicePrincipals/{SP}/appRoleAssignments", roles)
    facts = {"sp_id": SP, "mail_send": MAIL_SEND}
    ctx = given(channel=replace(channel, profile=profile), facts=facts)
    found = asyncio.run(Surplus().inspect(ctx))
    named = Text("seen.surplus", {"names": ", ".join(more), "count": str(len(more))})
    warned = Finding("surplus", State.WARNING, seen=named, expected=Text("expected.surplus"))
    assert found == (warned if more else Finding("surplus", State.OK, seen=Text("seen.no_surplus")))
