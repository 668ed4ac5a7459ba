"""Free ports, and the environment of each process of the stack."""

import os
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet

from practice.patience import pace
from practice.ports import free_port
from practice.settings import PracticeSettings

ROOT = Path(__file__).parents[1]
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
MEASURED = ("COVERAGE_PROCESS_START", "COVERAGE_FILE")
DELAYS = ("replication_s", "exchange_replication_s", "customization_s", "trace_delay_s")
PROBE_FROM = "probe@customer.example"
ORG_ID = "1eb65fdf-9643-417f-9974-ad72cae0e10f"
CLIENT_ID = "2f6e1b7c-0d5a-4b8e-9c3f-7a1d5e8b4c60"


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports of the listeners of a stack, one for each."""

    redis: int
    cloud: int
    web: int
    smtp: int
    probe: int

    @property
    def public_url(self) -> str:
        """Return the URL under which browsers and Webex reach the product."""
        return f"http://127.0.0.1:{self.web}"

    @property
    def cloud_url(self) -> str:
        """Return the URL of the practice cloud."""
        return f"https://localhost:{self.cloud}"


def free_ports() -> Ports:
    """Return free ports of loopback for all listeners of a stack."""
    return Ports(*(free_port() for _ in range(5)))


def base() -> dict[str, str]:
    """Return the environment that every process gets.

    This Python is first on PATH, and the project's modules can be imported.
    """
    passed = _passed(PASSED_ON)
    path = f"{Path(sys.executable).parent}:{passed.get('PATH', '')}"
    return {**passed, "PATH": path, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def measured() -> dict[str, str]:
    """Return the variables that make the product's processes record line coverage.

    The result is empty if this process does not have them.
    """
    return _passed(MEASURED)


def _passed(names: tuple[str, ...]) -> dict[str, str]:
    return {name: os.environ[name] for name in names if name in os.environ}


def cloud_env(ports: Ports, settings: dict[str, str]) -> dict[str, str]:
    """Return the practice cloud's settings, with new credentials for this start.

    ``settings`` override the delays, which keep the pace of the product.
    """
    values = {
        "bot_token": secrets.token_urlsafe(48),
        "bot_client_id": CLIENT_ID,
        "bot_client_secret": secrets.token_urlsafe(30),
        "contact_center_token": secrets.token_urlsafe(30),
        "contact_center_org": ORG_ID,
        "connect_audit_token": secrets.token_urlsafe(30),
    }
    values |= {name: str(getattr(PracticeSettings(), name) * pace()) for name in DELAYS}
    values |= {"smtp_port": str(ports.smtp), "probe_smtp_port": str(ports.probe), **settings}
    return {f"PRACTICE_{name.upper()}": value for name, value in values.items()}


def product_env(ports: Ports, cloud: dict[str, str], ca_path: Path) -> dict[str, str]:
    """Return the environment of the product.

    It has the variables of docs/settings.md, all pointing to the practice cloud.
    """
    return {
        "WEBEX_ACCESS_TOKEN": cloud["PRACTICE_BOT_TOKEN"],
        "WEBEX_WEBHOOK_SECRET": secrets.token_urlsafe(32),
        "WEBEX_API_URL": f"{ports.cloud_url}/webex/v1/",
        "PUBLIC_URL": ports.public_url,
        "HOST": "127.0.0.1",
        "PORT": str(ports.web),
        "REDIS_URL": f"redis://127.0.0.1:{ports.redis}/0",
        "REDIS_PREFIX": "",
        "MICROSOFT_CLIENT_ID": cloud["PRACTICE_BOT_CLIENT_ID"],
        "MICROSOFT_CLIENT_SECRET": cloud["PRACTICE_BOT_CLIENT_SECRET"],
        "MICROSOFT_LOGIN_URL": ports.cloud_url,
        "MICROSOFT_GRAPH_URL": f"{ports.cloud_url}/graph",
        "EXCHANGE_ADMIN_URL": ports.cloud_url,
        "SMTP_SERVER": f"localhost:{ports.smtp}",
        "PROBE_SMTP_URL": f"smtp://127.0.0.1:{ports.probe}",
        "PROBE_FROM": PROBE_FROM,
        "WEBEX_STATUS_URL": f"{ports.cloud_url}/status",
        "CONNECT_AUDIT_URL": ports.cloud_url,
        "CONNECT_AUDIT_HEADER": "Authorization",
        "CONNECT_HOSTS": "",
        "CONNECT_AUDIT_TOKEN": cloud.get("PRACTICE_CONNECT_AUDIT_TOKEN", ""),
        "CONTACT_CENTER_URL": f"{ports.cloud_url}/contact-center",
        "CONTACT_CENTER_TOKEN": cloud.get("PRACTICE_CONTACT_CENTER_TOKEN", ""),
        "CONTACT_CENTER_ORG_ID": cloud.get("PRACTICE_CONTACT_CENTER_ORG", ""),
        "ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "ALLOWED_EMAIL_DOMAINS": "contoso.com",
        "REFUSALS_PER_HOUR": "1",
        "COMMANDS_PER_HOUR": "100000",  # one person plays everybody's part, also for hours
        "RUN_RETENTION_DAYS": "180",
        "AUDIT_RETENTION_DAYS": "730",
        "WORKERS": "2",
        "LOG_LEVEL": "INFO",
        "SSL_CERT_FILE": str(ca_path),
        "REQUESTS_CA_BUNDLE": str(ca_path),
    }
