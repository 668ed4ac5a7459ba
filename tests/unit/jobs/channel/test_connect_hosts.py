"""Hosts and addresses of Webex Connect."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from jobs.channel.mailbox import PATTERNS, ConnectHosts, foreign_hosts, unconfirmed_hosts
from jobs.model import Channel, Person, RunKind
from jobs.runs.run import FOREIGN_HOSTS, Reply, Run
from tests.fixtures.parsed import table

HOSTS_OF = table("addresses")

HOSTS = ConnectHosts()
CALLBACK = "https://contoso.us.webexconnect.io/callback"
TYPED = table("typed_values")["connect"]


def of_connect(kind: str) -> list[tuple[str, bool]]:
    """Return values of this kind, and whether they are Webex Connect's."""
    return [(each, is_so == "true") for is_so, some in TYPED[kind].items() for each in some]


@pytest.mark.parametrize(("url", "callback"), of_connect("callbacks"))
def test_callbacks(url, callback):
    """A redirect URI is a Call Back URL if it is https, has a known host, and ends in /callback.

    A custom node, such as oauth.contoso.us.webexconnect.io, has a host of its own that does not
    count.
    """
    assert HOSTS.is_callback(url) is callback


@pytest.mark.parametrize(("address", "ours"), of_connect("forwarding_addresses"))
def test_forwarding_addresses(address, ours):
    """A Forwarding Address must be at a host below a domain that Cisco names."""
    assert HOSTS.is_forwarding_address(address) is ours


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_covers_hosts_below_its_domain(pattern):
    """A pattern covers every host below its domain.

    The domain itself and a longer name that ends like it are other hosts.
    """
    domain = pattern.removeprefix("*.")
    seen = [HOSTS.has(host) for host in (f"a.{domain}", f"A.B.{domain}", domain, f"evil{domain}")]
    assert seen == [True, True, False, False]


def test_the_setting_adds_hosts():
    """A pattern in the setting counts like the known ones.

    A plain name in the setting covers that host alone.
    """
    hosts = ConnectHosts(("*.connect.example.com", "mail.example.com"))
    names = ("a.connect.example.com", "mail.example.com", "b.mail.example.com", "example.com")
    assert [hosts.has(name) for name in names] == [True, True, False, False]
    assert hosts.is_callback(CALLBACK)
    assert hosts.is_forwarding_address("x1@mail.example.com")


@pytest.mark.parametrize(("callback", "forwarding", "foreign"), HOSTS_OF["foreign"])
def test_foreign_hosts_of_a_channel(callback, forwarding, foreign):
    """Each foreign host of a channel is named once, and an empty address has no host."""
    channel = Channel("support@contoso.com", callback, forwarding)
    assert list(foreign_hosts(replace(RUN, channel=channel), ())) == foreign


AT = datetime(2026, 11, 25, 9, tzinfo=UTC)
CHANNEL = Channel("support@contoso.com", "https://a.example/callback", "x@b.example")
RUN = Run("R1", CHANNEL, Person("p1", "anna@contoso.com"), AT)


def test_an_undo_names_no_hosts():
    """An undo removes the addresses: afterward nothing goes to these hosts."""
    assert foreign_hosts(RUN, ()) == ("a.example", "b.example")
    assert foreign_hosts(replace(RUN, kind=RunKind.UNDO), ()) == ()


@pytest.mark.parametrize(("confirmed", "left"), HOSTS_OF["confirmed"])
def test_a_confirmation_counts_for_its_hosts(confirmed, left):
    """A confirmation counts only for the hosts that it names.

    Another host in a later plan needs another confirmation.
    """
    reply = Reply(confirmed, "boss@contoso.com", AT)
    run = replace(RUN, answers={FOREIGN_HOSTS: reply} if confirmed else {})
    assert list(unconfirmed_hosts(run, ())) == left
