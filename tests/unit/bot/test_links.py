"""Links to the bot's own pages."""

from datetime import timedelta

import pytest

from bot import links
from bot.links import LIFE, Link
from jobs.clock import now
from jobs.storage import codec


def token_of(link: links.Link) -> str:
    """Return the token at the end of the link's address."""
    return link.url.rpartition("/")[2]


@pytest.mark.parametrize("kind", LIFE)
def test_a_link_names_its_kind_and_its_end(services, kind):
    """A link names its kind and its end, and opens no page of another kind, such as a secret."""
    link = links.link(services, kind, "R1")
    assert link.url == f"https://bot.example.test/{kind}/{token_of(link)}"
    assert (link.kind, link.run) == (kind, "R1")
    read = {each: links.read(services, each, token_of(link)) for each in LIFE}
    assert read == dict.fromkeys(LIFE) | {kind: link}
    life = timedelta(minutes=15) if kind == "handover" else timedelta(days=1)
    assert abs(link.until - now() - life) < timedelta(seconds=2)
    assert [each for each in LIFE if links.open_once(services, each, token_of(link), "b")] == [kind]
    assert links.read(services, kind, token_of(link)).until < now() + timedelta(minutes=61)


def test_a_card_that_is_drawn_again_stays_as_it_is(services):
    """A run has the same link as long as the link is good, so its card stays as it is.

    Another run has another link.
    """
    assert links.link(services, "signin", "R1") == links.link(services, "signin", "R1")
    assert links.link(services, "signin", "R1") != links.link(services, "signin", "R2")


@pytest.mark.parametrize("token", ["", "x", "../../etc", "0" * 500])
def test_a_guess_is_nothing(services, token):
    """A guessed token opens nothing, because a real token has 256 random bits."""
    assert links.read(services, "signin", token) is None


def test_redis_does_not_know_the_token(services):
    """Redis does not hold a link's token, so its content cannot open a page."""
    token = token_of(links.link(services, "handover", "R1"))
    assert len(token) >= 43
    stored = b"".join(key + (services.redis.get(key) or b"") for key in services.redis.scan_iter())
    assert token.encode() not in stored


def test_a_dropped_link_is_replaced(services):
    """A dropped link is replaced by a new one.

    The old link is still known, so that its page can say what became of it.
    """
    old = links.link(services, "signin", "R1")
    links.drop(services, "signin", "R1")
    assert links.link(services, "signin", "R1").url != old.url
    assert links.read(services, "signin", token_of(old)) is not None


def test_a_link_whose_time_is_up_is_replaced(services):
    """A link whose time is up is replaced, and its data say that it has expired."""
    old = links.link(services, "signin", "R1")
    key = next(key for key in services.redis.scan_iter("sealed:page:*"))
    over = Link(old.url, now() - timedelta(seconds=1), "signin", "R1")
    services.vault.put(key.decode().removeprefix("sealed:"), codec.dump(over).decode(), 60)
    assert (over.is_expired, links.open_once(services, "signin", token_of(old), "b")) == (
        True,
        False,
    )
    assert links.link(services, "signin", "R1").url != old.url
