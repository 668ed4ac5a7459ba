"""Addresses at which the web process listens."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from bot.web.app import AddressError, listener


def reached(port: int) -> list[bool]:
    """Return whether somebody listens at the port, with IPv4 and with IPv6."""
    answers = []
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as probe:
            answers.append(probe.connect_ex((host, port)) == 0)
    return answers


@pytest.mark.parametrize(
    ("host", "both"),
    [
        ("0.0.0.0", [True, False]),
        ("127.0.0.1", [True, False]),
        ("::", [True, True]),
        ("::1", [False, True]),
    ],
)
def test_who_is_reached(host, both, free_port):
    """The host ``::`` is reached with IPv4 and IPv6, as the documents say.

    Any other host is reached with its own kind of address.
    """
    if ":" in host and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    with closing(listener(host, free_port)):
        assert reached(free_port) == both


@pytest.mark.parametrize(
    ("refused", "host", "port", "told"),
    [
        (PermissionError(13, "No"), "0.0.0.0", 80, "PORT 80 may not be used .* above 1023"),
        (OSError(97, "Not supported"), "::", 8080, r"HOST ::, PORT 8080 \(Not supported"),
    ],
)
def test_a_refusal_of_the_system_is_explained(monkeypatch, refused, host, port, told):
    """A refused port below 1024 leads to one above 1023, and the system explains the others.

    The system refuses such a port to users who are not root.
    """
    monkeypatch.setattr(socket, "create_server", lambda *_, **__: (_ for _ in ()).throw(refused))
    with pytest.raises(AddressError, match=told):
        listener(host, port)
