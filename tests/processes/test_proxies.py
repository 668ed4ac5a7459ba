"""nginx and Caddy with their examples of deploy/, in front of the web process.

A signed webhook has to pass unchanged.
"""

import hashlib
import hmac
import json
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from jobs.clock import now
from practice import tls
from practice.ports import free_port as another_port
from tests.fixtures.waiting import until
from tests.processes.conftest import ENV, running

DEPLOY = Path(__file__).parents[2] / "deploy"
NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log stderr;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  include {folder}/site.conf;
}}
"""


@pytest.fixture
def web(redis, redis_url, tmp_path, free_port):
    """Port of a web process."""
    env = {"REDIS_URL": redis_url, "HOST": "127.0.0.1", "PORT": str(free_port)}
    with running("-m", "bot", "web", env=env, cwd=tmp_path):
        until(lambda: status(f"http://127.0.0.1:{free_port}/healthz") == 200, "the web process")
        yield free_port


def status(url):
    """Return the status of a page, or 0 if nobody answers."""
    with suppress(httpx.HTTPError):
        return httpx.get(url, verify=False, trust_env=False, timeout=10).status_code  # noqa: S501  ours
    return 0


def nginx(folder, web):
    """Return nginx's command with the example's file, its address, and its environment.

    Only the ports and the paths of the certificate are changed.
    """
    plain, secure, made = another_port(), another_port(), tls.make(folder / "tls")
    text = (DEPLOY / "nginx.conf").read_text("utf-8").replace("127.0.0.1:8080", f"127.0.0.1:{web}")
    for old, new in (("80;", f"{plain};"), ("443 ssl;", f"{secure} ssl;")):
        text = text.replace(f"listen {old}", f"listen 127.0.0.1:{new}")
        text = text.replace(f"listen [::]:{old}", "")
    text = text.replace("/etc/ssl/bot.example.com/fullchain.pem", str(made.certificate_path))
    text = text.replace("/etc/ssl/bot.example.com/privkey.pem", str(made.key_path))
    (folder / "site.conf").write_text(text, "utf-8")
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder), "utf-8")
    line = [str(shutil.which("nginx")), "-p", str(folder), "-c", str(folder / "nginx.conf")]
    return line, f"https://127.0.0.1:{secure}", {}


def caddy(folder, web):
    """Return Caddy's command with the example itself, its address, and its environment.

    The variables of the example contain the addresses, and there is no TLS.
    """
    address = f"http://127.0.0.1:{another_port()}"
    env = {"DOMAIN": address, "UPSTREAM": f"127.0.0.1:{web}", "HOME": str(folder)}
    env |= {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    config = ["--adapter", "caddyfile", "--config", str(DEPLOY / "Caddyfile")]
    return [str(shutil.which("caddy")), "run", *config], address, env


@pytest.mark.parametrize("proxy", [nginx, caddy], ids=["nginx", "caddy"])
def test_a_webhook_comes_through_unchanged(web, tmp_path, proxy):
    """A signed webhook is valid behind the proxy, and one with a changed body is refused.

    The page /readyz is not reached through the proxy.
    """
    if not shutil.which(proxy.__name__):
        pytest.skip(f"{proxy.__name__} is not installed")
    folder = tmp_path / "proxy"
    folder.mkdir()
    line, address, env = proxy(folder, web)
    body = json.dumps(envelope(), indent=3).encode()
    signed = hmac.new(ENV["WEBEX_WEBHOOK_SECRET"].encode(), body, hashlib.sha1).hexdigest()
    headers = {"X-Spark-Signature": signed, "Content-Type": "application/json"}
    with subprocess.Popen(line, env={"PATH": ENV["PATH"]} | env, cwd=folder) as running:  # noqa: S603
        try:
            until(lambda: status(f"{address}/healthz") == 200, "the proxy")
            with httpx.Client(base_url=address, verify=False, trust_env=False) as client:  # noqa: S501
                taken, changed, large = (
                    client.post("/webhooks/webex", content=content, headers=headers).status_code
                    for content in (body, body + b" ", bytes(300_000))
                )
            ready = status(f"{address}/readyz"), status(f"http://127.0.0.1:{web}/readyz")
        finally:
            running.terminate()
    assert (taken, changed, ready) == (200, 401, (404, 503))
    assert large in {
        413,
        502,
    }  # the web process answers 413 early, which Caddy may take for a broken connection


def envelope():
    """Return a webhook's event as Webex sends it (platforms/webex.md 1)."""
    data = {"id": "m", "roomId": "r", "personId": "p", "personEmail": "ann@example.test"}
    return {
        "id": "webhook",
        "resource": "messages",
        "event": "created",
        "createdBy": "the-bot",
        "actorId": "p",
        "data": data | {"created": now().isoformat()},
    }
