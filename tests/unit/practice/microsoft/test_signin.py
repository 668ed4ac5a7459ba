"""Sign-in: pages, consent, codes, tokens and their errors."""

from __future__ import annotations

from typing import Any

import httpx
import jwt
import pytest

from practice.microsoft import ids

OUTLOOK = "https://outlook.office365.com"


def codes(answer: httpx.Response) -> list[int]:
    """The AADSTS codes of a token error."""
    return list(answer.json()["error_codes"])


@pytest.mark.parametrize("name", ["contoso.com", "contoso.onmicrosoft.com"])
def test_discovery_by_domain_names_the_tenant_by_its_id(desk: Any, name: str):
    """A verified domain leads to the configuration of its tenant."""
    found = desk.http.get(f"/{name}/v2.0/.well-known/openid-configuration").json()
    base = f"{desk.base}/{desk.tenant()['id']}"
    assert (found["issuer"], found["token_endpoint"], found["jwks_uri"]) == (
        f"{base}/v2.0",
        f"{base}/oauth2/v2.0/token",
        f"{base}/discovery/v2.0/keys",
    )


def test_an_unknown_tenant_is_90002(desk: Any):
    """Discovery of a tenant that is not there is an error with its code."""
    assert codes(desk.http.get("/nowhere.example/v2.0/.well-known/openid-configuration")) == [90002]


def test_the_page_shows_accounts_and_preselects_the_hint(desk: Any):
    """The chooser is a plain form; login_hint checks one account."""
    page = desk.http.get("/contoso.com/oauth2/v2.0/Authorize", params=desk.query("User.Read", login_hint="admin@contoso.com")).text
    assert 'value="admin@contoso.com" required checked' in page
    assert 'name="action" value="decline"' in page


def test_the_id_token_is_signed_and_names_person_and_roles(desk: Any):
    """An admin's ID token holds against the published keys, with nonce, audience and roles."""
    tokens = desk.sign_in("admin@contoso.com", desk.setup, desk.graph_scope)
    tenant = desk.tenant()
    keys = jwt.PyJWKSet.from_dict(desk.http.get(f"/{tenant['id']}/discovery/v2.0/keys").json())
    options = {"audience": desk.settings.bot_client_id, "issuer": f"{desk.base}/{tenant['id']}/v2.0"}
    claims = jwt.decode(tokens["id_token"], keys.keys[0].key, algorithms=["RS256"], **options)
    admin = tenant["users"]["admin@contoso.com"]
    assert (claims["nonce"], claims["tid"], claims["oid"], claims["preferred_username"]) == (
        "n1",
        tenant["id"],
        admin["id"],
        "admin@contoso.com",
    )
    assert set(admin["roles"]) < set(claims["wids"])


def test_one_refresh_token_serves_two_resources(desk: Any):
    """After consent to both, the same refresh token gives a Graph and an Exchange token, each with its audience."""
    desk.sign_in("admin@contoso.com", desk.setup, desk.graph_scope)
    read = {
        scope: jwt.decode(desk.token("admin@contoso.com", scope), options={"verify_signature": False})
        for scope in (desk.graph_scope, desk.exchange_scope)
    }
    assert [claims["aud"] for claims in read.values()] == ["https://graph.microsoft.com", OUTLOOK]
    assert read[desk.exchange_scope]["scp"] == "Exchange.Manage"


def test_exchange_without_consent_is_65001(desk: Any):
    """A refresh token alone opens no resource that nobody agreed to."""
    tokens = desk.sign_in("admin@contoso.com", "openid offline_access User.Read")
    answer = desk.redeem(grant_type="refresh_token", refresh_token=tokens["refresh_token"], scope=desk.exchange_scope)
    assert (answer.status_code, codes(answer), answer.json()["error"]) == (400, [65001], "invalid_grant")


def test_a_person_without_a_role_cannot_consent_to_admin_scopes(desk: Any):
    """Admin-only scopes end on the page that asks for an administrator."""
    answer = desk.authorize("helpdesk@contoso.com", desk.query(desk.setup))
    assert "AADSTS90094" in answer.text


def test_declining_comes_back_as_access_denied(desk: Any):
    """Decline redirects with the error, Microsoft's code and the state."""
    values = desk.values(desk.authorize("admin@contoso.com", desk.query("User.Read"), action="decline"))
    assert (values["error"], values["error_description"][:11], values["state"]) == ("access_denied", "AADSTS65004", "s1")


def test_a_redirect_uri_is_compared_byte_for_byte(desk: Any):
    """A trailing slash is another address; the page says 50011 and does not redirect."""
    desk.http.put("/practice/bot", json={"redirect_uris": [desk.callback]})
    answer = desk.authorize("admin@contoso.com", desk.query("User.Read", redirect_uri=desk.callback + "/"))
    assert (answer.status_code, "AADSTS50011" in answer.text) == (400, True)


@pytest.mark.parametrize(
    ("account", "code"),
    [("disabled@contoso.com", "AADSTS50057"), ("admin@fabrikam.com", "AADSTS50020"), ("nobody@contoso.com", "AADSTS50034")],
)
def test_accounts_that_cannot_sign_in(desk: Any, account: str, code: str):
    """Disabled, foreign and unknown accounts end on a page with their code."""
    assert code in desk.authorize(account, desk.query("User.Read"), tenant="contoso.com").text


def test_a_code_is_good_once(desk: Any):
    """The second redemption is 54005."""
    form = {"grant_type": "authorization_code", "code": desk.code("support@contoso.com", "openid User.Read")}
    form |= {"redirect_uri": desk.callback, "code_verifier": "v" * 50}
    assert desk.redeem(**form).status_code == 200
    assert codes(desk.redeem(**form)) == [54005]


def test_the_verifier_has_to_match(desk: Any):
    """Another PKCE verifier is 501481."""
    form = {"grant_type": "authorization_code", "code": desk.code("support@contoso.com", "openid User.Read")}
    assert codes(desk.redeem(**form, redirect_uri=desk.callback, code_verifier="w" * 50)) == [501481]


def test_wrong_secret_no_secret_and_wrong_client(desk: Any):
    """Each has its own code; the first two are 401."""
    wrong = desk.redeem(grant_type="refresh_token", refresh_token="x", client_secret="no")
    none = desk.redeem(grant_type="refresh_token", refresh_token="x", client_secret="")
    client = desk.redeem(grant_type="refresh_token", refresh_token="x", client_id="11111111-1111-1111-1111-111111111111")
    assert [(answer.status_code, codes(answer)[0]) for answer in (wrong, none, client)] == [(401, 7000215), (401, 7000218), (400, 700016)]


def test_revoked_sessions_end_refresh_tokens(desk: Any):
    """After revoking sessions a refresh token is 50173."""
    tokens = desk.sign_in("support@contoso.com", desk.smtp_scope)
    desk.change(revoke_sessions="support@contoso.com")
    assert codes(desk.redeem(grant_type="refresh_token", refresh_token=tokens["refresh_token"], scope=desk.smtp_scope)) == [50173]


def test_a_user_who_was_deleted_has_no_token(desk: Any):
    """The refresh token of nobody is 50057, and nobody's sign-in is in the log."""
    tokens = desk.sign_in("support@contoso.com", desk.smtp_scope)
    tenant = desk.cloud.world.tenant("contoso.com")
    del tenant.users[tenant.user("support@contoso.com").id]
    noted = len(tenant.sign_ins)
    assert codes(desk.redeem(grant_type="refresh_token", refresh_token=tokens["refresh_token"], scope=desk.smtp_scope)) == [50057]
    assert len(tenant.sign_ins) == noted


def test_a_sign_in_is_logged_with_what_it_is_for(desk: Any):
    """The resource stands in the row."""
    desk.sign_in("support@contoso.com", desk.smtp_scope)
    assert desk.cloud.world.tenant("contoso.com").sign_ins[-1]["resourceDisplayName"] == "Office 365 Exchange Online"


def test_a_token_request_names_one_resource(desk: Any):
    """Scopes of two resources in one token request are 70011."""
    form = {"grant_type": "authorization_code", "code": desk.code("support@contoso.com", "User.Read"), "redirect_uri": desk.callback}
    answer = desk.redeem(**form, code_verifier="v" * 50, scope="User.Read https://outlook.office.com/SMTP.Send")
    assert codes(answer) == [70011]


def test_default_does_not_mix_with_other_scopes(desk: Any):
    """.default beside another scope is refused at authorize by a redirect."""
    answer = desk.http.get("/organizations/oauth2/v2.0/authorize", params=desk.query(f"{desk.graph_scope} User.Read"))
    assert desk.values(answer)["error"] == "invalid_scope"


def test_a_user_may_consent_to_smtp_by_the_recommended_policy(desk: Any):
    """SMTP.Send is not among what the recommended policy leaves out, but without a policy it needs an administrator."""
    assert "access_token" in desk.sign_in("support@contoso.com", desk.smtp_scope)
    desk.change("fabrikam.com", consent=[])
    assert "AADSTS90094" in desk.authorize("support@fabrikam.com", desk.query(desk.smtp_scope)).text


def test_conditional_access_blocks_refresh(desk: Any):
    """A blocking policy for everybody and everything is 53003 at refresh."""
    tokens = desk.sign_in("support@contoso.com", desk.smtp_scope)
    policy = {"id": "p", "state": "enabled", "grantControls": {"builtInControls": ["block"]}}
    policy["conditions"] = {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]}}
    desk.change(conditional_access=[policy])
    assert codes(desk.redeem(grant_type="refresh_token", refresh_token=tokens["refresh_token"], scope=desk.smtp_scope)) == [53003]


def test_a_policy_may_except_a_place(desk: Any):
    """Webex Connect's requests come from its own; everybody else's are blocked."""
    tokens = desk.sign_in("support@contoso.com", desk.smtp_scope)
    policy = {"id": "p", "state": "enabled", "grantControls": {"builtInControls": ["block"]}}
    policy["conditions"] = {
        "users": {"includeUsers": ["All"]},
        "applications": {"includeApplications": ["All"]},
        "locations": {"includeLocations": ["All"], "excludeLocations": [ids.WEBEX]},
    }
    desk.change(conditional_access=[policy])
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "scope": desk.smtp_scope}
    assert codes(desk.redeem(**form)) == [53003]
    desk.http.headers[ids.PLACE] = ids.WEBEX
    assert "access_token" in desk.redeem(**form).json()


CONSENT = {"redirect_uri": "http://127.0.0.1:5000/callback", "scope": "https://outlook.office365.com/.default", "state": "s2"}


def test_admin_consent_grants_for_everybody(desk: Any):
    """Accepting makes a grant for all principals and says so in the redirect; the app's own permissions are assigned with it."""
    desk.change(users={"admin@contoso.com": {"roles": ["Privileged Role Administrator"]}})
    query = CONSENT | {"client_id": desk.settings.bot_client_id}
    answer = desk.http.post("/contoso.com/v2.0/adminconsent", params=query, data={"account": "admin@contoso.com", "action": "accept"})
    values = desk.values(answer)
    assert (values["admin_consent"], values["tenant"], values["state"]) == ("True", desk.tenant()["id"], "s2")
    assert {grant["consentType"] for grant in desk.tenant()["grants"]} == {"AllPrincipals"}
    assert any("Exchange.Manage" in grant["scope"] for grant in desk.tenant()["grants"])
    assert len(desk.tenant()["role_assignments"]) == 7


def test_application_permissions_take_a_higher_role(desk: Any):
    """Who may consent to delegated permissions may not grant Graph's application permissions (facts/microsoft.md 1.5)."""
    query = CONSENT | {"client_id": desk.settings.bot_client_id}
    answer = desk.http.post("/contoso.com/v2.0/adminconsent", params=query, data={"account": "admin@contoso.com", "action": "accept"})
    assert ("AADSTS90094" in answer.text, desk.tenant()["role_assignments"]) == (True, [])


def app_token(desk: Any, scope: str) -> dict[str, Any]:
    """The token endpoint's answer to the bot's app alone, in contoso."""
    return desk.redeem("contoso.com", grant_type="client_credentials", scope=scope).json()


def test_an_app_alone(desk: Any):
    """Its tokens carry what was granted, Graph and Exchange honour it, and what is taken back is gone from the next token."""
    desk.change(users={"admin@contoso.com": {"roles": ["Privileged Role Administrator"]}})
    query = CONSENT | {"client_id": desk.settings.bot_client_id}
    assert app_token(desk, desk.graph_scope)["error_codes"] == [700016]
    desk.http.post("/contoso.com/v2.0/adminconsent", params=query, data={"account": "admin@contoso.com", "action": "accept"})
    graph, exchange = (app_token(desk, scope)["access_token"] for scope in (desk.graph_scope, desk.exchange_scope))
    assert (len(roles(graph)), roles(exchange)) == (6, ["Exchange.ManageAsApp"])
    read = desk.http.get("/graph/v1.0/policies/identitySecurityDefaultsEnforcementPolicy", headers={"Authorization": f"Bearer {graph}"})
    write = desk.http.post("/graph/v1.0/applications", json={"displayName": "x"}, headers={"Authorization": f"Bearer {graph}"})
    assert (read.status_code, write.status_code, cmdlet(desk, exchange)) == (200, 403, 403)
    desk.change(principal_roles={desk.settings.bot_client_id: ["Global Reader"]})
    assert cmdlet(desk, exchange) == 200
    desk.change(drop_app_roles={desk.settings.bot_client_id: ["Policy.Read.All"]})
    assert "Policy.Read.All" not in roles(app_token(desk, desk.graph_scope)["access_token"])
    desk.change(drop_app_roles={desk.settings.bot_client_id: []})
    assert roles(app_token(desk, desk.graph_scope)["access_token"]) == []


def roles(token: str) -> list[str]:
    """The token's roles."""
    found: list[str] = jwt.decode(token, options={"verify_signature": False})["roles"]
    return found


def cmdlet(desk: Any, token: str) -> int:
    """The status of a cmdlet that reads."""
    body = {"CmdletInput": {"CmdletName": "Get-OrganizationConfig", "Parameters": {}}}
    url = f"/adminapi/beta/{desk.tenant()['id']}/InvokeCommand"
    return int(desk.http.post(url, json=body, headers={"Authorization": f"Bearer {token}"}).status_code)


def test_declined_admin_consent_still_says_admin_consent(desk: Any):
    """admin_consent is True in the error case too: only ``error`` tells."""
    query = CONSENT | {"client_id": desk.settings.bot_client_id}
    answer = desk.http.post("/contoso.com/v2.0/adminconsent", params=query, data={"account": "admin@contoso.com", "action": "decline"})
    values = desk.values(answer)
    assert (values["admin_consent"], values["error"], values["error_description"][:11]) == ("True", "consent_required", "AADSTS65004")


def test_admin_consent_takes_an_administrator(desk: Any):
    """Somebody without a role meets the page that asks for one, and nothing is granted."""
    query = CONSENT | {"client_id": desk.settings.bot_client_id}
    answer = desk.http.post("/contoso.com/v2.0/adminconsent", params=query, data={"account": "helpdesk@contoso.com", "action": "accept"})
    assert ("AADSTS90094" in answer.text, desk.tenant()["grants"]) == (True, [])
