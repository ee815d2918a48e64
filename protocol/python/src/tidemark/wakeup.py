"""What ends another thread's wait in a poll."""

from __future__ import annotations

import socket as sockets


class Wakeup:
    """A pair of sockets: ``signal`` makes ``fileno()`` readable, until ``drain``."""

    def __init__(self) -> None:
        self._out, self._in = sockets.socketpair()
        self._out.setblocking(False)
        self._in.setblocking(False)

    def signal(self) -> None:
        """From any thread, a finalizer or a signal's handler: takes no lock and never waits."""
        try:
            self._out.send(b"\0")
        except OSError:  # full, so it is awake; or closed, so it has ended
            pass

    def drain(self) -> None:
        try:
            while self._in.recv(4096):
                pass
        except BlockingIOError:
            pass

    def fileno(self) -> int:
        return self._in.fileno()

    def close(self) -> None:
        self._out.close()
        self._in.close()
