"""What the worker reads before it forks, so that a job need not: each job is a process of its own."""

from __future__ import annotations

import gc
import importlib

import anyio
import httpx
import msgspec

from adaptive_cards import texts
from bot import answers, commands
from bot.board import Shown
from bot.queue import ALLOWED
from bot.tickets import Ticket
from bot.webex import WebexPerson
from jobs import probes, steps
from jobs.microsoft.tls import http_context
from jobs.run import Event
from jobs.store import Record


def preload() -> None:
    """Read code, texts and certificates: a job then starts within 9 ms instead of 182 (facts/parts.md B).

    Three libraries do a part of their work at the first use only: httpx and anyio import, msgspec looks at the types.
    """
    for function in sorted(ALLOWED):
        importlib.import_module(function.rpartition(".")[0])
    for registry in (answers.answers, commands.commands, steps.all_steps, probes.all_probes, texts.keys):
        registry()
    httpx.Client(verify=http_context()).close()
    anyio.run(anyio.sleep, 0)
    for kind in (Event, Record, Shown, Ticket, WebexPerson):
        msgspec.json.Decoder(kind)
    gc.collect()
    gc.freeze()  # what the jobs share with the worker stays shared: their garbage collection does not touch it
