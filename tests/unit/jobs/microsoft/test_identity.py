"""Tests of the sign-in against a real OpenID provider on a loopback port, with https and http."""

import json
import re
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from jobs.clouds.errors import CloudError, MalformedAnswer, Rejected, SignInNeeded, Transient
from jobs.microsoft.identity import Identity
from jobs.microsoft.tokens import Tokens
from jobs.model import Account
from tests.fixtures.openid_provider import new_key
from tests.fixtures.parsed import table
from tests.unit.jobs.microsoft.identity_sign_in import CALLBACK, EXCHANGE, GRAPH, TENANT, sign_in

ERRORS = table("sign_in_errors")


@pytest.mark.parametrize("provider", ["https", "http"], indirect=True)
def test_a_sign_in_gives_the_validated_account_and_keeps_tokens_out_of_sight(provider, bot):
    """The account of a sign-in comes from the validated ID token.

    A flow survives JSON. Its address has the login URL's scheme, S256 and ``select_account``. The
    repr of the sign-in shows no token.
    """
    began = bot.begin(GRAPH, CALLBACK, "state-1", login_hint="admin@contoso.com")
    flow = json.loads(json.dumps(began))
    assert flow["auth_uri"].startswith(f"{provider.base}/organizations/oauth2/v2.0/authorize?")
    asked = {"code_challenge_method=S256", "prompt=select_account", "state=state-1"}
    assert asked | {"login_hint=admin%40contoso.com"} <= {*flow["auth_uri"].split("&")}
    signed_in = bot.finish(flow, provider.sign_in(flow["auth_uri"]))
    assert signed_in.account == ACCOUNT
    assert signed_in.access_token == "at-1"
    assert not {"at-1", "rt-1"} & set(re.findall(r"\w\w-\d", repr(signed_in)))


ACCOUNT = Account(TENANT, "oid-1", "admin@contoso.com", ("role-1",))


OTHER = {"tid": "99999999-0000-0000-0000-000000000000"}


def answered(token: str | None) -> list[tuple[int, dict[str, str], bytes]]:
    """Return the answer of a token endpoint with this ID token."""
    body = {"access_token": "at", "token_type": "Bearer", "expires_in": 3600}
    return [(200, {}, json.dumps(body | ({"id_token": token} if token else {})).encode())]


def test_the_client_id_may_be_in_capitals(provider, bot):
    """Entra writes a client ID in small letters, however the setting has it."""
    bot.client_id = bot.client_id.upper()
    assert sign_in(bot, provider, tenant_id=TENANT)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"claims": {"iss": "https://evil.test/v2.0"}}, "id_token_issuer"),
        ({"claims": {"aud": "another-app"}}, "id_token_audience"),
        ({"claims": {"nbf": time.time() + 9000}}, "id_token_expired"),
        ({"claims": {"exp": None}}, "id_token_invalid"),
        ({"claims": {"tid": None}}, "id_token_invalid"),
        ({"claims": {"oid": None}}, "id_token_invalid"),
        ({"claims": {"oid": ["admin-1", "admin-2"]}}, "id_token_invalid"),
        ({"claims": {"aud": ["the-bot", "another-app"]}}, "id_token_audience"),
        ({"claims": {"nonce": "of another sign-in"}}, "id_token_nonce"),
        ({"claims": {"nonce": None}}, "id_token_nonce"),
        ({"claims": OTHER}, "wrong_tenant"),
        ({"published": new_key()}, "id_token_signature"),
        ({"published_id": "another"}, "id_token_signature"),
        ({"trouble": answered("garbage")}, "id_token_invalid"),
        ({"trouble": answered("a.b.c")}, "id_token_invalid"),
        ({"trouble": answered(None)}, "id_token_invalid"),
    ],
)
def test_an_id_token_that_does_not_hold_is_refused_with_its_own_cause(
    provider, bot, changes, cause
):
    """An ID token with a wrong claim or signature is refused with the cause that belongs to it."""
    vars(provider).update(changes)
    with pytest.raises(Rejected) as refused:
        sign_in(bot, provider, tenant_id=TENANT)
    assert refused.value.cause == cause


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        # the issuer in the shared document is a placeholder or ``organizations``
        *({"issuer": f"{{base}}/{name}"} for name in ("{{tenantid}}/v2.0", "{{tenant}}/v2.0/")),
        {"issuer": "{base}/organizations/v2.0"},
        # the id of a single published key may be missing
        {"key_id": "", "published_id": "key-1"},
        {"key_id": "key-1", "published_id": ""},
        {"key_id": "", "published_id": ""},
        # older claims have the user name
        *(
            {"claims": {"preferred_username": None, claim: "admin@contoso.com"}}
            for claim in ("upn", "unique_name", "email")
        ),
    ],
)
def test_what_an_id_token_may_be(provider, bot, changes):
    """An ID token holds in every form that Entra gives it."""
    if "issuer" in changes:
        changes = {"issuer": changes["issuer"].format(base=provider.base)}
    vars(provider).update(changes)
    assert sign_in(bot, provider).account == ACCOUNT


def test_clocks_may_differ_by_five_minutes(provider, bot):
    """An ID token that expired at most 300 seconds ago is accepted."""
    provider.claims = {"exp": time.time() - 200}
    assert sign_in(bot, provider).account == ACCOUNT
    provider.claims = {"exp": time.time() - 301}
    with pytest.raises(Rejected) as refused:
        sign_in(bot, provider)
    assert refused.value.cause == "id_token_expired"


def test_an_identity_is_one_app_in_one_tenant(provider, http):
    """An identity for one tenant refuses an account of another, and a token for another app."""
    secret = "s3cr~t.Value"
    identity = Identity(provider.base, http, TENANT, "client-1", secret)
    assert sign_in(identity, provider).account.tenant_id == TENANT
    provider.claims = OTHER
    email_app = Identity(provider.base, http, TENANT, "email-app", secret)
    for app, cause in ((identity, "wrong_tenant"), (email_app, "id_token_audience")):
        with pytest.raises(Rejected) as refused:
            sign_in(app, provider)
        assert refused.value.cause == cause


def test_a_login_service_that_is_not_as_it_should_be(provider, http):
    """A discovery document without endpoints is unreadable, and no connection is temporary.

    A missing tenant is named: Entra says so instead of the discovery document. A login URL with
    http must be a loopback address, because secrets need encryption.
    """
    nowhere = provider.refuse(400, "invalid_tenant", 90002)
    for base, tenant, discovery, error, cause in (
        (provider.base, TENANT, (200, {}, b"{}"), MalformedAnswer, "answer_unreadable"),
        (provider.base, "nowhere.test", nowhere, Rejected, "tenant_not_found"),
        ("https://127.0.0.1:9", TENANT, None, Transient, "connection_lost"),
    ):
        provider.discovery = discovery
        with pytest.raises(error) as failed:
            Identity(base, http, tenant, "client-1", "secret").begin(GRAPH, CALLBACK, "state-1")
        assert failed.value.cause == cause
    with pytest.raises(ValueError, match="https"):
        Identity("http://login.example.test", http, TENANT, "client-1", "secret")


def test_a_wrong_clock_is_named_with_its_skew(provider, bot):
    """If an ID token's times are wrong because of the bot's clock, the error says by how much.

    Microsoft's answers show that the clock is wrong.
    """
    provider.clock_s, provider.claims = 660, {"nbf": time.time() + 900}
    with pytest.raises(Rejected, match="clock_wrong") as refused:
        sign_in(bot, provider, tenant_id=TENANT)
    assert "the clock of the bot's machine is 11 minutes behind Microsoft's" in refused.value.words


def test_rolled_over_keys_are_read_again(provider, bot):
    """After a key roll-over the new key is found, although the old keys are cached."""
    sign_in(bot, provider)
    provider.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    provider.key_id = "key-2"
    assert sign_in(bot, provider).account.object_id == "oid-1"
    assert [path for path, _ in provider.requests].count("/organizations/discovery/v2.0/keys") == 2


def test_the_token_of_a_sign_in_is_the_tenants_own(provider, bot, http):
    """A token from a sign-in at ``organizations`` also serves requests in the tenant's name.

    So the worker needs no other token, and asks Entra for nothing.
    """
    signed_in = sign_in(bot, provider)
    provider.requests.clear()
    of_tenant = Identity(provider.base, http, TENANT, "client-1", "s3cr~t.Value")
    token, _ = of_tenant.token(signed_in.cache, GRAPH)
    assert (token, provider.requests) == ("at-1", [])


def test_the_person_waits_for_no_keys_at_the_return(provider, bot):
    """The signing keys are read when a person leaves for Microsoft.

    So the person does not wait for the keys on coming back.
    """
    flow = bot.begin(GRAPH, CALLBACK, "state-1")
    assert provider.requests[-1][0].endswith("/keys")
    provider.requests.clear()
    bot.finish(flow, provider.sign_in(flow["auth_uri"]))
    assert [path.rpartition("/")[2] for path, _ in provider.requests] == ["token"]


def test_a_foreign_state_is_refused_before_anything_is_sent(provider, bot):
    """A redirect with the state of another sign-in is refused, and its code is not redeemed."""
    flow = bot.begin(GRAPH, CALLBACK, "state-1")
    before = len(provider.requests)
    with pytest.raises(Rejected) as refused:
        bot.finish(flow, {"code": "stolen", "state": "state-2"})
    assert (refused.value.cause, len(provider.requests)) == ("state_mismatch", before)


def told(error: str, words: str = "", codes: str = "") -> dict[str, str]:
    """Return a redirect's query with this error."""
    query = {"error": error, "error_description": words, "error_codes": codes}
    return {name: each for name, each in query.items() if each}


@pytest.mark.parametrize(("query", "cause", "code"), ERRORS["query"])
def test_an_error_in_the_query_becomes_its_cause(bot, query, cause, code):
    """The cause of an error in the redirect follows its AADSTS number, or else OAuth's error."""
    flow = bot.begin(GRAPH, CALLBACK, "state-1")
    with pytest.raises(CloudError) as refused:
        bot.finish(flow, {**query, "state": "state-1"})
    assert (refused.value.cause, refused.value.code) == (cause, code)


def test_a_code_works_once(provider, bot, http):
    """A code that was redeemed already is refused with AADSTS54005, a busy Entra asked again.

    The error has the correlation ID and the trace ID for support. A wrong client secret
    (AADSTS7000215) may be a replication delay, so the caller may wait.
    """
    flow = bot.begin(GRAPH, CALLBACK, "state-1")
    query, provider.trouble = provider.sign_in(flow["auth_uri"]), [(503, {"Retry-After": "0"}, b"")]
    bot.finish(flow, query)
    with pytest.raises(SignInNeeded, match="code_already_used") as refused:
        bot.finish(flow, query)
    ids = refused.value.ids
    assert (ids.correlation_id, ids.trace_id) == ("corr-1", "trace-1")
    with pytest.raises(Rejected, match="client_secret_wrong") as wrong:
        sign_in(Identity(provider.base, http, TENANT, "client-1", "another"), provider)
    assert wrong.value.can_be_replication
    assert "another" not in str(wrong.value)


async def test_tokens_are_saved_when_the_cache_changed(provider, bot):
    """A token source saves a changed cache once, and saves nothing if nothing changed.

    A token is requested once and then found in memory and the cache, even for ``.default``.
    """
    saved: list[str] = []
    provider.granted = "https://outlook.office365.com/Exchange.Manage"
    tokens = Tokens(bot, sign_in(bot, provider).cache, saved.append)
    exchange, graph = tokens.source(*EXCHANGE), tokens.source(*GRAPH)
    assert [await exchange(), await exchange(), await graph()] == ["at-rt-1", "at-rt-1", "at-1"]
    (cache,) = saved
    assert await Tokens(bot, cache, saved.append).source(*EXCHANGE)() == "at-rt-1"
    assert (len(saved), refreshes(provider)) == (1, 1)


def refreshes(provider) -> int:
    """Return the number of requests with a refresh token."""
    return sum(form.get("grant_type") == "refresh_token" for _, form in provider.requests)


async def test_a_refused_token_is_renewed_for_all(provider, bot):
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
