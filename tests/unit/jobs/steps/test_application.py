"""Article row E1: the app registration."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.clouds.errors import MalformedAnswer, NotFound
from jobs.microsoft.graph import EXCHANGE_APP_ID, GRAPH_APP_ID
from jobs.model import Change, Scope, State, Text
from jobs.runs.run import Brief, RecordedChange
from tests.unit.jobs.conftest import Cloud, Given
from tests.unit.jobs.steps.app_states import (
    ACCESS,
    APP,
    CHANGE,
    FACTS,
    KNOWN,
    NAME,
    READ,
    STEP,
    URIS,
    WRITE,
)


async def test_a_whole_app_holds(given: Given, cloud: Cloud):
    """An app with both redirect URIs, a single tenant and a declared SMTP.Send is OK."""
    cloud.on(READ, APP)
    found = await STEP.inspect(given(facts=FACTS))
    assert (found.state, found.seen, found.facts) == (
        State.OK,
        Text("seen.application", {"client_id": "client-1"}),
        KNOWN,
    )


@pytest.mark.parametrize("audience", ["azureadmyorg", None])
async def test_an_audience_that_is_not_told_is_no_difference(
    given: Given, cloud: Cloud, audience: str | None
):
    """An app is OK if Graph omits its audience or writes it in another letter case."""
    cloud.on(READ, APP | {"signInAudience": audience})
    assert (await STEP.inspect(given(facts=FACTS))).state is State.OK


@pytest.mark.parametrize(("kind", "state"), [("setup", State.WRONG), ("check", State.WARNING)])
async def test_the_bots_own_address_carries_no_mail(
    given: Given, cloud: Cloud, kind: str, state: State
):
    """If only the bot's redirect URI is missing, a check warns and a setup finds the app wrong."""
    cloud.on(READ, APP | {"web": {"redirectUris": URIS[:1]}})
    found = await STEP.inspect(given(facts=FACTS, kind=kind))
    assert (found.state, found.seen) == (
        state,
        Text("seen.redirects_missing", {"missing": URIS[1]}),
    )


@pytest.mark.parametrize("name", ["id", "appId"])
async def test_an_app_without_its_ids_says_nothing(given: Given, cloud: Cloud, name: str):
    """If Graph returns an app without one of its documented IDs, the answer is malformed."""
    cloud.on(READ, APP | {name: None})
    with pytest.raises(MalformedAnswer, match=f"an object without {name}"):
        await STEP.inspect(given(facts=FACTS))


@pytest.mark.parametrize(
    ("part", "seen"),
    [
        ({"web": {"redirectUris": URIS[1:]}}, Text("seen.redirects_missing", {"missing": URIS[0]})),
        (
            {"web": {"redirectUris": [URIS[0] + "/", URIS[1]]}},
            Text("seen.redirects_missing", {"missing": URIS[0]}),
        ),
        ({"web": None}, Text("seen.redirects_missing", {"missing": ", ".join(URIS)})),
        (
            {"signInAudience": "AzureADMultipleOrgs"},
            Text("seen.audience", {"audience": "AzureADMultipleOrgs"}),
        ),
        ({"requiredResourceAccess": []}, Text("seen.not_declared")),
    ],
)
async def test_what_an_app_may_lack(
    given: Given, cloud: Cloud, part: dict[str, object], seen: Text
):
    """The finding names the app's difference, and the app's IDs are known in spite of it."""
    cloud.on(READ, APP | part)
    found = await STEP.inspect(given(facts=FACTS))
    assert (found.state, found.seen, found.facts) == (State.WRONG, seen, KNOWN)


async def test_the_bots_own_secret_is_seen(given: Given, cloud: Cloud):
    """The finding says whether the app has the bot's own secret.

    So a later step knows whether it can use that secret, without reading the app again.
    """
    cloud.on(READ, APP | {"passwordCredentials": [{"displayName": "Webex email bot, check"}]})
    assert (await STEP.inspect(given(facts=FACTS))).facts == KNOWN | {"own_secret": "yes"}


@pytest.mark.parametrize(
    ("part", "state"),
    [
        ({"web": {"redirectUris": URIS[1:]}}, State.WRONG),
        ({"signInAudience": "AzureADMultipleOrgs"}, State.WARNING),
        ({"requiredResourceAccess": []}, State.WARNING),
    ],
)
async def test_what_stops_no_mail(
    given: Given, cloud: Cloud, part: dict[str, object], state: State
):
    """A check only warns of a wider audience or of a permission that is not declared."""
    cloud.on(READ, APP | part)
    assert STEP.diagnosis.as_check_result(await STEP.inspect(given(facts=FACTS))).state is state


async def test_no_app_yet(given: Given, cloud: Cloud):
    """If a mailbox has no app yet, the plan shows the app that will be created."""
    ctx = given(facts=FACTS)
    found = await STEP.inspect(ctx)
    command = f"Graph PATCH /applications(uniqueName='{NAME}')"
    line = Change(
        "application",
        "E1",
        Text("step.application"),
        Text("seen.none"),
        Text("after.application"),
        Scope.APP,
        command,
    )
    assert (found.state, found.facts, STEP.plan(ctx, found)) == (State.WRONG, {}, (line,))


async def test_a_new_app_is_made_whole(given: Given, cloud: Cloud):
    """A new app is created in one request and locked against changes by other tenants."""
    cloud.on(WRITE, (201, APP))
    ctx = given(facts=FACTS)
    await STEP.apply(ctx, await STEP.inspect(ctx))
    body = {
        "signInAudience": "AzureADMyOrg",
        "web": {"redirectUris": URIS},
        "requiredResourceAccess": ACCESS,
    }
    body |= {"displayName": "Webex Connect email (support@contoso.com)"}
    body |= {"servicePrincipalLockConfiguration": {"isEnabled": True, "allProperties": True}}
    assert cloud.writes == [(WRITE, body)]


async def test_an_app_that_is_there_is_merged_into(given: Given, cloud: Cloud):
    """Other people's values in an existing app are kept, in front of the bot's values."""
    other = {
        "resourceAppId": GRAPH_APP_ID,
        "resourceAccess": [{"id": "user-read", "type": "Scope"}],
    }
    web = {"redirectUris": ["https://else.test/x"], "logoutUrl": "https://else.test/out"}
    cloud.on(READ, APP | {"web": web, "requiredResourceAccess": [other]})
    ctx = given(facts=FACTS)
    await STEP.apply(ctx, await STEP.inspect(ctx))
    merged = {"redirectUris": ["https://else.test/x", *URIS], "logoutUrl": "https://else.test/out"}
    body = {
        "signInAudience": "AzureADMyOrg",
        "web": merged,
        "requiredResourceAccess": [other, *ACCESS],
    }
    assert cloud.writes == [(CHANGE, body)]


async def test_a_stale_not_there_does_not_cost_an_app_its_lists(given: Given, cloud: Cloud):
    """A missing app is read again before the write, and merged into if it exists after all."""
    cloud.on(
        READ,
        (404, {"error": {"code": "Request_ResourceNotFound"}}),
        APP | {"web": {"redirectUris": ["https://else.test/x"]}},
    )
    ctx = given(facts=FACTS)
    found = await STEP.inspect(ctx)
    await STEP.apply(ctx, found)
    assert (found.facts, [what for what, _ in cloud.writes]) == ({}, [CHANGE])
    assert cloud.writes[0][1]["web"]["redirectUris"] == ["https://else.test/x", *URIS]


async def test_an_app_that_is_not_there_any_more_is_not_made_anew(given: Given, cloud: Cloud):
    """If an app was found a moment ago, a replica that does not know it causes no write."""
    cloud.on(READ, APP | {"web": {}}, (404, {"error": {"code": "Request_ResourceNotFound"}}))
    ctx = given(facts=FACTS)
    found = await STEP.inspect(ctx)
    with pytest.raises(NotFound):
        await STEP.apply(ctx, found)
    assert cloud.writes == []


async def test_graphs_smtp_send_is_declared_where_exchange_has_none(given: Given, cloud: Cloud):
    """If only Graph exposes SMTP.Send, the app declares its ID under Graph.

    The ID under another resource would break every consent.
    """
    cloud.on(READ, APP)
    ctx = given(facts={"graph_smtp_send": "graph-smtp"})
    await STEP.apply(ctx, await STEP.inspect(ctx))
    added = {
        "resourceAppId": GRAPH_APP_ID,
        "resourceAccess": [{"id": "graph-smtp", "type": "Scope"}],
    }
    assert cloud.writes[0][1]["requiredResourceAccess"] == [*ACCESS, added]


async def test_an_app_that_is_made_at_the_same_moment_is_merged_into(
    given: Given, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
):
    """A conflict with an app that appears a moment later leads to a merge, not to a second app."""
    monkeypatch.setattr("jobs.channel.email_app.TAKEN_S", (0.0, 0.0))
    missing = (404, {"error": {"code": "Request_ResourceNotFound"}})
    cloud.on(READ, missing, missing, missing, APP)
    cloud.refuse(
        WRITE,
        400,
        "Request_BadRequest",
        "Another object with the same value for property uniqueName already exists.",
    )
    ctx = given(facts=FACTS)
    await STEP.apply(ctx, await STEP.inspect(ctx))
    assert [what for what, _ in cloud.writes] == [WRITE, CHANGE]


async def test_a_name_that_the_recycle_bin_keeps(
    given: Given, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
):
    """A deleted app may keep its name for 30 days, so a new app gets the name with the run's ID."""
    monkeypatch.setattr("jobs.channel.email_app.TAKEN_S", (0.0, 0.0))
    cloud.refuse(WRITE, 409, "Request_MultipleObjectsWithSameKeyValue", "already exists")
    ctx = given(facts=FACTS)
    name = f"{NAME}-{ctx.run.id.lower()}"
    cloud.on(f"PATCH /applications(uniqueName='{name}')", (201, APP | {"uniqueName": name}))
    await STEP.apply(ctx, await STEP.inspect(ctx))
    assert [what for what, _ in cloud.writes] == [
        WRITE,
        f"PATCH /applications(uniqueName='{name}')",
    ]
    ctx.looking = True
    cloud.on("GET /applications", [APP | {"uniqueName": name}])
    found = await STEP.inspect(ctx)
    assert (found.state, found.facts["unique_name"]) == (State.OK, name)


BY_ID = "GET /applications(appId='client-1')"


async def test_a_check_finds_the_app_by_an_earlier_run_s_client_id(given: Given, cloud: Cloud):
    """If the directory dropped the app's unique name, a check uses an earlier run's client ID."""
    cloud.on(BY_ID, APP)
    ctx = given(facts=FACTS, kind="check", brief=Brief(client_id="client-1"))
    found = await STEP.inspect(ctx)
    assert (found.state, found.facts) == (State.OK, KNOWN)


async def test_a_fix_of_such_an_app_makes_no_second_one(given: Given, cloud: Cloud):
    """A fix of an app without its unique name changes it by object ID and restores the name."""
    cloud.on(BY_ID, APP | {"web": {"redirectUris": []}})
    ctx = given(facts=FACTS, kind="fix", brief=Brief(client_id="client-1"))
    await STEP.apply(ctx, await STEP.inspect(ctx))
    assert [(what, body["uniqueName"]) for what, body in cloud.writes] == [
        ("PATCH /applications/object-1", NAME)
    ]


@pytest.mark.parametrize(
    ("kind", "given_id", "there", "state"),
    [
        ("check", "client-0", None, State.WRONG),
        ("check", "client-0", APP | {"appId": "client-0"}, State.OK),
        ("check", "CLIENT-1", None, State.OK),
        ("check", "", None, State.OK),
        ("fix", "client-0", None, State.OK),
        ("setup", "client-0", None, State.OK),
    ],
)
async def test_an_app_made_anew_has_another_client_id(
    given: Given, cloud: Cloud, kind: str, given_id: str, there: Any, state: State
):
    """A check reports a deleted app's client ID in Webex Connect; a setup uses the new app."""
    cloud.on(READ, APP)
    if there:
        cloud.on("GET /applications(appId='client-0')", there)
    ctx = given(facts=FACTS, kind=kind, brief=Brief(client_id=given_id))
    found = await STEP.inspect(ctx)
    assert (found.state, found.facts) == (state, KNOWN)
    gone = Text("seen.app_replaced", {"client_id": "client-1", "gone": "client-0"})
    assert (found.cause, found.seen) == (
        ("app_not_found", gone)
        if state is State.WRONG
        else ("", Text("seen.application", {"client_id": "client-1"}))
    )


GRAPHS = {
    "resourceAppId": GRAPH_APP_ID,
    "resourceAccess": [{"id": "USER-READ", "type": "Scope"}, {"id": "old-id", "type": "Role"}],
}
GRAPH = f"GET /servicePrincipals(appId='{GRAPH_APP_ID}')"
EXPOSES = {
    "id": "graph-sp",
    "oauth2PermissionScopes": [{"id": "user-read", "value": "User.Read"}],
    "appRoles": [{"id": "r"}],
}


@pytest.mark.parametrize(
    ("kind", "state"), [("setup", State.WRONG), ("fix", State.WRONG), ("check", State.WARNING)]
)
async def test_a_permission_that_the_tenant_does_not_know_is_taken_out(
    given: Given, cloud: Cloud, kind: str, state: State
):
    """The plan removes an unknown permission, because it breaks every consent (AADSTS65006)."""
    cloud.on(READ, APP | {"requiredResourceAccess": [*ACCESS, GRAPHS]}).on(GRAPH, EXPOSES)
    ctx = given(facts=FACTS, kind=kind)
    found = (
        STEP.diagnosis.as_check_result(await STEP.inspect(ctx))
        if kind == "check"
        else await STEP.inspect(ctx)
    )
    (line,) = STEP.plan(ctx, found)
    seen, note = (
        Text("seen.permission_unknown", {"ids": "old-id"}),
        Text("note.permission_unknown", {"ids": "old-id"}),
    )
    assert (found.state, found.seen, found.cause, line.note) == (
        state,
        seen,
        "permission_id_unknown",
        note,
    )
    await STEP.apply(ctx, found)
    kept = GRAPHS | {"resourceAccess": [{"id": "USER-READ", "type": "Scope"}]}
    assert cloud.writes[0][1]["requiredResourceAccess"] == [*ACCESS, kept]


async def test_a_permission_to_take_out_is_told_beside_what_else_is_wrong(
    given: Given, cloud: Cloud
):
    """The plan names a permission that it removes, even if another fault is reported first."""
    cloud.on(READ, APP | {"web": {}, "requiredResourceAccess": [*ACCESS, GRAPHS]}).on(
        GRAPH, EXPOSES
    )
    ctx = given(facts=FACTS)
    found = await STEP.inspect(ctx)
    assert (found.cause, STEP.plan(ctx, found)[0].note) == (
        "reply_address_missing",
        Text("note.permission_unknown", {"ids": "old-id"}),
    )


@pytest.mark.parametrize(
    ("entry", "principal", "asked"),
    [
        (GRAPHS, {"id": "graph-sp"}, True),
        (GRAPHS, None, True),
        (GRAPHS | {"resourceAppId": "another-api"}, EXPOSES, False),
        (
            {
                "resourceAppId": EXCHANGE_APP_ID,
                "resourceAccess": [{"id": "SMTP-ID", "type": "Scope"}],
            },
            None,
            False,
        ),
    ],
)
async def test_what_cannot_be_judged_stays(
    given: Given,
    cloud: Cloud,
    entry: dict[str, object],
    principal: dict[str, object] | None,
    asked: bool,
):
    """A permission stays if its resource is missing, empty, or neither Exchange nor Graph."""
    cloud.on(READ, APP | {"requiredResourceAccess": [*ACCESS, entry]})
    if principal is not None:
        cloud.on(GRAPH, principal)
    found = await STEP.inspect(given(facts=FACTS))
    assert (found.state, GRAPH in [what for what, _ in cloud.asked]) == (State.OK, asked)


ELSEWHERE = [
    ({"spa": URIS[:1]}, "seen.redirects_spa", "redirect_uri_is_spa"),
    ({"publicClient": URIS[:1]}, "seen.redirects_public", "public_client_with_secret"),
    ({"spa": URIS[:1], "publicClient": URIS[:1]}, "seen.redirects_spa", "redirect_uri_is_spa"),
]


@pytest.mark.parametrize("there", [URIS, URIS[1:]])
@pytest.mark.parametrize(("platforms", "key", "cause"), ELSEWHERE)
async def test_a_callback_of_another_platform_is_moved_to_web(
    given: Given,
    cloud: Cloud,
    there: list[str],
    platforms: dict[str, list[str]],
    key: str,
    cause: str,
):
    """A Call Back URL under another platform is moved to Web, and other URIs stay there."""
    app = (
        APP
        | {"web": {"redirectUris": there}}
        | {
            name: {"redirectUris": ["https://else.test/x", *uris]}
            for name, uris in platforms.items()
        }
    )
    cloud.on(READ, app, app, APP)
    ctx = given(facts=FACTS)
    found = await STEP.inspect(ctx)
    assert (found.state, found.seen, found.cause) == (
        State.WRONG,
        Text(key, {"uris": URIS[0]}),
        cause,
    )
    assert STEP.diagnosis.causes_elsewhere(cause) >= {cause}
    await STEP.apply(ctx, found)
    ((what, body),) = cloud.writes
    assert (what, set(body["web"]["redirectUris"])) == (CHANGE, set(URIS))
    assert {name: body[name] for name in platforms} == {
        name: {"redirectUris": ["https://else.test/x"]} for name in platforms
    }
    left = await STEP.inspect(ctx)
    assert (left.state, left.values == found.values) == (State.OK, False)


async def test_an_undo_puts_the_platforms_back(given: Given, cloud: Cloud):
    """An undo moves the Call Back URL back and keeps the URIs that others have added since."""
    before = APP | {"web": {"redirectUris": URIS[1:]}, "spa": {"redirectUris": URIS[:1]}}
    after = APP | {"spa": {"redirectUris": ["https://else.test/x"]}}
    cloud.on(READ, before, APP).on("GET /applications/object-1", after, after, before)
    ctx = given(facts=FACTS | KNOWN, kind="undo")
    was, left = (await STEP.inspect(ctx)).values, (await STEP.inspect(ctx)).values
    line = Change("application", "E1", Text("a"), Text("b"), Text("c"), Scope.APP, "x")
    past = RecordedChange("application", line, Text("b"), was, left, ("R1",))
    assert (await STEP.inspect_undo(ctx, past)).state is State.WRONG
    await STEP.undo(ctx, past)
    body = cloud.writes[0][1]
    assert (body["web"]["redirectUris"], body["spa"]) == (
        URIS[1:],
        {"redirectUris": ["https://else.test/x", URIS[0]]},
    )
    assert (await STEP.inspect_undo(ctx, past)).state is State.OK


@pytest.mark.parametrize(("kind", "state"), [("fix", State.WRONG), ("check", State.WARNING)])
async def test_the_bots_own_address_under_another_platform_carries_no_mail(
    given: Given, cloud: Cloud, kind: str, state: State
):
    """If the bot's redirect URI is under another platform, a check warns and a fix moves it."""
    cloud.on(READ, APP | {"spa": {"redirectUris": URIS[1:]}})
    assert (await STEP.inspect(given(facts=FACTS, kind=kind))).state is state


async def test_webex_connects_address_counts_first(given: Given, cloud: Cloud):
    """A missing URI of Webex Connect is reported before a misplaced URI of the bot."""
    cloud.on(READ, APP | {"web": {"redirectUris": URIS[1:]}, "spa": {"redirectUris": URIS[1:]}})
    found = await STEP.inspect(given(facts=FACTS, kind="check"))
    assert (found.state, found.cause) == (State.WRONG, "redirect_uri_mismatch")
