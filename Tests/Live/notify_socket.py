"""A service manager's notify socket, and what a daemon told it."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass

from live import GIVE_UP_S


@dataclass(frozen=True)
class Notice:
    at: float
    fields: dict[str, str]


class NotifySocket:
    def __init__(self, name: str) -> None:
        """`name` as in NOTIFY_SOCKET: a path, or @ and an abstract name."""
        self.name = name
        self.notices: list[Notice] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + name[1:] if name.startswith("@") else name)

    def until(self, key: str, value: str | None = None) -> list[Notice]:
        """What is told from now up to the first notice with this field."""
        told: list[Notice] = []
        deadline = time.monotonic() + GIVE_UP_S
        while True:
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                text = self._socket.recv(4096).decode()
            except TimeoutError:
                raise AssertionError(f"no {key}={value} among {told}") from None
            told.append(Notice(time.monotonic(), dict(line.split("=", 1) for line in text.splitlines())))
            self.notices.append(told[-1])
            if key in told[-1].fields and value in (None, told[-1].fields[key]):
                return told

    def close(self) -> None:
        self._socket.close()
