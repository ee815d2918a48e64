"""Names and epochs that are of this process alone."""

from __future__ import annotations

import itertools
import os
import socket as sockets
import threading

from .times import now_ns

_made = itertools.count(1)
_epochs = threading.Lock()
_last_epoch = 0


def default_source() -> str:
    """`HOST-PID`, and `HOST-PID-N` from the second of a process on."""
    count = next(_made)
    host = sockets.gethostname().encode("ascii", "ignore").decode()[:60] or "host"
    return f"{host}-{os.getpid()}" + (f"-{count}" if count > 1 else "")


def new_epoch() -> int:
    """Now in unix nanoseconds, and later than any epoch of this process."""
    global _last_epoch
    with _epochs:
        _last_epoch = max(now_ns(), _last_epoch + 1)
        return _last_epoch
