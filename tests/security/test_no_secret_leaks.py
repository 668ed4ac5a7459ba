"""Search for every secret that the clouds issued during a channel's life, plain and encoded.

One life is a setup with a killed worker, answers that make no sense, fifty readers of the one-time
page, the rehearsal, a check, a fix and the file for TAC, with logs at DEBUG. Then the cards of the
finished run are pressed again.
"""

from __future__ import annotations

import base64
import html
import io
import re
import signal
import ssl
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, urlsplit

import httpx
import pytest
from redis import Redis

from adaptive_cards.texts import text
from practice.browser import Page
from practice.client import People, actions, does, has, links
from practice.conversation import Walk, apps, words
from practice.processes import session
from practice.stack import Stack

Json = dict[str, Any]
CONTRACT = (
    "WEBEX_ACCESS_TOKEN",
    "WEBEX_WEBHOOK_SECRET",
    "MICROSOFT_CLIENT_SECRET",
    "ENCRYPTION_KEYS",
)
"""Secrets that the environment holds by contract, and no other place (docs/security.md, S1)."""
SHAPES = re.compile(
    r"eyJ[\w-]{10,}\.[\w-]{10,}|(?<![\w~.-])\w{2,4}[QRq]~[\w~.-]{31,40}|(?<![\w.-])1\.[AB][\w-]{60,}"
)
LINK = re.compile(r'href="(https://[^"]+/(?:authorize|adminconsent)\?[^"]+)"')
ASKED = {"openid", "profile", "offline_access"}
READERS = 50
PLANTED = "1.Bplanted-in-an-answer-that-makes-no-sense-0123456789abcdefghijklmnopqrst"
NONSENSE = {
    "access_token": {"token": PLANTED},
    "refresh_token": PLANTED,
    "id_token": f"{PLANTED}.{PLANTED}",
    "token_type": 7,
}
OF_NO_RUN = frozenset(
    {
        "setup",
        "typed",
        "setup_again",
        "setup_change",
        "help",
        "status",
        "explain",
        "check",
        "fix",
        "tac",
        "missing",
        "connect_test",
    }
)
"""Verbs that belong to no run."""


@dataclass
class Life:
    """Traces of a channel's life: the walk, the answers of the fifty readers, and the bundle."""

    walk: Walk
    readers: list[httpx.Response] = field(default_factory=list)
    before: list[httpx.Response] = field(default_factory=list)
    bundle: dict[str, bytes] = field(default_factory=dict)
    cmdlines: list[bytes] = field(default_factory=list)
    environs: list[bytes] = field(default_factory=list)
    journeys: list[dict[str, str]] = field(default_factory=list)
    pages: list[httpx.Response] = field(default_factory=list)


class CrowdedWalk(Walk):
    """Walk whose one-time page fifty people open at once.

    Every link preview and mail scanner has opened it before.
    """

    life: Life

    def open(
        self, card: Json, who: str = "", decision: Literal["accept", "decline"] = "accept"
    ) -> Page:
        """Somebody opens the card's link; what the bot's page says of the way to Microsoft is kept."""
        page = httpx.get(links(card)[0], trust_env=False)
        away = next((html.unescape(link) for link in LINK.findall(page.text)), "")
        self.life.pages.append(page)
        self.life.journeys.append(
            {"at": urlsplit(away).path, **dict(parse_qsl(urlsplit(away).query))}
        )
        return Walk.open(self, card, who, decision)

    def secret(self, card: Json) -> str:
        """The secret of the one reader who got it."""
        url = links(card)[0]
        with httpx.Client(trust_env=False) as scanner:
            self.life.before = [
                scanner.request(method, url) for method in ("HEAD", "GET", "GET", "OPTIONS", "HEAD")
            ]
        with ThreadPoolExecutor(READERS) as crowd:
            self.life.readers = list(
                crowd.map(lambda _: httpx.post(url, trust_env=False, timeout=30), range(READERS))
            )
        self.revealed = True
        return next(found[0] for each in self.life.readers if (found := SHAPES.search(each.text)))


@pytest.fixture(scope="module")
def env() -> dict[str, str]:
    """Everything that can be logged is."""
    return {"LOG_LEVEL": "DEBUG"}


@pytest.fixture(scope="module")
def life(stack: Stack, people: People) -> Life:
    """All of it, once."""
    walk = CrowdedWalk(people, "support@contoso.com", "Contact center")
    walk.life = lived = Life(walk)
    _signed_in_and_killed(stack, walk)
    walk.consent()
    walk.fill_in()
    walk.rehearse()
    walk.answer()
    walk.done()
    _processes(stack, lived)
    _checked_and_mended(walk)
    lived.bundle = _bundled(stack, walk)
    _processes(stack, lived)
    return lived


def _signed_in_and_killed(stack: Stack, walk: Walk) -> None:
    """Sign in, press Approve three times at once, and kill the worker while it adds a secret.

    The token endpoint answers nonsense once.
    """
    control = walk.people.control
    walk.ask()
    card = walk.details()
    control(
        "POST",
        "faults",
        {
            "prefix": "/organizations/oauth2/v2.0/token",
            "method": "POST",
            "status": 200,
            "body": _json(NONSENSE),
        },
    )
    walk.open(card)
    walk.open(walk.card("a sign-in card", "ask_administrator", link=True))
    plan = walk.card("a plan card", "approve")
    control(
        "POST",
        "faults",
        {
            "prefix": "/graph/v1.0/applications/",
            "method": "POST",
            "process": True,
            "delay_s": 1.5,
            "times": 1,
        },
    )
    for _ in range(3):
        walk.people.press(walk.requester, plan, "approve")
    if "approve_tenant" in does(plan):
        walk.people.press(walk.requester, plan, "approve_tenant")
    walk.people.until("the call is held", lambda: not control("GET", "faults")["items"], 20)
    stack.kill("worker", signal.SIGKILL, whole=True)
    stack.restart("worker")


def _checked_and_mended(walk: Walk) -> None:
    """Check a mailbox whose SMTP AUTH is off, with a sign-in, and then fix it.

    The check's token request is answered with nonsense once.
    """
    people, tenant = walk.people, walk.people.control("GET", "tenants/contoso.com")["id"]
    people.control(
        "PATCH",
        "tenants/contoso.com",
        {"users": {walk.mailbox: {"mailbox": {"smtp_auth_disabled": True}}}},
    )
    people.control(
        "POST",
        "faults",
        {"prefix": f"/{tenant}/oauth2/v2.0/token", "status": 200, "body": _json(NONSENSE)},
    )
    card = walk.type(f"/check {walk.mailbox}")
    offered = people.wait_for(
        "a check that offers a sign-in", lambda m: m["id"] == card["id"] and bool(links(m)), 40
    )
    people.open_link(walk.admin, links(offered)[0])
    verdict = people.wait_for(
        "the cause",
        lambda m: m["id"] == card["id"] and {"fix"} <= does(m) and "SMTP AUTH is off" in words(m),
        60,
    )
    people.press(walk.requester, verdict, "fix")
    sign_in = people.wait_for(
        "a sign-in card", has("ask_administrator", link=True), 20, verdict["change"]
    )
    people.open_link(walk.admin, links(sign_in)[0])
    plan = people.wait_for("a plan", has("approve"), 30, sign_in["change"])
    people.press(walk.requester, plan, "approve")
    people.press(
        walk.requester,
        people.wait_for("the agent's turn", has("agent_has_it"), 40, plan["change"]),
        "agent_has_it",
    )
    task = people.until(
        "the test mail as a task", lambda: people.control("GET", "agent/tasks")["items"][-1:]
    )[0]
    people.control("POST", "agent/answer", {"task": task["id"], "body": "We are here."})
    people.wait_for(
        "that it is mended",
        lambda m: bool(m["card"]) and "is mended" in words(m),
        40,
        plan["change"],
    )


def _bundled(stack: Stack, walk: Walk) -> dict[str, bytes]:
    """The file for TAC, unpacked."""
    card = walk.type(f"/tac {walk.mailbox}")
    walk.people.press(walk.requester, card, "tac", {"seen_text": "7553 since 14:05"})
    posted = walk.people.wait_for("a file", lambda each: bool(each["files"]), 20)
    address = posted["files"][0].replace("/webex/v1/", "/practice/webex/")
    answer = httpx.get(
        address, verify=ssl.create_default_context(cafile=str(stack.ca_path)), trust_env=False
    )
    with zipfile.ZipFile(io.BytesIO(answer.content)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def _processes(stack: Stack, life: Life) -> None:
    """The command lines and environments of everything that the product runs."""
    for name in ("redis", "web", "worker"):
        leader = stack.processes[name].running
        for pid in session(leader.pid) if leader else ():
            for found, kept in (("cmdline", life.cmdlines), ("environ", life.environs)):
                try:
                    kept.append(Path(f"/proc/{pid}/{found}").read_bytes())
                except OSError:
                    continue  # a work horse that has just ended


def _json(value: Any) -> str:
    return httpx.Request("POST", "http://x", json=value).content.decode()


def wrapped(secret: str) -> Iterator[bytes]:
    """Yield every encoding of a secret.

    They are plain, percent-encoded, hexadecimal, and both alphabets of Base64 at each of the three
    alignments.
    """
    raw = secret.encode()
    yield from (
        raw,
        quote(secret, safe="").encode(),
        quote(quote(secret, safe=""), safe="").encode(),
        raw.hex().encode(),
    )
    for before in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            whole = encode(b"\0" * before + raw + b"\0" * (-(before + len(raw)) % 3))
            yield whole[4 if before else 0 : len(whole) - 4]


def found_in(haystacks: dict[str, bytes], secrets: list[str]) -> list[tuple[str, str]]:
    """Return the place of each secret found, with its first six characters."""
    needles = [(secret[:6], needle) for secret in secrets for needle in wrapped(secret)]
    return [
        (name, shown)
        for name, content in haystacks.items()
        for shown, needle in needles
        if needle in content
    ]


def inflated(content: bytes) -> bytes:
    """The content, and everything in it that was compressed: RQ keeps arguments and exceptions so."""
    parts = [content]
    for head in (b"\x78\x9c", b"\x78\x01", b"\x78\xda"):
        for each in re.finditer(re.escape(head), content):
            try:
                parts.append(zlib.decompressobj().decompress(content[each.start() :], 1_000_000))
            except zlib.error:
                continue
    return b"\n".join(parts)


def kept_in(redis: Redis) -> bytes:
    """All keys and values, whatever their type."""
    readers: dict[Any, Callable[[Any], Any]] = {
        b"string": redis.get,
        b"list": lambda key: redis.lrange(key, 0, -1),
        b"hash": redis.hgetall,
        b"set": redis.smembers,
        b"zset": lambda key: redis.zrange(key, 0, -1),
        b"stream": redis.xrange,
    }
    return b"\n".join(
        part for key in redis.scan_iter() for part in (key, *_flat(readers[redis.type(key)](key)))
    )


def _flat(value: Any) -> Iterator[bytes]:
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, dict):
        yield from (part for pair in value.items() for each in pair for part in _flat(each))
    elif isinstance(value, list | tuple | set):
        yield from (part for each in value for part in _flat(each))


@pytest.fixture(scope="module")
def haystacks(stack: Stack, people: People, life: Life) -> dict[str, bytes]:
    """Return the contents of every place that may hold no secret, by name.

    The places are Redis and its files, logs, every version of everything posted in Webex, and the
    bundle.
    """
    people.look()
    time.sleep(1.1)  # Redis writes its file once a second
    redis = Redis(port=stack.ports.redis)
    found = {
        f"log of {name}": (stack.folder / f"{name}.log").read_bytes()
        for name in ("web", "worker", "redis")
    }
    found["redis"] = inflated(kept_in(redis))
    redis.close()
    files = sorted(
        path
        for path in stack.folder.rglob("*")
        if path.is_file() and path.suffix in {".aof", ".rdb", ".manifest"}
    )
    found |= {f"file {path.name}": inflated(path.read_bytes()) for path in files}
    found["webex"] = repr(
        [each for each in people.messages.values() if each["from"].endswith("@webex.bot")]
    ).encode()
    return found | {f"bundle {name}": content for name, content in life.bundle.items()}


def test_the_search_finds_what_is_there() -> None:
    """The search finds each encoding of a secret in the middle of other text.

    So finding nothing means something.
    """
    secret = "abc8Q~0123456789.abcdefghij_klmnopq~rstu"
    sentences = [f"{'x' * n}user={secret}\1auth" for n in range(3)]
    places = {f"b64 {n}": base64.b64encode(each.encode()) for n, each in enumerate(sentences)}
    places |= {
        f"url64 {n}": base64.urlsafe_b64encode(each.encode()) for n, each in enumerate(sentences)
    }
    places |= {
        "plain": sentences[0].encode(),
        "percent": quote(sentences[0], safe="").encode(),
        "hex": sentences[0].encode().hex().encode(),
    }
    places |= {
        "compressed": inflated(b"\0" + zlib.compress(sentences[0].encode())),
        "nothing": b"abc8Q~",
    }
    assert {name for name, _ in found_in(places, [secret])} == places.keys() - {"nothing"}


def test_no_secret_anywhere(
    stack: Stack, people: People, life: Life, haystacks: dict[str, bytes]
) -> None:
    """No secret is in any place in any encoding.

    The secrets are client secrets, authorization codes, refresh tokens, the planted ones and the
    settings.
    """
    issued = people.control("GET", "issued")
    assert {name: len(each) >= 2 for name, each in issued.items()} == dict.fromkeys(
        ("client_secrets", "codes", "refresh_tokens"), True
    )
    settings = [
        value for name in CONTRACT for value in stack.processes["worker"].env[name].split(",")
    ]
    secrets = [*(each for kind in issued.values() for each in kind), PLANTED, *settings]
    assert {name for name, content in haystacks.items() if len(content) < 20} - {
        "file appendonly.aof.manifest"
    } == set()
    assert [name for name in haystacks if name.startswith("file ")]
    assert found_in(haystacks, secrets) == []


def test_nothing_that_looks_like_a_secret(haystacks: dict[str, bytes]) -> None:
    """No place holds a JSON web token or text in the form of a client secret, code or refresh token.

    This covers access tokens.
    """
    shaped = re.compile(SHAPES.pattern.encode())
    assert [
        (name, each[:8]) for name, content in haystacks.items() for each in shaped.findall(content)
    ] == []


def test_processes_show_only_the_contract(stack: Stack, people: People, life: Life) -> None:
    """No command line holds a secret, and the environment holds only those of the settings."""
    issued = [each for kind in people.control("GET", "issued").values() for each in kind]
    settings = [
        value for name in CONTRACT for value in stack.processes["worker"].env[name].split(",")
    ]
    assert (len(life.cmdlines) > 8, len(life.environs) > 8) == (True, True)
    assert found_in({"cmdlines": b"\n".join(life.cmdlines)}, [*issued, *settings]) == []
    assert found_in({"environs": b"\n".join(life.environs)}, issued) == []


def test_of_fifty_readers_one_wins(life: Life) -> None:
    """Previews and scanners neither see nor use up the secret; one of fifty presses shows it."""
    assert [each.status_code for each in life.before] == [200, 200, 200, 200, 200]
    assert [each for each in life.before if SHAPES.search(each.text)] == []
    winners = [each for each in life.readers if SHAPES.search(each.text)]
    assert (
        [each.status_code for each in winners],
        {each.status_code for each in life.readers if each not in winners},
    ) == ([200], {410})


def test_the_ways_to_microsoft(life: Life) -> None:
    """Each authorization request uses the code flow with PKCE S256 and a fresh nonce and state.

    Nonce and state have 256 bits. Scopes are named, and prompt=consent is never used.
    """
    ways = [each for each in life.journeys if each["at"].endswith("/authorize")]
    rehearsed = ways[-1]
    assert len(ways) >= 3
    for way in ways:
        assert (way["response_type"], way["code_challenge_method"], len(way["code_challenge"])) == (
            "code",
            "S256",
            43,
        )
        assert (len(way["nonce"]) >= 43, len(way["state"]) >= 43, ".default" in way["scope"]) == (
            True,
            True,
            False,
        )
        assert set(way["scope"].split()) >= ASKED
    assert len({each["state"] for each in life.journeys}) == len(life.journeys)
    assert [each["prompt"] for each in ways] == [*["select_account"] * (len(ways) - 1), "login"]
    assert (set(rehearsed["scope"].split()), rehearsed["login_hint"]) == (
        {*ASKED, "https://outlook.office.com/SMTP.Send"},
        "support@contoso.com",
    )
    [consent] = [each for each in life.journeys if each["at"].endswith("/adminconsent")]
    assert (len(consent["state"]) >= 43, consent["redirect_uri"]) == (
        True,
        rehearsed["redirect_uri"],
    )


def test_the_pages_keep_to_themselves(life: Life) -> None:
    """Pages of the bot are not cached or framed, send no referrer, and load nothing from elsewhere."""
    names = ("cache-control", "referrer-policy", "x-frame-options", "x-content-type-options")
    seen = {
        tuple(each.headers[name] for name in names)
        for each in [*life.pages, *life.before, *life.readers]
    }
    assert seen == {("no-store", "no-referrer", "DENY", "nosniff")}
    policies = {
        each.headers["content-security-policy"].partition(";")[0]
        for each in [*life.pages, *life.readers]
    }
    assert policies == {"default-src 'none'"}


def test_pressed_three_times_and_killed(people: People, life: Life) -> None:
    """Three Approves at once and a dead worker leave one app with two secrets and no orphan.

    The secrets are Webex Connect's and the bot's own.
    """
    [app] = apps(people)
    kinds = sorted(
        each["displayName"].partition(",")[0].rpartition(" ")[0] or each["displayName"]
        for each in app["passwordCredentials"]
    )
    assert len(kinds) == 2, kinds


def test_every_button_of_a_run_that_is_over(people: People, life: Life) -> None:
    """Every button of a finished setup, pressed again, answers that the run has ended.

    The buttons are those of every version of every card, each pressed by its own reader.
    """
    walk = life.walk
    kept = [
        each
        for each in people.messages.values()
        if each["from"].endswith("@webex.bot") and each["card"]
    ]
    old = {
        (action["data"]["do"], message["room"]): (message, action["data"])
        for message in kept
        for version in message["history"]
        for action in actions({"card": version["card"]})
        if isinstance(action.get("data"), dict)
        and action["data"].get("run")
        and action["data"]["do"] not in OF_NO_RUN
    }
    assert {verb for verb, _ in old} >= {
        "intake",
        "approve",
        "cancel",
        "token_saved",
        "registered",
        "rehearse",
        "agent_has_it",
    }
    people.look()
    before, writes = people.change, walk.writes()
    for message, data in old.values():
        who = (
            walk.requester
            if message["roomType"] == "group"
            else next(m for m in message["members"] if not m.endswith("@webex.bot"))
        )
        people.control(
            "POST", "webex/submit", {"as": who, "message_id": message["id"], "inputs": data}
        )
    new: Callable[[], list[Json]] = lambda: [  # noqa: E731  asked again and again
        each
        for each in people.messages.values()
        if each["from"].endswith("@webex.bot") and each["change"] > before
    ]
    people.until(f"{len(old)} answers", lambda: len(new()) >= len(old), 40)
    assert [words(each) for each in new() if text("refused.over") not in words(each)] == []
    assert walk.writes() == writes
