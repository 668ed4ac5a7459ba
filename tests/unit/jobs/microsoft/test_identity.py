"""Tests of the sign-in against a real OpenID provider on a loopback port, with https and http."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from jobs.clouds.errors import CloudError, MalformedAnswer, Rejected, SignInNeeded, Transient
from jobs.microsoft.identity import Identity
from jobs.microsoft.tokens import Tokens
from jobs.model import Account
from tests.unit.jobs.microsoft.identity_sign_in import CALLBACK, EXCHANGE, GRAPH, TENANT, sign_in


def test_a_sign_in_gives_the_validated_account_and_keeps_tokens_out_of_sight(provider, bot):
    """The account of a sign-in comes from the validated ID token.

    The repr of the sign-in shows no token.
    """
    signed_in = sign_in(bot, provider)
    assert signed_in.account == Account(TENANT, "oid-1", "admin@contoso.com", ("role-1",))
    assert signed_in.access_token == "at-1"
    assert "at-1" not in repr(signed_in)
    assert "rt-1" not in repr(signed_in)


def test_the_flow_survives_json_and_sends_people_to_the_real_address(provider: Any, bot: Identity):
    """A flow survives JSON. Its address has the login URL's scheme, S256 and ``select_account``."""
    began = bot.begin(GRAPH, CALLBACK, "state-1", login_hint="admin@contoso.com")
    flow = json.loads(json.dumps(began))
    assert flow["auth_uri"].startswith(f"{provider.base}/organizations/oauth2/v2.0/authorize?")
    asked = {"code_challenge_method=S256", "prompt=select_account", "state=state-1"}
    assert asked | {"login_hint=admin%40contoso.com"} <= {*flow["auth_uri"].split("&")}
    assert bot.finish(flow, provider.sign_in(flow["auth_uri"])).account.tenant_id == TENANT


@pytest.mark.parametrize(
    ("claims", "cause"),
    [
        ({"iss": "https://evil.test/v2.0"}, "id_token_issuer"),
        ({"aud": "another-app"}, "id_token_audience"),
        (lambda: {"exp": time.time() - 301}, "id_token_expired"),
        (lambda: {"nbf": time.time() + 900}, "id_token_expired"),
        ({"exp": None}, "id_token_invalid"),
        ({"tid": None}, "id_token_invalid"),
        ({"oid": None}, "id_token_invalid"),
        ({"oid": ["admin-1", "admin-2"]}, "id_token_invalid"),
        ({"aud": ["the-bot", "another-app"]}, "id_token_audience"),
        ({"nonce": "of another sign-in"}, "id_token_nonce"),
        ({"nonce": None}, "id_token_nonce"),
        ({"tid": "99999999-0000-0000-0000-000000000000"}, "wrong_tenant"),
    ],
)
def test_an_id_token_that_does_not_hold_is_refused_with_its_own_cause(provider, bot, claims, cause):
    """An ID token with a wrong claim is refused with the cause that belongs to the claim."""
    provider.claims = claims() if callable(claims) else claims
    with pytest.raises(Rejected) as refused:
        sign_in(bot, provider, tenant_id=TENANT)
    assert refused.value.cause == cause


@pytest.mark.parametrize(
    ("clock_s", "told"),
    [
        (660, "the clock of the bot's machine is 11 minutes behind Microsoft's"),
        (-45, "the clock of the bot's machine is 45 seconds ahead of Microsoft's"),
    ],
)
def test_a_wrong_clock_is_named_with_its_skew(provider, bot, clock_s, told):
    """If an ID token's times are wrong because of the bot's clock, the error says by how much.

    Microsoft's answers show that the clock is wrong.
    """
    provider.clock_s, provider.claims = clock_s, {"nbf": time.time() + 900}
    with pytest.raises(Rejected) as refused:
        sign_in(bot, provider, tenant_id=TENANT)
    assert (refused.value.cause, told in refused.value.words) == ("clock_wrong", True)


@pytest.mark.parametrize(
    "issuer", ["{base}/{{tenantid}}/v2.0", "{base}/{{tenant}}/v2.0/", "{base}/organizations/v2.0"]
)
def test_the_issuer_of_every_tenant_stands_for_each(provider: Any, bot: Identity, issuer: str):
    """The issuer in the shared discovery document matches the token's own tenant.

    The document may write the tenant there as a placeholder or as ``organizations``.
    """
    provider.issuer = issuer.format(base=provider.base)
    assert sign_in(bot, provider).account.tenant_id == TENANT


@pytest.mark.parametrize(("key_id", "published_id"), [("", "key-1"), ("key-1", ""), ("", "")])
def test_an_only_key_needs_no_id(provider: Any, bot: Identity, key_id: str, published_id: str):
    """If a single key is published, its ID may be missing, and only the signature decides."""
    provider.key_id, provider.published_id = key_id, published_id
    assert sign_in(bot, provider).account.object_id == "oid-1"


@pytest.mark.parametrize("claim", ["preferred_username", "upn", "unique_name", "email"])
def test_the_user_name_by_whichever_claim(provider: Any, bot: Identity, claim: str):
    """The user name is also read from older claims, if the newest one is missing."""
    provider.claims = {"preferred_username": None, claim: "admin@contoso.com"}
    assert sign_in(bot, provider).account.upn == "admin@contoso.com"


def test_an_expiry_within_the_leeway_is_accepted(provider: Any, bot: Identity):
    """An ID token that expired 200 seconds ago is accepted.

    Clocks may differ by up to 300 seconds.
    """
    provider.claims = {"exp": time.time() - 200}
    assert sign_in(bot, provider).account.object_id == "oid-1"


def test_a_signature_by_another_key_is_refused(provider: Any, bot: Identity):
    """An ID token that is signed with a key that the provider does not publish is refused."""
    provider.published = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.raises(Rejected) as refused:
        sign_in(bot, provider)
    assert refused.value.cause == "id_token_signature"


def test_rolled_over_keys_are_read_again(provider: Any, bot: Identity):
    """After a key roll-over the new key is found, although the old keys are cached."""
    sign_in(bot, provider)
    provider.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    provider.key_id = "key-2"
    assert sign_in(bot, provider).account.object_id == "oid-1"
    assert [path for path, _ in provider.requests].count("/organizations/discovery/v2.0/keys") == 2


def test_a_tenant_of_its_own_needs_no_other_word(provider: Any, http: httpx.Client):
    """An identity for one tenant refuses an account of another tenant without further settings."""
    identity = Identity(provider.base, http, TENANT, "client-1", "s3cr~t.Value")
    assert sign_in(identity, provider).account.tenant_id == TENANT
    provider.claims = {"tid": "99999999-0000-0000-0000-000000000000"}
    with pytest.raises(Rejected) as refused:
        sign_in(identity, provider)
    assert refused.value.cause == "wrong_tenant"


def test_the_token_of_a_sign_in_is_the_tenants_own(provider, bot, http):
    """A token from a sign-in at ``organizations`` also serves requests in the tenant's name.

    So the worker needs no other token.
    """
    signed_in = sign_in(bot, provider)
    provider.requests.clear()
    of_tenant = Identity(provider.base, http, TENANT, "client-1", "s3cr~t.Value")
    token, _ = of_tenant.token(signed_in.cache, GRAPH)
    document = f"/{TENANT}/v2.0/.well-known/openid-configuration"
    assert (token, provider.requests) == ("at-1", [(document, {})])


def test_the_person_waits_for_no_keys_at_the_return(provider: Any, bot: Identity):
    """The signing keys are read when a person leaves for Microsoft.

    So the person does not wait for the keys on coming back.
    """
    flow = bot.begin(GRAPH, CALLBACK, "state-1")
    assert provider.requests[-1][0].endswith("/keys")
    provider.requests.clear()
    bot.finish(flow, provider.sign_in(flow["auth_uri"]))
    assert [path.rpartition("/")[2] for path, _ in provider.requests] == ["token"]


def test_a_token_for_the_bot_is_not_one_for_the_email_app(provider: Any, http: httpx.Client):
    """The email app refuses an ID token that was made for the bot."""
    with pytest.raises(Rejected) as refused:
        sign_in(Identity(provider.base, http, TENANT, "email-app", "s3cr~t.Value"), provider)
    assert refused.value.cause == "id_token_audience"


def test_a_foreign_state_is_refused_before_anything_is_sent(provider: Any, bot: Identity):
    """A redirect with the state of another sign-in is refused, and its code is not redeemed."""
    flow = bot.begin(GRAPH, CALLBACK, "state-1")
    before = len(provider.requests)
    with pytest.raises(Rejected) as refused:
        bot.finish(flow, {"code": "stolen", "state": "state-2"})
    assert (refused.value.cause, len(provider.requests)) == ("state_mismatch", before)


PAGE = "https://login.test/error?code=7000222"


def told(error: str, words: str = "", codes: str = "") -> dict[str, str]:
    """Return a redirect's query with this error."""
    query = {"error": error, "error_description": words, "error_codes": codes}
    return {name: each for name, each in query.items() if each}


@pytest.mark.parametrize(
    ("query", "cause", "code"),
    [
        (told("access_denied", "AADSTS65004: no"), "consent_declined", "AADSTS65004"),
        (told("access_denied"), "consent_declined", "access_denied"),
        (told("consent_required", "AADSTS90094: Admin"), "admin_consent_required", "AADSTS90094"),
        (told("strange", "AADSTS1: new"), "request_rejected", "AADSTS1"),
        (told("invalid_client", codes="9999999"), "request_rejected", "AADSTS9999999"),
        (told("invalid_grant", "AADSTS9999999: new"), "request_rejected", "AADSTS9999999"),
        (told("temporarily_unavailable", "AADSTS9999999: new"), "entra_busy", "AADSTS9999999"),
        (
            told("invalid_grant") | {"suberror": "consent_required"},
            "consent_missing",
            "invalid_grant",
        ),
        (told("x") | {"error_uri": PAGE}, "client_secret_expired", "AADSTS7000222"),
        (told("x", codes="[50011]"), "redirect_uri_mismatch", "AADSTS50011"),
        (told("x", codes="1, 50011"), "redirect_uri_mismatch", "AADSTS50011"),
    ],
)
def test_an_error_in_the_query_becomes_its_cause(bot, query, cause, code):
    """The cause of an error in the redirect follows its AADSTS number, or else OAuth's error."""
    flow = bot.begin(GRAPH, CALLBACK, "state-1")
    with pytest.raises(CloudError) as refused:
        bot.finish(flow, {**query, "state": "state-1"})
    assert (refused.value.cause, refused.value.code) == (cause, code)


def test_a_code_works_once(provider: Any, bot: Identity):
    """A code that was redeemed already is refused with AADSTS54005.

    The error has the correlation ID and the trace ID for support.
    """
    flow = bot.begin(GRAPH, CALLBACK, "state-1")
    query = provider.sign_in(flow["auth_uri"])
    bot.finish(flow, query)
    with pytest.raises(SignInNeeded) as refused:
        bot.finish(flow, query)
    assert refused.value.cause == "code_already_used"
    ids = refused.value.ids
    assert (ids.correlation_id, ids.trace_id) == ("corr-1", "trace-1")


def test_a_wrong_client_secret_settles(provider: Any, http: httpx.Client):
    """A wrong client secret may be a replication delay, so the caller may wait.

    AADSTS7000215 is also the answer to a secret that was made a moment ago.
    """
    identity = Identity(provider.base, http, TENANT, "client-1", "another")
    with pytest.raises(Rejected) as refused:
        sign_in(identity, provider)
    assert (refused.value.cause, refused.value.can_be_replication) == ("client_secret_wrong", True)
    assert "another" not in str(refused.value)


def test_a_login_url_over_http_must_be_loopback(http: httpx.Client):
    """A login URL with http must be a loopback address, because secrets need encryption."""
    with pytest.raises(ValueError, match="https"):
        Identity("http://login.example.test", http, TENANT, "client-1", "secret")


def test_a_tenant_that_does_not_exist_is_named(provider: Any, http: httpx.Client):
    """A missing tenant is reported as such; Entra says so instead of the discovery document."""
    provider.discovery = provider.refuse(400, "invalid_tenant", 90002)
    with pytest.raises(Rejected) as refused:
        Identity(provider.base, http, "nowhere.test", "client-1", "secret").begin(
            GRAPH, CALLBACK, "state-1"
        )
    assert (refused.value.cause, refused.value.status) == ("tenant_not_found", 400)


def test_a_discovery_document_without_endpoints_is_unreadable(provider: Any, bot: Identity):
    """A discovery document without endpoints is an unreadable answer."""
    provider.discovery = (200, {}, b"{}")
    with pytest.raises(MalformedAnswer):
        bot.begin(GRAPH, CALLBACK, "state-1")


def test_nobody_listens_at_the_login_url(provider: Any, http: httpx.Client):
    """A refused connection to the login URL is a temporary error."""
    with pytest.raises(Transient) as failed:
        Identity(f"{provider.scheme}://127.0.0.1:9", http, TENANT, "client-1", "secret").begin(
            GRAPH, CALLBACK, "state-1"
        )
    assert failed.value.cause == "connection_lost"


@pytest.mark.parametrize("token", ["garbage", "a.b.c", None])
def test_an_id_token_that_is_none_is_invalid(provider: Any, bot: Identity, token: str | None):
    """An ID token that is missing or no token at all has one cause.

    MSAL fails in several ways because of it.
    """
    body = {"access_token": "at", "token_type": "Bearer", "expires_in": 3600}
    body |= {"id_token": token} if token else {}
    provider.trouble = [(200, {}, json.dumps(body).encode())]
    with pytest.raises(Rejected) as refused:
        sign_in(bot, provider)
    assert refused.value.cause == "id_token_invalid"


def test_a_key_that_is_not_published_is_no_signature(provider: Any, bot: Identity):
    """An ID token is refused if its key ID is not among the published keys."""
    provider.published_id = "another"
    with pytest.raises(Rejected) as refused:
        sign_in(bot, provider)
    assert refused.value.cause == "id_token_signature"


async def test_tokens_are_saved_when_the_cache_changed(provider: Any, bot: Identity):
    """A token source saves a changed cache once, and saves nothing if nothing changed."""
    saved: list[str] = []
    tokens = Tokens(bot, sign_in(bot, provider).cache, saved.append)
    exchange, graph = tokens.source(*EXCHANGE), tokens.source(*GRAPH)
    assert [await exchange(), await exchange(), await graph()] == ["at-rt-1", "at-rt-1", "at-1"]
    assert len(saved) == 1


def refreshes(provider: Any) -> int:
    """Return the number of requests with a refresh token."""
    return sum(form.get("grant_type") == "refresh_token" for _, form in provider.requests)


async def test_a_refused_token_is_renewed_for_all(provider: Any, bot: Identity):
    """If several requests were refused with the same token, it is renewed once.

    All of them get the new token.
    """
    saved: list[str] = []
    source = Tokens(bot, sign_in(bot, provider).cache, saved.append).source(*GRAPH)
    old = await source()
    source.spend(old)
    new = await source()
    source.spend(old)
    assert (old, new, await source()) == ("at-1", "at-rt-1", "at-rt-1")
    assert refreshes(provider) == 1


async def test_a_token_is_looked_for_once_and_found_again_by_the_next_process(provider, bot):
    """A token is requested once and then found in memory and the cache, even for ``.default``."""
    saved: list[str] = []
    provider.granted = "https://outlook.office365.com/Exchange.Manage"
    first = Tokens(bot, sign_in(bot, provider).cache, saved.append).source(*EXCHANGE)
    tokens = [await first(), await first()]
    tokens.append(await Tokens(bot, saved[-1], saved.append).source(*EXCHANGE)())
    assert (tokens, len(saved), refreshes(provider)) == (["at-rt-1"] * 3, 1, 1)
