"""Certificate authority for this machine only, and a server certificate signed by it.

Both are new at every start.
"""

import ipaddress
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = timedelta(days=30)
HOST_NAMES = ("localhost",)
ADDRESSES = ("127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Tls:
    """Paths of the certificates, from which every TLS server of the practice cloud is made.

    The servers of the services in ``expired`` (``https``, ``smtp``) show a certificate that has
    expired, to a client that asks for a host by name. A client that asks for 127.0.0.1 sends no
    name (RFC 6066, 3), and always gets the good one.
    """

    ca_path: Path
    certificate_path: Path
    key_path: Path
    expired_path: Path
    expired: set[str] = field(default_factory=set)

    def server_context(self, service: str = "https") -> ssl.SSLContext:
        """Return a new TLS context for a server on localhost."""
        context, old = self._context(self.certificate_path), self._context(self.expired_path)

        def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
            if name and service in self.expired:
                connection.context = old

        context.sni_callback = choose
        return context

    def _context(self, certificate: Path) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(certificate, self.key_path)
        return context

    def client_context(self) -> ssl.SSLContext:
        """Return a TLS context for a client that trusts only this authority."""
        return ssl.create_default_context(cafile=str(self.ca_path))


def make(folder: Path) -> Tls:
    """Create the authority and the server's certificate in the folder.

    The key of the authority is not kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    authority_key, server_key = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )
    authority = _authority(authority_key)
    now = datetime.now(UTC)
    server = _server(server_key, authority, authority_key, now + LIFETIME)
    expired = _server(server_key, authority, authority_key, now - timedelta(minutes=1))
    tls = Tls(
        folder / "ca.pem", folder / "server.pem", folder / "server.key", folder / "expired.pem"
    )
    tls.ca_path.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    tls.certificate_path.write_bytes(server.public_bytes(serialization.Encoding.PEM))
    tls.expired_path.write_bytes(expired.public_bytes(serialization.Encoding.PEM))
    tls.key_path.touch(mode=0o600)
    tls.key_path.write_bytes(
        server_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return tls


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(minutes=5))
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = _name("Practice cloud authority")
    builder = _builder(name, name, key.public_key(), datetime.now(UTC) + LIFETIME)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return builder.add_extension(_usage(authority=True), critical=True).sign(key, hashes.SHA256())


def _server(
    key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    until: datetime,
) -> x509.Certificate:
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in HOST_NAMES]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in ADDRESSES]
    builder = _builder(_name("localhost"), authority.subject, key.public_key(), until)
    builder = builder.add_extension(
        x509.BasicConstraints(ca=False, path_length=None), critical=True
    )
    builder = builder.add_extension(_usage(authority=False), critical=True)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    builder = builder.add_extension(
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
    )
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    return builder.add_extension(issuer, critical=False).sign(authority_key, hashes.SHA256())
