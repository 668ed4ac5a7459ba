"""Real parts for several folders: a certificate, and a small OpenID provider that signs RS256."""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from jobs.settings import Settings

TENANT = "11111111-2222-3333-4444-555555555555"
CLIENT = "client-1"
SECRET = "s3cr~t.Value"


@pytest.fixture
def make_settings() -> Callable[..., Settings]:
    """Settings of the public clouds, with whatever a test changes."""

    def make(**changes: Any) -> Settings:
        values = {
            "public_url": "https://bot.test",
            "redis_url": "",
            "microsoft_client_id": CLIENT,
            "microsoft_client_secret": SECRET,
            "encryption_keys": (),
        }
        return Settings(**(values | changes))

    return make


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for 127.0.0.1 and localhost, in files."""

    cert: Path
    key: Path

    def server_context(self) -> ssl.SSLContext:
        """For a server that shows this certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        return context


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """One certificate for all tests."""
    folder = tmp_path_factory.mktemp("tls")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    start = datetime.now(UTC) - timedelta(hours=1)
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    made = Certificate(folder / "cert.pem", folder / "key.pem")
    made.cert.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return made


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def new_key() -> rsa.RSAPrivateKey:
    """A signing key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


_KEY = new_key()


@dataclass
class Provider:
    """A small OpenID provider. ``claims`` change what it puts into ID tokens, ``trouble`` is what the token endpoint answers instead.

    ``at_refresh`` is the same where a refresh token is used.

    ``granted`` are the scopes that it names when a refresh token is used, where they are not those that were asked for.
    ``app_roles`` are the roles in the token of an app that acts for nobody, by the scope that it asks for.
    """

    base: str = ""
    scheme: str = "https"
    key: rsa.RSAPrivateKey = _KEY
    published: rsa.RSAPrivateKey | None = None
    key_id: str = "key-1"
    published_id: str = ""
    issuer: str = ""
    granted: str = ""
    app_roles: dict[str, list[str]] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    discovery: tuple[int, dict[str, str], bytes] | None = None
    trouble: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    at_refresh: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    flows: dict[str, dict[str, str]] = field(default_factory=dict)

    def sign_in(self, auth_uri: str) -> dict[str, str]:
        """What a person's browser does: sign in, and come back with a query."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(auth_uri).query).items()}
        code = f"code-{len(self.flows)}"
        self.flows[code] = asked
        return {"code": code, "state": asked["state"]}

    def answer(self, path: str, form: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body for a request."""
        self.requests.append((path, form))
        if path.endswith("/.well-known/openid-configuration"):
            return self.discovery or self._json(200, self.document(path.split("/")[1]))
        if path.endswith("/keys"):
            return self._json(200, {"keys": [self._public_key()]})
        refusals = (form.get("grant_type") == "refresh_token" and self.at_refresh) or self.trouble
        return refusals.pop(0) if refusals else self._token(form)

    def document(self, tenant: str) -> dict[str, str]:
        """The discovery document."""
        issuer = self.issuer or f"{self.base}/{'{tenantid}' if tenant == 'organizations' else tenant}/v2.0"
        return {
            "issuer": issuer,
            "authorization_endpoint": f"{self.base}/{tenant}/oauth2/v2.0/authorize",
            "token_endpoint": f"{self.base}/{tenant}/oauth2/v2.0/token",
            "jwks_uri": f"{self.base}/{tenant}/discovery/v2.0/keys",
        }

    def _public_key(self) -> dict[str, Any]:
        key = (self.published or self.key).public_key()
        return {**jwt.algorithms.RSAAlgorithm.to_jwk(key, as_dict=True), "kid": self.published_id or self.key_id, "use": "sig"}

    def _token(self, form: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        if form.get("client_secret") != SECRET:
            return self.refuse(401, "invalid_client", 7000215)
        if form["grant_type"] == "client_credentials":
            token = jwt.encode({"roles": self.app_roles.get(form["scope"], [])}, self.key, algorithm="RS256")
            return self._json(200, {"token_type": "Bearer", "expires_in": 3599, "access_token": token})
        if form["grant_type"] == "refresh_token":
            return self._json(200, {**self._tokens(self.granted or form["scope"]), "access_token": f"at-{form['refresh_token']}"})
        asked = self.flows.pop(form["code"], None)
        if asked is None:
            return self.refuse(400, "invalid_grant", 54005)
        if _b64(hashlib.sha256(form["code_verifier"].encode()).digest()) != asked["code_challenge"]:
            return self.refuse(400, "invalid_grant", 501481)
        return self._json(200, {**self._tokens(asked["scope"]), "id_token": self.id_token(asked["nonce"])})

    def _tokens(self, scope: str) -> dict[str, Any]:
        info = _b64(json.dumps({"uid": "oid-1", "utid": TENANT}).encode())
        return {
            "token_type": "Bearer",
            "scope": scope,
            "expires_in": 3600,
            "access_token": "at-1",
            "refresh_token": "rt-1",
            "client_info": info,
        }

    def id_token(self, nonce: str) -> str:
        """An ID token, with the claims that the test changed; a None takes a claim out."""
        now = int(time.time())
        claims = {
            "iss": f"{self.base}/{TENANT}/v2.0",
            "aud": CLIENT,
            "tid": TENANT,
            "oid": "oid-1",
            "sub": "sub-1",
            "preferred_username": "admin@contoso.com",
            "wids": ["role-1"],
            "nonce": nonce,
            "nbf": now - 10,
            "iat": now - 10,
            "exp": now + 3600,
        }
        signed = {name: value for name, value in (claims | self.claims).items() if value is not None}
        return jwt.encode(signed, self.key, algorithm="RS256", headers={"kid": self.key_id})

    def refuse(self, status: int, error: str, number: int) -> tuple[int, dict[str, str], bytes]:
        """An error answer in Entra's words."""
        words = f"AADSTS{number}: No. Trace ID: trace-1 Correlation ID: corr-1 Timestamp: 2026-11-25 00:00:00Z"
        return self._json(status, {"error": error, "error_description": words, "error_codes": [number], "correlation_id": "corr-1"})

    @staticmethod
    def _json(status: int, body: object) -> tuple[int, dict[str, str], bytes]:
        return status, {"Content-Type": "application/json"}, json.dumps(body).encode()


class _Handler(BaseHTTPRequestHandler):
    provider: Provider

    def do_GET(self) -> None:
        self._reply({})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._reply({name: values[0] for name, values in parse_qs(body).items()})

    def _reply(self, form: dict[str, str]) -> None:
        status, headers, body = self.provider.answer(urlsplit(self.path).path, form)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(params=["https", "http"])
def provider(request: pytest.FixtureRequest, certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """The provider on a loopback port, over https and then over http; its certificate is trusted by SSL_CERT_FILE."""
    made = Provider(scheme=request.param)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"provider": made}))
    server.daemon_threads = True
    if made.scheme == "https":
        server.socket = certificate.server_context().wrap_socket(server.socket, server_side=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.cert))
    made.base = f"{made.scheme}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()
