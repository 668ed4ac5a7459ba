"""Ports of the stack: nobody else takes them before their server starts, or while it is restarted."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from practice import ports

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_a_port_is_below_those_of_outgoing_connections():
    """Linux takes the local port of a connection from a range of its own."""
    lowest = int(RANGE.read_text("ascii").split()[0]) if RANGE.exists() else 32_768
    assert 1024 < ports.free_port() < lowest
    assert lowest >= ports.FIRST + ports.BLOCK * ports.BLOCKS


def test_no_two_processes_have_the_same_block():
    """The first port of another process's block is taken, and the next block is free."""
    with ports.claim_block() as mine, ports.claim_block() as others:
        assert abs(mine.getsockname()[1] - others.getsockname()[1]) >= ports.BLOCK


def test_without_a_block_it_is_said(monkeypatch: pytest.MonkeyPatch):
    """More processes than blocks: an error, and no port that another one may choose."""
    monkeypatch.setattr(ports, "BLOCKS", 0)
    with pytest.raises(ports.NoPortError):
        ports.claim_block()


def test_a_taken_port_is_left_out(monkeypatch: pytest.MonkeyPatch):
    """A server of another program may listen on a port of the block."""
    with socket.socket() as taken:
        taken.bind((ports.HOST, ports.free_port()))
        number = taken.getsockname()[1]
        monkeypatch.setattr(ports, "_ports", lambda: iter((number, number + 1)))
        assert ports.free_port() == number + 1
        monkeypatch.setattr(ports, "_ports", lambda: iter((number,)))
        with pytest.raises(ports.NoPortError):
            ports.free_port()
