"""CURVE: encryption, and keys that say who is who, for daemons whose configuration has `security`."""

from __future__ import annotations

import os
import re
import stat
from typing import Any, Union

import zmq

from .errors import TidemarkError

_Z85 = re.compile(r"[0-9a-zA-Z.:+=^!/*?&<>()\[\]{}@%$#-]{40}")
_LINE = re.compile(r"^\s*(public|secret)-key\s*=\s*[\"']?([^\"'\r\n]*)", re.MULTILINE)
#: A certificate is about 300 bytes.
_MOST_BYTES = 16_384


class KeyFileError(TidemarkError, ValueError):
    """A file of keys that is missing, holds no key, or whose secret others can read. It never says what stands there."""


class Curve:
    """The keys of a connection: this program's, and the daemon's.

        Publisher("tcp://monitor:7410", source="serving-a/1",
                  curve=Curve(server_key="server.key", secret_key_file="serving-a.key_secret"))

    Parameters
    ----------
    server_key: the daemon's public key: 40 characters of Z85, or a path of the `.key` file.
    secret_key_file: the `.key_secret` file of `tidemark keygen`, or of `zmq.auth.create_certificates`. On POSIX only
        its owner may read it, who is this account or root.
    """

    def __init__(
        self, server_key: Union[str, os.PathLike[str]], secret_key_file: Union[str, os.PathLike[str]]
    ) -> None:
        if not zmq.has("curve"):
            raise TidemarkError("this pyzmq's libzmq has no CURVE; the wheels of PyPI have it")
        named = os.fspath(server_key)
        self._server = named if _Z85.fullmatch(named) else _key(named, "public", is_secret=False)
        self._secret = _key(os.fspath(secret_key_file), "secret", is_secret=True)
        self._public = zmq.curve_public(self._secret.encode()).decode()

    def __repr__(self) -> str:
        return f"Curve(server_key={self._server!r}, public_key={self._public!r})"

    @property
    def public_key(self) -> str:
        """Of this program, for the daemon's file of clients."""
        return self._public

    def apply(self, socket: zmq.Socket[Any]) -> None:
        """Sets the keys of a socket that connects, before it does."""
        socket.setsockopt(zmq.CURVE_SERVERKEY, self._server.encode())
        socket.setsockopt(zmq.CURVE_PUBLICKEY, self._public.encode())
        socket.setsockopt(zmq.CURVE_SECRETKEY, self._secret.encode())


def _key(path: str, kind: str, *, is_secret: bool) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            if is_secret and os.name == "posix":
                _check(path, os.fstat(file.fileno()))
            text = file.read(_MOST_BYTES)
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read: {error.strerror}") from None
    found = {name: value.strip() for name, value in _LINE.findall(text)}
    if not _Z85.fullmatch(found.get(kind, "")):
        raise KeyFileError(f"{path} holds no {kind}-key of 40 characters of Z85")
    return found[kind]


def _check(path: str, status: os.stat_result) -> None:
    """As the daemon does: a secret of ours is ours alone; one of root's may be of a group, as Kubernetes mounts it."""
    ours = status.st_uid == os.geteuid()
    if not ours and status.st_uid != 0:
        raise KeyFileError(f"{path} belongs to account {status.st_uid}, want this account's or root's")
    if status.st_mode & (0o077 if ours else 0o037):
        raise KeyFileError(f"{path} has mode {stat.S_IMODE(status.st_mode):o} and can be read by others, want 0600")
