"""Trusted certificates: the same for HTTP, msal and SMTP."""

from __future__ import annotations

import os
import ssl
from functools import cache
from pathlib import Path

import httpx


def ssl_context() -> ssl.SSLContext:
    """Return a client context from httpx that also trusts ``REQUESTS_CA_BUNDLE``.

    httpx honors ``SSL_CERT_FILE``. TLS 1.2 is the lowest version that Microsoft accepts (facts
    section 4).
    """
    context = httpx.create_ssl_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    bundle = os.environ.get("REQUESTS_CA_BUNDLE", "")
    if bundle:
        path = Path(bundle)
        context.load_verify_locations(
            cafile=None if path.is_dir() else bundle, capath=bundle if path.is_dir() else None
        )
    return context


def http_context() -> ssl.SSLContext:
    """Return the shared context of all HTTP clients, because reading the certificates takes 10 ms.

    It is not for SMTP: httpx makes it offer ``http/1.1``.
    """
    return _kept(
        *(
            os.environ.get(name, "")
            for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
        )
    )


@cache
def _kept(*_where: str) -> ssl.SSLContext:
    return ssl_context()
