"""Client assertions at the token endpoint: the bot's own code and forged ones.

The practice cloud answers them.
"""

import time
from dataclasses import dataclass, replace
from datetime import timedelta

import httpx
import jwt
import pytest

from jobs.clouds.errors import Rejected
from jobs.microsoft.identity import Identity
from tests.fixtures.client_certificate import Pem, make_pem, rsa_key
from tests.fixtures.practice_cloud import whole_cloud

SCOPE = "https://graph.microsoft.com/.default"
ISSUER, SUBJECT = "https://issuer.example.test", "system:serviceaccount:bot:worker"
AUDIENCE = "api://AzureADTokenExchange"
HOME = "practice.example"


@dataclass(frozen=True)
class Registered:
    """Bot's registration: a certificate, one that has ended, and a federated credential."""

    own: Pem
    ended: Pem


@pytest.fixture(scope="module")
def registered():
    """Keys of the certificates that the operator has uploaded."""
    return Registered(make_pem(), make_pem(rsa_key(1), ends_in=timedelta(days=-1)))


@pytest.fixture(scope="module")
def cloud(tmp_path_factory, registered):
    """Whole practice cloud in this process, with the bot's registration."""
    with whole_cloud(tmp_path_factory.mktemp("cloud")) as made:
        key = jwt.algorithms.RSAAlgorithm.to_jwk(rsa_key(2).public_key(), as_dict=True)
        keys = {"keys": [key | {"kid": "k1", "use": "sig", "alg": "RS256"}]}
        federated = {"issuer": ISSUER, "subject": SUBJECT, "audiences": [AUDIENCE], "jwks": keys}
        asked = {
            "certificates": [registered.own.certificate, registered.ended.certificate],
            "federated": [federated],
        }
        with httpx.Client(verify=made.tls.client_context(), trust_env=False) as http:
            http.put(f"{made.url}/practice/bot", json=asked).raise_for_status()
        yield made


@pytest.fixture
def http(cloud):
    """HTTP client that trusts the cloud's certificate."""
    with httpx.Client(verify=cloud.tls.client_context(), trust_env=False) as made:
        yield made


@pytest.fixture
def settings(cloud, make_settings):
    """Bot's settings for the cloud, without a credential."""
    return make_settings(
        login_url=cloud.url,
        microsoft_client_id=cloud.settings.bot_client_id,
        microsoft_client_secret="",
    )


def federated(key=None, **changed):
    """Return a federated token of the platform, signed as its issuer signs it."""
    claims = {"iss": ISSUER, "sub": SUBJECT, "aud": AUDIENCE, "exp": int(time.time()) + 600}
    return jwt.encode(claims | changed, key or rsa_key(2), "RS256", headers={"kid": "k1"})


def token(settings, http):
    """Return a token of the bot itself, in the home tenant of its app."""
    return Identity.of_bot(settings, http, HOME).app_token(SCOPE)


def refused(settings, http):
    """Return the cause and the code with which the bot's own credential is refused."""
    with pytest.raises(Rejected) as told:
        token(settings, http)
    return told.value.cause, told.value.code


@pytest.mark.parametrize(
    ("which", "code"), [("own", ""), ("ended", "AADSTS700027"), ("another", "AADSTS700027")]
)
def test_a_certificate(settings, http, registered, tmp_path, which, code):
    """The registered certificate gets a token.

    A certificate that has ended and one that is not registered are refused.
    """
    pem = make_pem() if which == "another" else getattr(registered, which)
    bot = replace(settings, microsoft_client_certificate=str(pem.write(tmp_path / "bot.pem")))
    if code:
        assert refused(bot, http) == ("bot_credential_refused", code)
    else:
        assert token(bot, http)


def test_a_secret_that_is_wrong(settings, http):
    """A wrong client secret of the bot has the cause ``bot_credential_refused``.

    So it is the operator's turn, and not that of the contact center's administrator.
    """
    wrong = replace(settings, microsoft_client_secret="another")
    assert refused(wrong, http) == ("bot_credential_refused", "AADSTS7000215")


def test_a_federated_token(settings, http, tmp_path):
    """The file of the federated token is read again for each request.

    So a token that has ended does not stay in use.
    """
    path = tmp_path / "token"
    bot = replace(settings, microsoft_federated_token_file=str(path))
    path.write_text(federated(exp=int(time.time()) - 3600))
    assert refused(bot, http) == ("bot_credential_refused", "AADSTS700024")
    path.write_text(federated())
    assert token(bot, http)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"iss": "https://other.example.test"}, 700211),
        ({"sub": SUBJECT.upper()}, 700213),
        ({"aud": "api://other"}, 700212),
        ({"exp": None}, 50027),
        ({"nbf": 4_000_000_000}, 700024),
        ({"key": 1}, 50013),
    ],
)
def test_a_federated_token_that_does_not_match(settings, http, tmp_path, changed, code):
    """A federated token is refused if issuer, subject or audience differ from the registration.

    It is also refused if another key has signed it or its time is wrong.
    """
    path = tmp_path / "token"
    key = rsa_key(changed["key"]) if "key" in changed else None
    text = federated(key, **{name: value for name, value in changed.items() if name != "key"})
    path.write_text(text)
    _, told = refused(replace(settings, microsoft_federated_token_file=str(path)), http)
    assert told == f"AADSTS{code}"
