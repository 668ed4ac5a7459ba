"""Causes that a finding or a cloud's error can name, and what the table says of each.

The table is ``causes.toml``. It cannot be loaded with a misspelled field, or without a cause that
code names. A test checks the names of steps and probes in it.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from importlib.resources import files
from typing import Literal, NamedTuple

import msgspec

from jobs.model import Turn

ENTRA_CODE_PAGE = "https://login.microsoftonline.com/error?code="
"""Beginning of the address of Microsoft's page about an AADSTS number, which comes last."""

Cause = StrEnum(
    "Cause",
    """
    ACCESS_TOKEN_REFUSED ACCOUNT_AT_RISK ACCOUNT_DISABLED ACCOUNT_LOCKED ACCOUNT_MADE_AGAIN
    ADMIN_CONSENT_REQUIRED AGENTS_NOT_ENABLED ALREADY_THERE ANSWER_UNREADABLE APP_ACCESS_NOT_ALLOWED
    APP_ACCESS_WITHDRAWN APP_DEACTIVATED APP_DELETED_MEANWHILE APP_DISABLED
    APP_DISABLED_BY_MICROSOFT APP_MISCONFIGURED APP_NOT_FOUND APP_ROLES_MISSING
    ASSET_OF_OTHER_WORKLOAD AUTODISCOVER_MISSING BLOCKED_BY_CONDITIONAL_ACCESS
    BLOCKED_BY_SECURITY_DEFAULTS BOT_CREDENTIAL_REFUSED CERTIFICATE_INVALID CHANGE_NEVER_SHOWN
    CLIENT_SECRET_EXPIRED CLIENT_SECRET_EXPIRES_SOON CLIENT_SECRET_GONE CLIENT_SECRET_MISSING
    CLIENT_SECRET_WRONG CLOCK_WRONG CODE_ALREADY_USED CONNECTION_LOST CONNECTOR_TAKES_MAIL
    CONNECT_ADDRESS_GONE CONNECT_CHANGED CONNECT_FLOW_NOT_LIVE CONNECT_LOGIN_FAILED
    CONNECT_NOT_REACHED CONNECT_SEND_FAILED CONNECT_SMTP_FAILED CONSENT_CANCELLED CONSENT_DECLINED
    CONSENT_MISSING CONTACT_LIMIT_REACHED COPY_DIFFERS CUSTOMIZATION_NEEDED DELEGATE_NOT_FOUND
    DELEGATE_UNKNOWN DIRECTORY_ROLE_MISSING DOMAIN_NOT_AUTHENTICATED ENTRA_BUSY ENTRA_INCIDENT
    ENTRY_POINT_INACTIVE ENTRY_POINT_MISSING EXCHANGE_ANSWER_CUT EXCHANGE_CONSENT_MISSING
    EXCHANGE_INCIDENT EXCHANGE_ROLE_MISSING EXCHANGE_SERVICE_MISSING FLOW_TEMPLATE_OLD
    FORM_USERNAME_SHARED FORWARDING_ADDRESS_WINS FORWARDING_BLOCKED FORWARDING_SETTLING
    GRANT_INVALID HOST_NAME_UNKNOWN HOST_NOT_ALLOWED ID_TOKEN_AUDIENCE ID_TOKEN_EXPIRED
    ID_TOKEN_INVALID ID_TOKEN_ISSUER ID_TOKEN_NONCE ID_TOKEN_SIGNATURE LICENCE_MISSING
    MAILBOX_INTERNAL_ONLY MAILBOX_MODERATED MAILBOX_NOT_FOUND MAILBOX_ON_PREMISES
    MAILBOX_REJECTS_SENDERS MAILBOX_SENDERS_LISTED MAILBOX_SIZE_LIMITED MAILBOX_SOFT_DELETED
    MAILBOX_SYNCED MAIL_EXCHANGER_ELSEWHERE MAIL_EXCHANGER_MISSING MAIL_NOT_DELIVERED
    MORE_PERMISSIONS_NEEDED NOBODY_LOGGED_IN NOT_ALLOWED NOT_FORWARDED NOT_FOUND NO_TASK
    OWN_SECRET_REFUSED PERMISSION_ID_UNKNOWN PERMISSION_NOT_DECLARED PROBE_LOGIN_REFUSED
    PROFILE_WITHOUT_EMAIL PUBLIC_CLIENT_WITH_SECRET QUEUE_GONE QUEUE_INACTIVE QUEUE_OF_OTHER_CHANNEL
    QUEUE_WITHOUT_TEAMS REDIRECT_URI_IS_SPA REDIRECT_URI_MISMATCH REFRESH_TOKEN_EXPIRED
    REMOTE_DOMAIN_BLOCKS_FORWARDING REPLY_ADDRESS_MISSING REQUEST_REJECTED SCOPE_MISSING SCOPE_WRONG
    SECRET_DELETED_MEANWHILE SECRET_FORBIDDEN_BY_POLICY SENDER_DOMAIN_INCOMPLETE SENDER_RESTRICTED
    SENDS_AS_ONMICROSOFT SEND_AS_DENIED SEND_AS_MISSING SERVICE_PRINCIPAL_MISSING
    SERVICE_PRINCIPAL_NOT_READY SERVICE_UNAVAILABLE SESSION_REVOKED SIGN_IN_ALLOWED_AGAIN
    SIGN_IN_FAILED SIGN_IN_MISSING SKILL_MISSING SMTP_AUTH_OFF_FOR_MAILBOX SMTP_AUTH_OFF_FOR_TENANT
    SMTP_AUTH_SETTLING SMTP_AUTH_TENANT_WINS SMTP_BUSY SMTP_CERTIFICATE_INVALID SMTP_LOGIN_BLOCKED
    SMTP_LOGIN_UNEXPLAINED SMTP_NOT_AUTHENTICATED SMTP_NO_OAUTH SMTP_NO_STARTTLS SMTP_PASSWORD_LOGIN
    SMTP_REFUSED SMTP_TLS_FAILED SMTP_TOKEN_REFUSED SMTP_TOO_MANY_CONNECTIONS SMTP_UNREACHABLE
    STATE_MISMATCH TASKS_WAIT TENANT_NOT_FOUND TEST_MAIL_FROM_ITSELF TEST_MAIL_LATE THROTTLED
    TIMED_OUT TNEF_ON TRACE_LIMIT TRANSPORT_RULE_BLOCKS TRANSPORT_RULE_BLOCKS_ANSWERS
    TRANSPORT_RULE_BLOCKS_ARRIVALS TRANSPORT_RULE_MAY_BLOCK UNEXPECTED USER_NOT_ASSIGNED
    USER_UNKNOWN WATCH_MAIL_MISSING WEBEX_BUSY WEBEX_INCIDENT WEBEX_KEY_REFUSED WEBEX_REFUSED
    WEBEX_UNAVAILABLE WHAT_STOPS_MAIL_NOT_READ WRONG_MAILBOX_USER WRONG_TENANT
    """,
)
"""Causes that code names. The table has more, which only texts of errors name."""


class ErrorKind(StrEnum):
    """Reaction that an error calls for; each kind is a class in :mod:`jobs.clouds.errors`."""

    TRANSIENT = "transient"
    NOT_REPLICATED = "settling"
    SIGN_IN_NEEDED = "sign_in_needed"
    FORBIDDEN = "not_allowed"
    NOT_FOUND = "not_found"
    ALREADY_EXISTS = "already_there"
    REJECTED = "rejected"
    MALFORMED = "unreadable"


class Meaning(NamedTuple):
    """Cause of an error, and the kind of reaction that the error calls for."""

    cause: str
    kind: ErrorKind = ErrorKind.REJECTED


Certainty = StrEnum("Certainty", "CERTAIN POSSIBLE CONDITIONAL")
"""Certainty of a cause: the text itself names it, or other causes are possible as well.

Conditional: nothing says who speaks, and it is the cause only if a service of this channel does.
"""


@dataclass(frozen=True, slots=True)
class FoundCause:
    """Cause that a text names at the place ``at``, with the code or the words that name it."""

    cause: str
    code: str
    certainty: Certainty = Certainty.CERTAIN
    at: int = field(default=0, compare=False)
    kind: ErrorKind = field(default=ErrorKind.REJECTED, compare=False)

    @property
    def certain(self) -> bool:
        return self.certainty is Certainty.CERTAIN


class CauseEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the table says of one cause. The head of the table explains the fields."""

    acts: Turn
    shown_by: tuple[str, ...] = ()
    fixed_by: tuple[str, ...] = ()
    fixed_if_wrong: bool = False
    new_token: bool = False
    entra: tuple[int, ...] = ()
    smtp: tuple[str, ...] = ()
    smtp_shared: tuple[str, ...] = ()
    connect: tuple[str, ...] = ()
    oauth: tuple[str, ...] = ()
    kind: ErrorKind = ErrorKind.REJECTED
    page: int | str = ""
    shared: Literal["", "tenant", "everybody"] = ""
    settles: bool = False


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    pages: dict[str, str]
    causes: dict[str, CauseEntry]


def load(text: str | bytes) -> dict[str, CauseEntry]:
    """Return the entries of a table, with the whole addresses of their pages.

    Raises:
        msgspec.ValidationError: a field or a value is none of those that exist.
        KeyError: a cause that code names has no entry, or a page no address.
    """
    table = msgspec.toml.decode(text, type=_Table)
    if missing := set(Cause) - table.causes.keys():
        raise KeyError(*missing)
    pages = {"": "", **table.pages}
    entries = dict[str, CauseEntry]()
    for cause, row in table.causes.items():
        page = f"{ENTRA_CODE_PAGE}{row.page}" if isinstance(row.page, int) else pages[row.page]
        entries[cause] = msgspec.structs.replace(row, page=page)
    return entries


CAUSES = load((files(__package__) / "causes.toml").read_bytes())
NEW_TOKEN = frozenset(cause for cause, entry in CAUSES.items() if entry.new_token)
"""Causes that a new token ends: the mailbox user clicks Generate Token in Webex Connect.

Sources: microsoft.md 4, and 8 rows 4 and 10. A token of a single-page application expires on
its own, even after its callback was moved to the platform Web.
"""


def known(cause: str) -> CauseEntry:
    """Return what the table says of a cause; of any other code, that an administrator acts."""
    return CAUSES.get(cause, CauseEntry(acts=Turn.ADMINISTRATOR))


def page_of(cause: str) -> str:
    """Return the address of the page that explains a cause, or an empty string if none is known."""
    return str(known(cause).page)
