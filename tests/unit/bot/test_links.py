"""Links to the bot's own pages."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot import links
from bot.links import LIFE, Ticket
from bot.services import Desk
from jobs.clock import now
from jobs.storage import codec


def token_of(link: links.Link) -> str:
    """The end of the address."""
    return link.url.rpartition("/")[2]


@pytest.mark.parametrize("kind", LIFE)
def test_a_link_names_its_kind_and_its_end(desk: Desk, kind: str):
    """And is good for that run only."""
    link = links.link(desk, kind, "R1")
    assert link.url == f"https://bot.example.test/{kind}/{token_of(link)}"
    assert links.read(desk, kind, token_of(link)) == Ticket(kind, "R1", link.until)
    assert abs(link.until - now() - LIFE[kind]) < timedelta(seconds=2)


def test_a_card_that_is_drawn_again_stays_as_it_is(desk: Desk):
    """The same link, while it is good; another run has another."""
    assert links.link(desk, "signin", "R1") == links.link(desk, "signin", "R1")
    assert links.link(desk, "signin", "R1") != links.link(desk, "signin", "R2")


def test_a_link_of_another_kind_is_none(desk: Desk):
    """A sign-in link does not show a secret."""
    assert links.read(desk, "handover", token_of(links.link(desk, "signin", "R1"))) is None


@pytest.mark.parametrize("token", ["", "x", "../../etc", "0" * 500])
def test_a_guess_is_nothing(desk: Desk, token: str):
    """A token has 256 random bits."""
    assert links.read(desk, "signin", token) is None
    assert len(token_of(links.link(desk, "signin", "R1"))) >= 43


def test_redis_does_not_know_the_token(desk: Desk):
    """Whoever reads Redis cannot open a page."""
    token = token_of(links.link(desk, "handover", "R1"))
    stored = b"".join(key + (desk.redis.get(key) or b"") for key in desk.redis.scan_iter())
    assert token.encode() not in stored


def test_a_dropped_link_is_replaced(desk: Desk):
    """The old one is known still, so that its page can say what became of it."""
    old = links.link(desk, "signin", "R1")
    links.drop(desk, "signin", "R1")
    assert links.link(desk, "signin", "R1").url != old.url
    assert links.read(desk, "signin", token_of(old)) is not None


def test_a_link_whose_time_is_up_is_replaced(desk: Desk):
    """And its ticket says that it is over."""
    old = links.link(desk, "signin", "R1")
    key = next(key for key in desk.redis.scan_iter("ticket:*"))
    over = Ticket("signin", "R1", now() - timedelta(seconds=1))
    desk.redis.set(key, codec.dump(over))
    assert over.over
    assert links.link(desk, "signin", "R1").url != old.url
