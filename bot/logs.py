"""Logs: one JSON object per line on stderr, without anything that looks like a credential."""

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.contextvars import merge_contextvars
from structlog.processors import JSONRenderer, format_exc_info
from structlog.typing import EventDict, Processor, WrappedLogger

from jobs.redact import GONE, names_a_secret, without_secrets

# At INFO, rq says every five seconds that it cleans its registries. At DEBUG, msal logs whole token
# requests, including the authorization code. The queue of waitress warns about waiting requests.
_CHATTY = ("httpx", "httpcore", "rq", "urllib3", "webexteamssdk", "msal")
NOISY = dict.fromkeys(_CHATTY, logging.WARNING)
NOISY |= {"asyncio": logging.INFO, "waitress.queue": logging.ERROR}
WITNESS = "jobs.runs.audit"
"""Logger of the audit trail. Its lines are written at every log level (docs/audit.md)."""
_HEADS_AND_SECRETS = (
    (r"\b(?:xoauth2|oauthbearer)\s+", r"[\w.~+/=-]{8,}"),
    (r"""(?<![\w-])(?:secret|sealed)["']?\s*[=:]\s*["']?""", r"""[^\s&"',;}]+"""),
    (r"""(?<![\w-])code["']\s*:\s*["']""", r"""[^\s"']{32,}"""),  # in JSON; error codes are shorter
    (r"(?:%3F|%26|[?&])(?:code|state|client_secret|refresh_token)(?:%3D|=)", r"""[^\s&%"']+"""),
)
PATTERNS = [re.compile(f"(?i)({head}){secret}") for head, secret in _HEADS_AND_SECRETS]
"""Patterns of secrets that occur only in logs; :mod:`jobs.redact` handles all others."""
SECRET_KEYS = re.compile(r"(?i)sealed|x[-_]spark[-_]signature")


def configure(level: str = "INFO") -> None:
    """Send structlog and standard library logging to stderr through one formatter.

    An unknown level counts as INFO. The lines of the audit trail do not depend on the level, because
    they are the record of the trail outside Redis.
    """
    stdlib, formatter = structlog.stdlib, structlog.stdlib.ProcessorFormatter
    times = structlog.processors.TimeStamper(fmt="iso", utc=True)
    added = (merge_contextvars, stdlib.add_log_level, stdlib.add_logger_name, times)
    shared: list[Processor] = [*added]
    structlog.configure(
        processors=[stdlib.filter_by_level, *shared, formatter.wrap_for_formatter],
        logger_factory=stdlib.LoggerFactory(),
        wrapper_class=stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    last = (formatter.remove_processors_meta, format_exc_info, redact, JSONRenderer())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(foreign_pre_chain=shared, processors=last))
    chosen = logging.getLevelNamesMapping().get(level.strip().upper(), logging.INFO)
    logging.basicConfig(level=chosen, handlers=[handler], force=True)
    for noisy, least in NOISY.items():
        logging.getLogger(noisy).setLevel(max(least, chosen))
    logging.getLogger(WITNESS).setLevel(min(logging.INFO, chosen))


def redact(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Redact every text in an event, tracebacks included (structlog processor)."""
    return {key: _clean(key, value) for key, value in event.items()}


def redacted(text: str) -> str:
    """Return the text without tokens, secrets, codes, cookies, keys, and passwords in addresses."""
    text = without_secrets(text)
    for pattern in PATTERNS:
        text = pattern.sub(rf"\1{GONE}", text)
    return text


def _clean(key: str, value: Any) -> Any:
    if names_a_secret(key) or SECRET_KEYS.fullmatch(key):
        return GONE
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, Mapping):
        return {str(name): _clean(str(name), inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean("", inner) for inner in value]
    return value if isinstance(value, int | float | None) else redacted(str(value))
