"""Relay between the product and Redis, which holds one question for a run's lease, or its answer.

A worker can thus be stopped while this command or this answer is on its way.
"""

import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Self

from practice.chaos.kills import Question
from practice.ports import HOST
from practice.stack import Stack

COMMANDS: Final = (
    lambda sent: b"EVALSHA" in sent and b":lease\r\n" in sent,
    lambda sent: sent.startswith(b"*4\r\n$4\r\nZADD") and b"\r\nrun:" in sent,
    lambda sent: b"LRANGE" in sent and sent.endswith(b":events\r\n$2\r\n-2\r\n$2\r\n-1\r\n"),
)
"""Commands with which a worker asks for its lease, in their order (:class:`Question`)."""


@dataclass(slots=True)
class Relay:
    """Relay of every connection of a stack's product to Redis; it holds what is armed."""

    reached: threading.Event = field(init=False, default_factory=threading.Event)
    _go: threading.Event = field(init=False, default_factory=threading.Event)
    _armed: Question | None = field(init=False, default=None)
    _left: int = field(init=False, default=0)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    _listener: socket.socket = field(
        init=False, default_factory=lambda: socket.create_server((HOST, 0), backlog=128)
    )

    def stack(self, practice: dict[str, str]) -> Stack:
        """Return a stack whose product reaches Redis through this relay."""
        port = self._listener.getsockname()[1]
        made = Stack(env={"REDIS_URL": f"redis://{HOST}:{port}/0"}, practice=practice)
        threading.Thread(target=self._serve, args=(made,), name="relay", daemon=True).start()
        return made

    def __enter__(self) -> Self:
        """Return the relay, which ends with the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Take no more connections."""
        self.let_go()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def arm(self, question: Question) -> None:
        """Hold the next such question."""
        with self._lock:
            self.reached.clear()
            self._go.clear()
            self._armed, self._left = question, question.skip

    def let_go(self) -> None:
        """Pass on what is held, and hold nothing more."""
        with self._lock:
            self._armed = None
        self._go.set()

    def awaited(self, command: int) -> Question | None:
        """Return the armed question if this command is the one to hold."""
        with self._lock:
            armed = self._armed
            if armed is None or armed.command != command:
                return None
            self._left -= 1
            if self._left >= 0:
                return None
            self._armed = None
            return armed

    def hold(self) -> None:
        """Say that the armed question was reached, and wait until it is let go."""
        self.reached.set()
        self._go.wait()

    def _serve(self, stack: Stack) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                connection = _Connection(
                    self, client, socket.create_connection((HOST, stack.ports.redis))
                )
            except OSError:
                client.close()
                continue
            for way in (connection.to_redis, connection.to_client):
                threading.Thread(target=way, daemon=True).start()


@dataclass(slots=True)
class _Connection:
    """Connection of a client, on which one command or its answer may be held.

    ``place`` is the last command of a question for the lease, or -1 for any other command.
    """

    relay: Relay
    client: socket.socket
    server: socket.socket
    place: int = -1
    holds_answer: bool = False

    def to_redis(self) -> None:
        with self.client, suppress(OSError):
            while sent := self.client.recv(65_536):
                self._look(sent)
                self.server.sendall(sent)
        self._end()

    def to_client(self) -> None:
        with self.server, suppress(OSError):
            while answer := self.server.recv(65_536):
                if self.holds_answer:
                    self.holds_answer = False
                    self.relay.hold()
                self.client.sendall(answer)
        self._end()

    def _look(self, sent: bytes) -> None:
        """Hold the command if it is the armed one; it follows the question's earlier commands."""
        following = self.place + 1
        places = (place for place in (following, 0) if place < len(COMMANDS))
        self.place = next((place for place in places if COMMANDS[place](sent)), -1)
        if question := self.relay.awaited(self.place):
            self.holds_answer = question.answer
            if not question.answer:
                self.relay.hold()

    def _end(self) -> None:
        for each in (self.client, self.server):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
