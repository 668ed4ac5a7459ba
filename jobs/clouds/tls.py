"""Trusted certificates: the same for HTTP, msal and SMTP."""

import os
import ssl
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path


def ssl_context() -> ssl.SSLContext:
    """Return httpx's client context, which also trusts ``REQUESTS_CA_BUNDLE``.

    TLS 1.2 is the lowest version that Microsoft accepts (platforms/microsoft.md 4).
    """
    import httpx  # noqa: PLC0415  the web process checks the settings and makes no context

    context = httpx.create_ssl_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    bundle = os.environ.get("REQUESTS_CA_BUNDLE", "")
    if bundle:
        kind = "capath" if Path(bundle).is_dir() else "cafile"
        context.load_verify_locations(**{kind: bundle})
    return context


AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def problems(env: Mapping[str, str]) -> Iterator[str]:
    for name in filter(env.get, AUTHORITIES):
        path = Path(env[name])
        try:
            if path.is_dir():
                next(path.iterdir(), None)
            else:
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
            continue
        except ssl.SSLError:
            why = "it holds no certificate"
        except OSError as error:
            why = str(error.strerror)
        what = "name a file of certificates in PEM"
        yield f"{name} names {path}, which cannot be used ({why}): {what}"


def http_context() -> ssl.SSLContext:
    """Return the shared context of all HTTP clients, because reading the certificates takes 10 ms.

    It is not for SMTP: httpx makes it offer ``http/1.1``.
    """
    return _kept(*map(os.environ.get, AUTHORITIES))


@cache
def _kept(*_where: str | None) -> ssl.SSLContext:
    return ssl_context()
