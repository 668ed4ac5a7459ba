"""Which certificates are trusted: the same for HTTP, for msal and for SMTP."""

from __future__ import annotations

import os
import ssl
from functools import cache
from pathlib import Path

import httpx


def ssl_context() -> ssl.SSLContext:
    """A client context of httpx's making (it honours SSL_CERT_FILE), which trusts REQUESTS_CA_BUNDLE as well.

    TLS 1.2 is the least that Microsoft accepts (facts section 4). Made once: reading the certificates takes about 10 ms.
    """
    return _made(os.environ.get("SSL_CERT_FILE", ""), os.environ.get("SSL_CERT_DIR", ""), os.environ.get("REQUESTS_CA_BUNDLE", ""))


@cache
def _made(_file: str, _folder: str, bundle: str) -> ssl.SSLContext:
    context = httpx.create_ssl_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if bundle:
        path = Path(bundle)
        context.load_verify_locations(cafile=None if path.is_dir() else bundle, capath=bundle if path.is_dir() else None)
    return context
