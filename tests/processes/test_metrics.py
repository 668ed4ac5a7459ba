"""Page /metrics of the real web process, and the files under deploy/ that use its names."""

import json
import re
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from jobs.storage import keys
from jobs.storage.counters import CALLS, Counters
from tests.fixtures.redis_servers import listens
from tests.fixtures.waiting import until
from tests.processes.conftest import running

ROOT = Path(__file__).parents[2]
TOKEN = "kx7Pq2mZ9vLwTn4RbYc8"
OURS = re.compile(r"\bwebex_email_bot_\w+")
SELECTED = re.compile(r"\b(webex_email_bot_\w+)\{([^}]*)\}")
WORDS = re.compile(r"[a-zA-Z_]\w*")
LANGUAGE = {
    *("absent", "abs", "by", "histogram_quantile", "increase", "max", "min", "rate", "sum"),
    *("instance", "le"),
}
"""Words of Prometheus's query language, and Prometheus's own labels, which name no metric."""


@pytest.fixture
def web(redis_url, redis, free_port, tmp_path):
    """Address of a real web process that shows /metrics. Its Redis has a value for every metric."""
    process = Counters()
    process.time(CALLS, "graph", "ok", seconds=0.2)
    process.flush(redis)
    redis.set(keys.clock_skew("webex"), "1.5")
    env = {"REDIS_URL": redis_url, "PORT": str(free_port), "METRICS_TOKEN": TOKEN}
    with running("-m", "bot", "web", env=env, cwd=tmp_path, stderr=subprocess.DEVNULL):
        until(lambda: listens(free_port), "the web process")
        yield f"http://127.0.0.1:{free_port}"


def scraped(url):
    """Return the labels of every name that the web process shows, as Prometheus would keep them."""
    answer = httpx.get(f"{url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    found: dict[str, set[str]] = defaultdict(set)
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found[sample.name] |= set(sample.labels)
    return found


def rules():
    """Return the expressions of the alert rules."""
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed, so no YAML can be read")
    read: Any = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yaml").read_text("utf-8"))
    return [rule["expr"] for group in read["groups"] for rule in group["rules"]]


def panels():
    """Return the expressions of the dashboard."""
    read = json.loads((ROOT / "deploy/grafana/webex-email-bot.json").read_text("utf-8"))
    return [target["expr"] for panel in read["panels"] for target in panel["targets"]]


def unknown(expression, shown):
    """Return the words of an expression that neither Prometheus nor the web process knows."""
    names = set(OURS.findall(expression))
    labels = set().union(*(shown.get(name, set()) for name in names))
    bad_selectors = {
        label
        for name, inside in SELECTED.findall(expression)
        for label in re.findall(r"(\w+)\s*(?:=|!)", inside)
        if label not in shown.get(name, set())
    }
    plain = re.sub(r'"[^"]*"|\b\d+[smhd]\b', "", expression)
    return (
        set(WORDS.findall(plain)) - LANGUAGE - labels - names | names - shown.keys() | bad_selectors
    )


def test_dashboard_and_alerts_use_only_what_is_shown(web):
    """Dashboard and alerts use only names and labels of a live scrape, and no other word."""
    shown = scraped(web)
    expressions = [*rules(), *panels()]
    assert len(expressions) > 30
    assert {each: bad for each in expressions if (bad := unknown(each, shown))} == {}


def test_every_name_is_on_the_dashboard(web):
    """Every metric is on the dashboard, because a number that nobody looks at is not exported."""
    used = {name for each in panels() for name in OURS.findall(each)}
    plain = {re.sub(r"_(bucket|count|sum|created)$", "", name) for name in scraped(web)}
    assert plain - {re.sub(r"_(bucket|count)$", "", name) for name in used} == set()
