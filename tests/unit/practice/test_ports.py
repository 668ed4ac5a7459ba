"""Tests that no other process takes a port of the stack before its server starts or restarts."""

import socket
from pathlib import Path

import pytest

from practice import ports

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_a_port_is_below_those_of_outgoing_connections():
    """Every port of the stack is below the range that Linux uses for outgoing connections."""
    lowest = int(RANGE.read_text("ascii").split()[0]) if RANGE.exists() else 32_768
    assert 1024 < ports.free_port() < lowest
    assert lowest >= ports.FIRST + ports.BLOCK * ports.BLOCKS


def test_no_two_processes_have_the_same_block():
    """Two processes claim different blocks of ports.

    The first port of a block shows that the block is taken.
    """
    with ports.claim_block() as mine, ports.claim_block() as others:
        assert abs(mine.getsockname()[1] - others.getsockname()[1]) >= ports.BLOCK


def test_without_a_block_it_is_said(monkeypatch):
    """If there are more processes than blocks of ports, claiming a block raises an error.

    A port that another process may choose is never given instead.
    """
    monkeypatch.setattr(ports, "BLOCKS", 0)
    with pytest.raises(ports.NoPortError):
        ports.claim_block()


def test_a_taken_port_is_left_out(monkeypatch):
    """A port of the block that another program listens on is left out."""
    with socket.socket() as taken:
        taken.bind((ports.HOST, ports.free_port()))
        number, other = taken.getsockname()[1], ports.free_port()
        monkeypatch.setattr(ports, "_ports", lambda: iter((number, other)))
        assert ports.free_port() == other
        monkeypatch.setattr(ports, "_ports", lambda: iter((number,)))
        with pytest.raises(ports.NoPortError):
            ports.free_port()
