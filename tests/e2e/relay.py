"""A bad network between a client and a server: the address stays, and what is behind it comes and goes."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_BLOCK_BYTES = 64 * 1024


class Relay:
    """Hands connections on to a server, or to nobody."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._target: tuple[str, int] | None = None
        self._lost_answers = 0
        self._guard = threading.Lock()
        self.lost = 0
        """Answers that the server gave and the client never saw."""

    @property
    def url(self) -> str:
        host, port = self._listener.getsockname()[:2]
        return f"http://{host}:{port}"

    def lead_to(self, host: str, port: int) -> None:
        """From now on there is a server."""
        self._target = (host, port)

    def lead_nowhere(self) -> None:
        """From now on there is none."""
        self._target = None

    def lose_answers(self, count: int) -> None:
        """Let the next requests through, and nothing of what the server says to them."""
        with self._guard:
            self._lost_answers = count

    def serve(self) -> None:
        """Take connections until the listener is closed."""
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        target = self._target
        with client, contextlib.suppress(OSError):
            if target is None:
                return
            with socket.create_connection(target, timeout=120) as server:
                threading.Thread(target=_copy, args=(client, server), daemon=True).start()
                self._answer(server, client)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        while block := server.recv(_BLOCK_BYTES):
            with self._guard:
                if self._lost_answers:
                    self._lost_answers -= 1
                    self.lost += 1
                    return
            client.sendall(block)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while block := source.recv(_BLOCK_BYTES):
            target.sendall(block)
        target.shutdown(socket.SHUT_WR)


@contextmanager
def a_relay() -> Iterator[Relay]:
    """A relay that leads nowhere yet."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        relay = Relay(listener)
        threading.Thread(target=relay.serve, daemon=True).start()
        yield relay
        listener.shutdown(socket.SHUT_RDWR)
