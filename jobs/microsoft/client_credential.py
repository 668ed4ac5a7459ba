"""Credential of the bot's own Entra app: a secret, a certificate, or a federated token.

The latter two never leave the machine: Entra gets an assertion that expires after minutes, which
msal signs (PS256, with the SHA-256 thumbprint: Microsoft's page "certificate credentials").
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from jobs.causes.cause import Cause
from jobs.clock import now, parse
from jobs.clouds.errors import Rejected
from jobs.settings import CLIENT_CREDENTIALS, Settings, valid

CERTIFICATE, TOKEN_FILE = CLIENT_CREDENTIALS[1:]
EXPIRES = "MICROSOFT_CLIENT_SECRET_EXPIRES"
Credential = str | Mapping[str, str] | Mapping[str, Callable[[], str]]
_KEY = re.compile(
    r"-----BEGIN (?P<kind>(?:RSA |EC |ENCRYPTED )?PRIVATE KEY)-----.+?-----END (?P=kind)-----",
    re.DOTALL,
)
_CHAIN = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class CredentialError(Rejected):
    """Error because a credential's file cannot be used; ``message`` says how to repair that."""

    def __init__(self, setting: str, path: Path, why: str) -> None:
        words = f"{setting} names {path}, {why}"
        super().__init__(Cause.BOT_CREDENTIAL_REFUSED, "entra", message=words, unsent=True)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Private key and certificate from one PEM file, both as PEM, and the certificate's end."""

    key: str = field(repr=False)
    certificate: str = field(repr=False)
    ends: datetime


def credential_of(settings: Settings) -> Credential:
    """Return the bot's credential in the form that msal takes.

    The files are read at each use, so that a renewed certificate or token counts without a restart.

    Raises:
        CredentialError: the certificate's file cannot be used.
    """
    if settings.microsoft_client_certificate:
        pair = read_key_pair(Path(settings.microsoft_client_certificate))
        return {"private_key": pair.key, "public_certificate": pair.certificate}
    if token_file := settings.microsoft_federated_token_file:
        return {"client_assertion": lambda: read_token(Path(token_file))}
    return settings.microsoft_client_secret


def read_key_pair(path: Path) -> KeyPair:
    """Return the key and the certificate of a PEM file.

    Raises:
        CredentialError: the file cannot be read, or lacks one of the two, or they do not belong
            together.
    """
    # most bots have a secret and no certificate
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    text = _read(CERTIFICATE, path)
    key, certificates = _KEY.search(text), _CHAIN.findall(text)
    what = "certificate" if key else "private key"
    why = f"which holds no {what}: put the key and the certificate into one PEM file"
    if key and certificates:
        try:
            certificate = x509.load_pem_x509_certificate(certificates[0].encode())
            what = "key"
            private = load_pem_private_key(key[0].encode(), password=None)
        except TypeError:
            how = "write the key without one, and let only the bot's user read the file"
            why = f"whose key has a password: {how}"
        except ValueError:
            why = f"whose {what} cannot be understood: name a PEM file"
        else:
            why = "whose key is not RSA: Entra takes RSA keys only"
            if isinstance(private, RSAPrivateKey):
                if private.public_key() == certificate.public_key():
                    chain = "\n".join(certificates)
                    return KeyPair(key[0], chain, certificate.not_valid_after_utc)
                how = "put the pair that was made together into the file"
                why = f"whose key does not belong to its first certificate: {how}"
    raise CredentialError(CERTIFICATE, path, why)


def read_token(path: Path) -> str:
    """Return the federated token, which the platform replaces now and then.

    Raises:
        CredentialError: the file cannot be read or is empty.
    """
    token = _read(TOKEN_FILE, path).strip()
    if not token:
        raise CredentialError(TOKEN_FILE, path, "which is empty: look at what writes it")
    return token


def credential_problems(env: Mapping[str, str]) -> Iterator[str]:
    values = {name: env.get(name, "").strip() for name in (*CLIENT_CREDENTIALS, EXPIRES)}
    given = [name for name in CLIENT_CREDENTIALS if values[name]]
    if len(given) > 1:
        yield (
            f"{given[0]} is set, and so is {' and '.join(given[1:])}: keep one,"
            " because the bot's Entra app signs in with exactly one credential"
        )
    else:
        try:
            ends = read_key_pair(Path(values[CERTIFICATE])).ends if values[CERTIFICATE] else None
            if values[TOKEN_FILE]:
                read_token(Path(values[TOKEN_FILE]))
        except CredentialError as error:
            yield error.message
        else:
            if ends and ends <= now():
                yield (
                    f"{CERTIFICATE} names {values[CERTIFICATE]}, whose certificate ended on"
                    f" {ends:%d %b %Y}: make a new one, upload it to the bot's app in Entra, and"
                    " put it into the file"
                )
    if valid(date.fromisoformat, values[EXPIRES] or "2027-05-31") is None:
        yield f"{EXPIRES} is no date: write the day that Entra shows, like 2027-05-31"


SOON = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class OwnCredential:
    """Known facts about the bot's credential."""

    words: str
    ends: datetime | None = None
    problem: str = ""  # why it cannot be used
    doubt: str = ""  # why it may stop working


def own_credential(settings: Settings) -> OwnCredential:
    """Return what the doctor tells; a certificate contains its end, a secret's is a setting."""
    if settings.microsoft_federated_token_file:
        return OwnCredential("signs in with a federated token, which its platform renews")
    words, at = "signs in with a client secret", now()
    ends = parse(settings.microsoft_client_secret_expires)
    if settings.microsoft_client_certificate:
        words = "signs in with a certificate"
        try:
            ends = read_key_pair(Path(settings.microsoft_client_certificate)).ends
        except CredentialError as error:
            return OwnCredential(words, problem=error.message)
    if ends is None:
        doubt = (
            f"{words} whose end is not known: set MICROSOFT_CLIENT_SECRET_EXPIRES to the day that"
            " Entra shows, and the approvers are reminded of it"
        )
        return OwnCredential(words, doubt=doubt)
    words = f"{words} until {ends:%d %b %Y}"
    if ends > at + SOON:
        return OwnCredential(words, ends)
    told = f"{words}: make a new one in Entra, Certificates & secrets, and set it here"
    return OwnCredential(words, ends, **{"doubt" if ends > at else "problem": told})


def _read(name: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        how = "name a file that the bot's user may read"
        raise CredentialError(name, path, f"which cannot be read ({why}): {how}") from None
