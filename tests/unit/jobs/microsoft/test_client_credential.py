"""The bot's own credential: a secret, a certificate's file, or a federated token's file."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from jobs.clock import now
from jobs.clouds.errors import Rejected
from jobs.microsoft import client_credential as own
from tests.fixtures.client_certificate import make_pem, rsa_key

SECRET, CERTIFICATE = "MICROSOFT_CLIENT_SECRET", "MICROSOFT_CLIENT_CERTIFICATE"
TOKEN_FILE, EXPIRES = "MICROSOFT_FEDERATED_TOKEN_FILE", "MICROSOFT_CLIENT_SECRET_EXPIRES"


@pytest.fixture
def settings(make_settings):
    """Settings without any credential of the bot."""
    return make_settings(microsoft_client_secret="")


def test_a_certificate_is_read_at_each_use(settings, tmp_path):
    """A renewed certificate file counts without a restart, and the key is not in the repr.

    A client secret is used as it is set, without any conversion.
    """
    assert own.credential_of(replace(settings, microsoft_client_secret="s3cr~t")) == "s3cr~t"
    path = make_pem().write(tmp_path / "bot.pem")
    with_file = replace(settings, microsoft_client_certificate=str(path))
    first = own.credential_of(with_file)
    make_pem(rsa_key(1)).write(path)
    second = own.credential_of(with_file)
    assert set(first) == {"private_key", "public_certificate"}
    assert first["private_key"] != second["private_key"]
    assert "PRIVATE" not in repr(own.read_key_pair(path))


def test_a_federated_token_is_read_at_each_use(settings, tmp_path):
    """A federated token is read at each use, because the platform replaces it, for example hourly.

    If the token file is gone, the credential is refused with the name of the file.
    """
    path = tmp_path / "token"
    credential = own.credential_of(replace(settings, microsoft_federated_token_file=str(path)))
    ask = credential["client_assertion"]
    path.write_text("first\n")
    assert ask() == "first"
    path.write_text("second\n")
    assert ask() == "second"
    path.write_text(" \n")
    assert "is empty" in next(own.credential_problems({TOKEN_FILE: str(path)}))
    path.unlink()
    with pytest.raises(Rejected) as refused:
        ask()
    assert refused.value.cause == "bot_credential_refused"
    assert str(path) in refused.value.message


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (lambda: make_pem().certificate, "holds no private key"),
        (lambda: make_pem().key, "holds no certificate"),
        (lambda: make_pem().key + make_pem(rsa_key(1)).certificate, "does not belong"),
        (lambda: _both(make_pem(password="secret")), "has a password"),
        (lambda: _both(make_pem(ec.generate_private_key(ec.SECP256R1()))), "is not RSA"),
        (lambda: make_pem().key + _broken("CERTIFICATE"), "certificate cannot be understood"),
        (lambda: _broken("PRIVATE KEY") + make_pem().certificate, "key cannot be understood"),
        (lambda: "", "holds no private key"),
    ],
)
def test_what_is_wrong_with_a_file(tmp_path, content, told):
    """The message about a faulty file names the setting, the file and the next step, but no key."""
    path = tmp_path / "bot.pem"
    path.write_text(content())
    [sentence] = own.credential_problems({CERTIFICATE: str(path)})
    assert (sentence.startswith(f"{CERTIFICATE} names {path}, "), told in sentence) == (True, True)
    assert ("BEGIN" in sentence, ": " in sentence.partition(str(path))[2]) == (False, True)


def _both(pem) -> str:
    return f"{pem.key}{pem.certificate}"


def _broken(kind: str) -> str:
    return f"-----BEGIN {kind}-----\nAAAA\n-----END {kind}-----\n"


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ({}, []),
        ({SECRET: "x"}, []),
        ({SECRET: "x", CERTIFICATE: "/f"}, [f"{SECRET} is set, and so is {CERTIFICATE}"]),
        (
            {SECRET: "x", CERTIFICATE: "/f", TOKEN_FILE: "/t"},
            [f"{SECRET} is set, and so is {CERTIFICATE} and {TOKEN_FILE}"],
        ),
        ({CERTIFICATE: "/gone.pem"}, [f"{CERTIFICATE} names /gone.pem, which cannot be read"]),
        ({TOKEN_FILE: "/gone"}, [f"{TOKEN_FILE} names /gone, which cannot be read"]),
        ({SECRET: "x", EXPIRES: "next year"}, [f"{EXPIRES} is no date"]),
        ({SECRET: "x", EXPIRES: "2027-05-31"}, []),
    ],
)
def test_what_is_wrong_with_the_settings(env, told):
    """At most one credential may be set, its file must be readable, and its end must be a date."""
    found = own.credential_problems(env)
    assert all(line.startswith(words) for line, words in zip(found, told, strict=True))


def test_when_it_ends(settings, tmp_path):
    """A certificate contains its end date, and the end date of a secret is a setting.

    A federated token has no end date. A certificate that has ended prevents the start, and one
    that is gone is the operator's error, for which no request is sent.
    """
    at, path = now() + timedelta(days=90), tmp_path / "bot.pem"
    with_file = replace(settings, microsoft_client_certificate=str(path))
    make_pem(ends_in=timedelta(days=90)).write(path)
    assert abs((own.own_credential(with_file).ends or now()) - at) < timedelta(minutes=1)
    make_pem(ends_in=timedelta(days=-3)).write(path)
    [sentence] = own.credential_problems({CERTIFICATE: str(path)})
    assert f"ended on {now() - timedelta(days=3):%d %b %Y}" in sentence
    path.unlink()
    assert "cannot be read" in own.own_credential(with_file).problem
    with pytest.raises(own.CredentialError) as refused:
        own.credential_of(with_file)
    assert (refused.value.cause, refused.value.unsent) == ("bot_credential_refused", True)
    secret = replace(settings, microsoft_client_secret="x")
    dated = replace(secret, microsoft_client_secret_expires="2027-05-31")
    assert own.own_credential(dated).ends == datetime(2027, 5, 31, tzinfo=UTC)
    for other in (secret, replace(dated, microsoft_federated_token_file="/t")):
        assert own.own_credential(other).ends is None
