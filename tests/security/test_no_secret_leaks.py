"""Search for every secret that the clouds issued during a channel's life, plain and encoded.

One life is a setup with a killed worker, answers that make no sense, fifty readers of the one-time
page, the rehearsal, a check, a fix and the file for TAC, with logs at DEBUG. Then the cards of the
finished run are pressed again.
"""

import base64
import re
import time
import zlib
from itertools import chain
from urllib.parse import quote

import pytest

from adaptive_cards.texts import text
from practice.client import actions
from practice.conversation import apps, words
from tests.fixtures.stacks import tac_file
from tests.security.channel_life import (
    PLANTED,
    SHAPES,
    CrowdedWalk,
    Life,
    check_and_fix,
    found_in,
    inflated,
    kept_in,
    record_processes,
    sign_in_and_kill,
)
from tests.security.verbs import OF_NO_RUN

CONTRACT = (
    "WEBEX_ACCESS_TOKEN",
    "WEBEX_WEBHOOK_SECRET",
    "MICROSOFT_CLIENT_SECRET",
    "ENCRYPTION_KEYS",
)
"""Secrets that only the environment may hold, by contract (checklist.toml S1)."""
ASKED = {"openid", "profile", "offline_access"}
STACK = {"env": {"LOG_LEVEL": "DEBUG"}}
"""Settings with which everything that can be logged is logged."""


@pytest.fixture(scope="module")
def life(stack, people):
    """Lead the whole life of a channel once."""
    walk = CrowdedWalk(people, "support@contoso.com", "Contact center")
    walk.life = lived = Life(walk)
    sign_in_and_kill(stack, walk)
    walk.to_the_proof()
    record_processes(stack, lived)
    check_and_fix(walk)
    lived.bundle = tac_file(walk, seen_text="7553 since 14:05")
    record_processes(stack, lived)
    return lived


@pytest.fixture(scope="module")
def haystacks(stack, people, life):
    """Contents of every place that may hold no secret, by name.

    The places are Redis and its files, logs, every version of everything posted in Webex, and the
    file for TAC.
    """
    people.look()
    time.sleep(1.1)  # Redis writes its file once a second
    redis = stack.redis()
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
    found["webex"] = repr(people.posted()).encode()
    return found | {f"bundle {name}": content for name, content in life.bundle.items()}


def test_the_search_finds_what_is_there():
    """The search finds each encoding of a secret in the middle of other text.

    So an empty result of the search is a proof.
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


def settings_of(stack):
    """Return the secret values in the worker's environment."""
    env = stack.processes["worker"].env
    return [value for name in CONTRACT for value in env[name].split(",")]


def test_no_secret_anywhere(stack, people, life, haystacks):
    """No place holds a secret in any encoding.

    The secrets are client secrets, authorization codes, refresh tokens, the planted values and the
    values of the settings.
    """
    issued = people.control("GET", "issued")
    assert {name: len(each) >= 2 for name, each in issued.items()} == dict.fromkeys(
        ("client_secrets", "codes", "refresh_tokens"), True
    )
    secrets = [*chain.from_iterable(issued.values()), PLANTED, *settings_of(stack)]
    assert {name for name, content in haystacks.items() if len(content) < 20} - {
        "file appendonly.aof.manifest"
    } == set()
    assert [name for name in haystacks if name.startswith("file ")]
    assert found_in(haystacks, secrets) == []


def test_nothing_that_looks_like_a_secret(haystacks):
    """No place holds text in the form of a client secret, an authorization code or a refresh token.

    No place holds a JSON web token, which is the form of access tokens.
    """
    shaped = re.compile(SHAPES.pattern.encode())
    assert [
        (name, each[:8]) for name, content in haystacks.items() for each in shaped.findall(content)
    ] == []


def test_processes_show_only_the_contract(stack, people, life):
    """No command line holds a secret, and the environment holds only those of the settings."""
    issued = [*chain.from_iterable(people.control("GET", "issued").values())]
    assert (len(life.cmdlines) > 8, len(life.environs) > 8) == (True, True)
    assert found_in({"cmdlines": b"\n".join(life.cmdlines)}, [*issued, *settings_of(stack)]) == []
    assert found_in({"environs": b"\n".join(life.environs)}, issued) == []


def shows_a_secret(page):
    """Return whether a page holds text in the form of a secret."""
    return SHAPES.search(page.text) is not None


def test_of_fifty_readers_one_wins(life):
    """Exactly one of fifty presses on the one-time page shows the secret.

    Previews and scanners neither see nor use up the secret before.
    """
    assert [each.status_code for each in life.before] == [200, 200, 200, 200, 200]
    assert [*filter(shows_a_secret, life.before)] == []
    winners = [*filter(shows_a_secret, life.readers)]
    assert [each.status_code for each in winners] == [200]
    assert {each.status_code for each in life.readers if each not in winners} == {410}


def is_safe(way):
    """Return whether an authorization request has the code flow, PKCE, 256 bits and named scopes."""
    bits = len(way["code_challenge"]) == 43 <= min(len(way["nonce"]), len(way["state"]))
    flow = (way["response_type"], way["code_challenge_method"]) == ("code", "S256")
    return bits and flow and ".default" not in way["scope"] and set(way["scope"].split()) >= ASKED


def test_the_ways_to_microsoft(life):
    """Each authorization request uses the code flow with PKCE S256 and a fresh nonce and state.

    Nonce and state have 256 bits. Scopes are named, and prompt=consent is never used.
    """
    ways = [each for each in life.journeys if each["at"].endswith("/authorize")]
    assert len(ways) >= 3
    assert [way for way in ways if not is_safe(way)] == []
    assert len({each["state"] for each in life.journeys}) == len(life.journeys)
    assert [each["prompt"] for each in ways] == [*["select_account"] * (len(ways) - 1), "login"]


def test_the_ways_of_the_rehearsal_and_the_consent(life):
    """The rehearsal requests only the right to send.

    The consent returns to the rehearsal's address.
    """
    rehearsed = [each for each in life.journeys if each["at"].endswith("/authorize")][-1]
    assert set(rehearsed["scope"].split()) == {*ASKED, "https://outlook.office.com/SMTP.Send"}
    assert rehearsed["login_hint"] == "support@contoso.com"
    [consent] = [each for each in life.journeys if each["at"].endswith("/adminconsent")]
    assert len(consent["state"]) >= 43
    assert consent["redirect_uri"] == rehearsed["redirect_uri"]


def test_the_pages_keep_to_themselves(life):
    """Pages of the bot are not cached, framed or indexed, and load nothing from elsewhere.

    They send no referrer.
    """
    names = ("cache-control", "referrer-policy", "x-frame-options", "x-robots-tag")
    seen = {
        tuple(each.headers[name] for name in (*names, "x-content-type-options"))
        for each in [*life.pages, *life.before, *life.readers]
    }
    assert seen == {("no-store", "no-referrer", "DENY", "noindex", "nosniff")}
    policies = {
        each.headers["content-security-policy"].partition(";")[0]
        for each in [*life.pages, *life.readers]
    }
    assert policies == {"default-src 'none'"}


def test_pressed_three_times_and_killed(people, life):
    """Three Approves at once and a dead worker leave one app with two secrets and no orphan.

    The secrets are Webex Connect's and the bot's own.
    """
    [app] = apps(people)
    kinds = sorted(
        each["displayName"].partition(",")[0].rpartition(" ")[0] or each["displayName"]
        for each in app["passwordCredentials"]
    )
    assert len(kinds) == 2, kinds


def old_buttons(people):
    """Return every button of a run by verb and room: its message, and the data that it sends.

    The buttons are those of every version of every card of the bot.
    """
    return {
        (data["do"], message["room"]): (message, data)
        for message in people.posted()
        if message["card"]
        for version in message["history"]
        for data in (action.get("data") for action in actions({"card": version["card"]}))
        if belongs_to_a_run(data)
    }


def belongs_to_a_run(data):
    """Return whether a button with this data acts on a run that goes on.

    A finding is accepted on the card of a check, which has ended.
    """
    verbs = OF_NO_RUN | {"accept"}
    return isinstance(data, dict) and bool(data.get("run")) and data["do"] not in verbs


def reader_of(message, requester):
    """Return the person who presses a card: the requester, or the person of a 1:1 room."""
    if message["roomType"] == "group":
        return requester
    return next(str(each) for each in message["members"] if not each.endswith("@webex.bot"))


STATES = {"token_saved", "registered", "test_sent", "agent_has_it"}


def test_every_button_of_a_run_that_is_over(people, life):
    """Every button of a finished setup, pressed again, answers that the run has ended.

    The buttons are those of every version of every card, each pressed by its own reader. For a
    minute, a press that only states what the proof has shown needs no answer.
    """
    walk = life.walk
    old = old_buttons(people)
    assert {verb for verb, _ in old} >= {
        "intake",
        "approve",
        "cancel",
        "token_saved",
        "registered",
        "rehearse",
        "agent_has_it",
    }
    before, writes = people.now(), walk.writes()
    for message, data in old.values():
        who = reader_of(message, walk.requester)
        people.control(
            "POST", "webex/submit", {"as": who, "message_id": message["id"], "inputs": data}
        )
    answered = sum(verb not in STATES for verb, _ in old)
    people.until(f"{answered} answers", lambda: len(people.posted(before)) >= answered, 40)
    told = [words(each) for each in people.posted(before)]
    assert [each for each in told if text("refused.over") not in each] == []
    assert walk.writes() == writes
