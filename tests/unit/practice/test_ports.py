"""Ports of the stack: nobody else takes them before their server starts, or while it is restarted."""

from __future__ import annotations

import os
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
    """The block of another process is locked, and the next one is taken."""
    (mine, held), (other, also_held) = ports.claim_block(), ports.claim_block()
    assert mine != other
    os.close(held)
    os.close(also_held)


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
