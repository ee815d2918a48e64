"""What all sockets here have in common: endpoints, keep-alive, reconnecting."""

from __future__ import annotations

from typing import Any, Optional

import zmq

from .curve import Curve


def check_endpoint(endpoint: str) -> None:
    if not isinstance(endpoint, str) or not endpoint.startswith(("tcp://", "ipc://")):
        raise ValueError(f"endpoint {endpoint!r} is neither tcp:// nor ipc://")


def set_transport(socket: zmq.Socket[Any], endpoint: str, curve: Optional[Curve]) -> None:
    """Keys, keep-alive in place of heartbeats, and a reconnect that backs off to 2 s."""
    if curve is not None:
        curve.apply(socket)
    socket.setsockopt(zmq.TCP_KEEPALIVE, 1)
    socket.setsockopt(zmq.TCP_KEEPALIVE_IDLE, 30)
    socket.setsockopt(zmq.TCP_KEEPALIVE_INTVL, 10)
    socket.setsockopt(zmq.TCP_KEEPALIVE_CNT, 3)
    socket.setsockopt(zmq.RECONNECT_IVL, 100)
    socket.setsockopt(zmq.RECONNECT_IVL_MAX, 2000)
    if "[" in endpoint:  # not always: a name such as localhost would then mean its IPv6 address only
        socket.setsockopt(zmq.IPV6, 1)


def connect(socket: zmq.Socket[Any], endpoint: str) -> None:
    """Connects, or will when somebody is there. ValueError when the endpoint cannot be one."""
    try:
        socket.connect(endpoint)
    except zmq.ZMQError as error:
        raise ValueError(f"endpoint {endpoint!r}: {error}") from None
