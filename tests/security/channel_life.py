"""Life of a channel under the worst conditions, with records of everything that was seen in it."""

import base64
import re
import signal
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, urlsplit

import httpx
from redis import Redis

from practice.browser import Page
from practice.client import does, has, links
from practice.conversation import Walk, words
from practice.processes import session
from practice.stack import Stack
from tests.fixtures.bot_pages import press_button

Json = dict[str, Any]
READERS = 50
PLANTED = "1.Bplanted-in-an-answer-that-makes-no-sense-0123456789abcdefghijklmnopqrst"
NONSENSE = {
    "access_token": {"token": PLANTED},
    "refresh_token": PLANTED,
    "id_token": f"{PLANTED}.{PLANTED}",
    "token_type": 7,
}


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

    Link previews and mail scanners have opened the page before.
    """

    life: Life

    def open(
        self, card: Json, who: str = "", decision: Literal["accept", "decline"] = "accept"
    ) -> Page:
        """Open the card's link, and keep the address at Microsoft to which the bot's page leads."""
        with httpx.Client(trust_env=False) as browser:
            page, gone = press_button(browser, links(card)[0])
        away = gone.headers.get("Location", "")
        self.life.pages += [page, gone]
        self.life.journeys.append(
            {"at": urlsplit(away).path, **dict(parse_qsl(urlsplit(away).query))}
        )
        return Walk.open(self, card, who, decision)

    def secret(self, card: Json) -> str:
        """Press the button of the one-time page fifty times at once, and return the secret.

        Exactly one of the fifty readers gets it.
        """
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


def _answer_nonsense(walk: Walk, tenant: str) -> None:
    """Have the tenant's token endpoint answer nonsense once."""
    fault = {"prefix": f"/{tenant}/oauth2/v2.0/token", "status": 200, "body": _json(NONSENSE)}
    walk.people.control("POST", "faults", {"method": "POST", **fault})


def sign_in_and_kill(stack: Stack, walk: Walk) -> None:
    """Sign in, press Approve three times at once, and kill the worker while it adds a secret.

    Before that, the token endpoint answers nonsense once.
    """
    control = walk.people.control
    walk.ask()
    card = walk.details()
    _answer_nonsense(walk, "organizations")
    walk.open(card)
    walk.open(walk.card("a sign-in card", "ask_administrator", link=True))
    plan = walk.card("a plan card", "approve")
    held = {"prefix": "/graph/v1.0/applications/", "method": "POST", "process": True, "times": 1}
    control("POST", "faults", {"delay_s": 1.5, **held})
    for _ in range(3):  # by a client that shows the card as it was
        walk.people.press(walk.requester, plan, "approve", version=plan["edits"])
    if "approve_tenant" in does(plan):
        walk.people.press(walk.requester, plan, "approve_tenant", version=plan["edits"])
    walk.people.until("the call is held", lambda: not control("GET", "faults")["items"], 20)
    stack.kill("worker", signal.SIGKILL, whole=True)
    stack.restart("worker")


def check_and_fix(walk: Walk) -> None:
    """Check a mailbox whose SMTP AUTH is off, with a sign-in, and then fix it.

    The check's token request is answered with nonsense once.
    """
    people, tenant = walk.people, walk.people.tenant()["id"]
    people.mailbox(walk.mailbox, smtp_auth_disabled=True)
    _answer_nonsense(walk, tenant)
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
        lambda m: bool(m["card"]) and "is fixed" in words(m),
        40,
        plan["change"],
    )


def record_processes(stack: Stack, life: Life) -> None:
    """Record the command lines and environments of all processes of the product."""
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


SHAPES = re.compile(
    r"eyJ[\w-]{10,}\.[\w-]{10,}|(?<![\w~.-])\w{2,4}[QRq]~[\w~.-]{31,40}|(?<![\w.-])1\.[AB][\w-]{60,}"
)


def wrapped(secret: str) -> Iterator[bytes]:
    """Yield every encoding of a secret.

    The encodings are plain, percent-encoded, hexadecimal, and both alphabets of Base64 at each of
    the three alignments.
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
    """Return the content, followed by everything in it that can be decompressed.

    RQ compresses arguments and exceptions.
    """
    parts = [content]
    for head in (b"\x78\x9c", b"\x78\x01", b"\x78\xda"):
        for each in re.finditer(re.escape(head), content):
            try:
                parts.append(zlib.decompressobj().decompress(content[each.start() :], 1_000_000))
            except zlib.error:
                continue
    return b"\n".join(parts)


def kept_in(redis: Redis) -> bytes:
    """Return all keys and values in Redis, of every type."""
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
