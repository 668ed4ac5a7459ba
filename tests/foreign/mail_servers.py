"""Real Postfix with a real Dovecot behind it, in a folder of their own.

Dovecot only answers for logins: by XOAUTH2, for which it asks a small HTTP server about each token,
and by password. Postfix listens on several ports of the loopback, each with one peculiarity.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from practice.ports import free_port
from tests.fixtures.serving import Quiet, Server, serving
from tests.fixtures.waiting import until

DOMAIN = "contoso.test"
MAILBOX, PROBE, PASSWORD = f"support@{DOMAIN}", f"probe@{DOMAIN}", "p@ss word"
GOOD, COLLEAGUE, AWAY = (
    "token-of-support",
    "token-of-a-colleague",
    "token-while-the-provider-is-away",
)
MOST_BYTES = 20_000
NOBODY = 65534
PORTS: dict[str, dict[str, str]] = {
    "submission": {},
    "no_starttls": {"smtpd_tls_security_level": "none", "smtpd_tls_auth_only": "no"},
    "no_oauth": {"smtpd_sasl_auth_enable": "no"},
    "only_passwords": {"smtpd_sasl_mechanism_filter": "plain, login"},
    "other_name": {"smtpd_tls_chain_files": "$config_directory/other_name.pem"},
    "expired": {"smtpd_tls_chain_files": "$config_directory/expired.pem"},
    "untrusted": {"smtpd_tls_chain_files": "$config_directory/untrusted.pem"},
    "old_tls": {"smtpd_tls_protocols": "<=TLSv1.1"},
    "greylist": {
        "smtpd_recipient_restrictions": "check_recipient_access, static:{450 4.2.0 Greylisted}"
    },
    "strict": {"smtpd_hard_error_limit": "1"},
    "closed": {
        "smtpd_client_restrictions": "static:{554 5.7.1 Not from here}",
        "smtpd_delay_reject": "no",
    },
}
"""Names of ports, each with the settings that differ from a normal submission server's."""
MASTER = """
smtpd     pass  -       -       n       -       -       smtpd
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
proxymap  unix  -       -       n       -       -       proxymap
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
discard   unix  -       -       n       -       -       discard
virtual   unix  -       n       n       -       -       virtual
anvil     unix  -       -       n       -       1       anvil
postlog   unix-dgram n  -       n       -       1       postlogd
"""


def missing() -> str:
    """Return why the servers cannot be started here, in words, or an empty text if they can."""
    absent = [name for name in ("postfix", "dovecot") if not shutil.which(name, path=_PATH)]
    if absent:
        return f"{' and '.join(absent)} not installed (Debian: postfix, dovecot-core)"
    version = _run("dovecot", "--version").stdout
    if not version.startswith("2.4"):
        return f"Dovecot {version.split()[0]} has another configuration; 2.4 is needed"
    return "" if _is_root() else "Postfix starts only as root"


_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def _is_root() -> bool:
    return Path("/proc/self").stat().st_uid == 0


def _run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [shutil.which(name, path=_PATH) or name, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603  our own command lines


@dataclass
class Tokens:
    """Provider's answer about each token: its user, or that the token is unknown.

    The provider takes the user of a signed token from the token, unless ``trusts_claims`` is off.
    """

    users: dict[str, str] = field(
        default_factory=lambda: {GOOD: MAILBOX, COLLEAGUE: f"agent@{DOMAIN}"}
    )
    asked: list[str] = field(default_factory=list)
    trusts_claims: bool = True

    def answer(self, token: str) -> tuple[int, dict[str, Any]]:
        """Return status and body of the answer about a token (introspection, RFC 7662)."""
        self.asked.append(token)
        if token == AWAY:
            return 503, {}
        user = self.users.get(token) or (_user_of(token) if self.trusts_claims else "")
        return 200, {"active": True, "username": user} if user else {"active": False}


def _user_of(token: str) -> str:
    """Return the user in a signed token, or an empty text if the token is not signed."""
    try:
        return str(jwt.decode(token, options={"verify_signature": False}).get("upn", ""))
    except jwt.PyJWTError:
        return ""


@dataclass
class MailServers:
    """Running servers: a port for each peculiarity, the provider, and the mail that arrived."""

    folder: Path
    ports: dict[str, int]
    tokens: Tokens

    @property
    def trusted(self) -> Path:
        """Return the file with the certificates that a client is to trust."""
        return self.folder / "trusted.pem"

    def server(self, name: str) -> str:
        """Return the address of the port with this peculiarity."""
        return f"localhost:{self.ports[name]}"

    def mail(self) -> list[str]:
        """Return every mail that was delivered."""
        return [path.read_text() for path in sorted((self.folder / "mail").glob("*/new/*"))]

    def log(self) -> str:
        """Return the logs of both servers."""
        return "\n".join(path.read_text() for path in self.folder.glob("*.log"))


@contextmanager
def running() -> Iterator[MailServers]:
    """Start Postfix, Dovecot and the provider of tokens, and stop them at the end."""
    folder = Path(tempfile.mkdtemp(prefix="mail-servers-"))
    folder.chmod(0o755)
    try:
        with ExitStack() as stack:
            tokens = Tokens()
            url = stack.enter_context(_provider(tokens))
            servers = MailServers(folder, {name: free_port() for name in PORTS}, tokens)
            stack.enter_context(_dovecot(folder, url))
            stack.enter_context(_postfix(servers))
            yield servers
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _provider(tokens: Tokens) -> Iterator[str]:
    """Answer questions about tokens, as the introspection endpoint of a provider does."""

    class Introspection(Quiet, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            status, body = tokens.answer(form.get("token", [""])[0])
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = Server(Introspection)
    with serving(server):
        yield f"{server.base}/introspect"


@contextmanager
def _dovecot(folder: Path, url: str) -> Iterator[None]:
    """Run Dovecot, which listens only on the socket that Postfix asks."""
    run = folder / "dovecot"
    run.mkdir()
    (folder / "users").write_text(f"{PROBE}:{{PLAIN}}{PASSWORD}\n")
    (folder / "dovecot.conf").write_text(
        f"""
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
base_dir = {run}
state_dir = {run}
log_path = {folder}/dovecot.log
protocols =
ssl = no
auth_allow_cleartext = yes
auth_mechanisms = xoauth2 oauthbearer plain login
auth_failure_delay = 0
passdb oauth2 {{
  mechanisms_filter = xoauth2 oauthbearer
}}
oauth2 {{
  introspection_mode = post
  introspection_url = {url}
  username_attribute = username
  active_attribute = active
  active_value = true
}}
passdb passwd-file {{
  passwd_file_path = {folder}/users
  mechanisms_filter = plain login
}}
service auth {{
  unix_listener postfix-auth {{
    mode = 0666
  }}
}}
"""
    )
    command = [shutil.which("dovecot", path=_PATH) or "", "-F", "-c", str(folder / "dovecot.conf")]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603  our own command line
    try:
        until((run / "postfix-auth").exists, "Dovecot's socket")
        yield
    finally:
        server.terminate()
        server.wait(20)


@contextmanager
def _postfix(servers: MailServers) -> Iterator[None]:
    """Run Postfix, with its settings, queue and mail below the folder."""
    folder = servers.folder
    config = folder / "postfix"
    config.mkdir(0o755)
    _certificates(config, servers.trusted)
    for name in ("queue", "data", "mail"):
        (folder / name).mkdir(0o755)
    shutil.chown(folder / "data", "postfix")
    shutil.chown(folder / "mail", NOBODY, NOBODY)
    (config / "main.cf").write_text(_main(folder))
    (config / "master.cf").write_text("".join(map(_listener, servers.ports.items())) + MASTER)
    started = _run("postfix", "-c", str(config), "start")
    try:
        port = servers.ports["submission"]
        until(lambda: _greets(port), f"Postfix: {started.stderr}")
        yield
    finally:
        _run("postfix", "-c", str(config), "abort")


def _greets(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 2) as connection:
            return connection.recv(3) == b"220"
    except OSError:
        return False


def _main(folder: Path) -> str:
    return f"""
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
myhostname = localhost
mydestination =
mynetworks = 192.0.2.0/24
inet_interfaces = loopback-only
alias_maps =
default_database_type = texthash
virtual_mailbox_domains = {DOMAIN}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = inline:{{ {{ {MAILBOX} = support/ }} }}
virtual_uid_maps = static:{NOBODY}
virtual_gid_maps = static:{NOBODY}
virtual_minimum_uid = 100
message_size_limit = {MOST_BYTES}
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_tls_chain_files = $config_directory/right.pem
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {folder}/dovecot/postfix-auth
smtpd_sasl_security_options = noanonymous
smtpd_sender_login_maps = inline:{{ {{ {PROBE} = {PROBE} }}, {{ {MAILBOX} = {MAILBOX} }} }}
smtpd_sender_restrictions = reject_sender_login_mismatch
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_recipient_restrictions = reject_unlisted_recipient
smtpd_client_event_limit_exceptions =
smtpd_error_sleep_time = 0
"""


def _listener(place: tuple[str, int]) -> str:
    name, port = place
    options = {"syslog_name": f"postfix/{name}"} | PORTS[name]
    lines = "".join(f"    -o {{ {key} = {value} }}\n" for key, value in options.items())
    return f"127.0.0.1:{port} inet n - n - - smtpd\n{lines}"


def _certificates(config: Path, trusted: Path) -> None:
    """Write one good certificate and three bad ones.

    The bad ones are of another name, expired, or trusted by no client.
    """
    made = {
        "right": _self_signed("localhost"),
        "other_name": _self_signed("mail.example.test"),
        "expired": _self_signed("localhost", ended=True),
        "untrusted": _self_signed("localhost"),
    }
    for name, (certificate, key) in made.items():
        path = config / f"{name}.pem"
        path.touch(0o600)
        path.write_bytes(key + certificate)
    trusted.write_bytes(b"".join(made[name][0] for name in ("right", "other_name", "expired")))


def _self_signed(name: str, *, ended: bool = False) -> tuple[bytes, bytes]:
    """Return a certificate that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    start = datetime.now(UTC) - timedelta(days=3)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=1 if ended else 30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    )
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return certificate, key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
