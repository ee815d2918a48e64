"""A daemon's output, control and reliable sockets in Python, so that tests can lose, delay and refuse as they like."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from typing import Any, Optional

import reference
import zmq
from intake import Intake
from ledger import Ledger, Life
from peer import GIVE_UP_S
from store import ALERT, DECISION, FETCH, SNAPSHOT, Store

FEEDBACK, ACK, NACK = 6, 35, 36


class FakeDaemon:
    """Runs in a thread of its own. What it keeps (`store`, `ledger`, `intake`) outlives `restart`."""

    def __init__(
        self, context: Any, *, folder: Any = None, places: Any = None, intake: Optional[Intake] = None
    ) -> None:
        self.store, self.intake = Store(), intake or Intake()
        self.ledger = Ledger(self._publish_decision)
        #: Switches: live messages are not sent, questions are passed over, nothing is written to the journal.
        self.mute = self.deaf = self.stuck = False
        #: Answers that are lost: so many of the next ones to feedback.
        self.lose_answers = 0
        #: So many of the next questions are answered `busy`, or feedback `unavailable`.
        self.busy = 0
        self.requests: list[tuple[int, dict[str, Any]]] = []
        self.guard = threading.RLock()
        self._context = context
        self._places = places or [
            f"ipc://{folder}/{name}" if folder else "tcp://127.0.0.1:*" for name in ("o", "c", "r")
        ]
        self._start()

    def _start(self) -> None:
        self._sockets = [self._context.socket(kind) for kind in (zmq.XPUB, zmq.ROUTER, zmq.ROUTER)]
        deadline = time.monotonic() + GIVE_UP_S
        for index, socket in enumerate(self._sockets):
            socket.setsockopt(zmq.LINGER, 0)
            socket.setsockopt(zmq.SNDHWM, 100_000)
            while True:
                try:
                    socket.bind(self._places[index])
                    break
                except zmq.ZMQError as error:  # libzmq gives a port back some time after the socket is closed
                    assert error.errno == zmq.EADDRINUSE and time.monotonic() < deadline, error
                    time.sleep(0.005)
            self._places[index] = socket.getsockopt(zmq.LAST_ENDPOINT).decode().rstrip("\0")
        self.output, self.control, self.reliable = self._places
        self._live: deque[list[bytes]] = deque()
        self._peers: dict[str, bytes] = {}
        self._ending = False
        self._failure: Optional[BaseException] = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """As kill -9: what is on the way is lost, and what was not written to the journal."""
        self._ending = True
        self._thread.join(GIVE_UP_S)
        assert not self._thread.is_alive()
        if self._failure is not None:
            raise self._failure
        with self.guard:
            self.intake.crash()

    def restart(self) -> None:
        self.stop()
        self._start()

    # What it says.

    def publish(self, kind: int = ALERT, model: str = "fraud", **more: Any) -> int:
        with self.guard:
            frames = self.store.publish(kind, model, **more)
            if not self.mute:
                self._live.append(frames)
            return self.store.head

    def _publish_decision(self, event: dict[str, Any], model: str, is_open: bool) -> None:
        with self.guard:
            life = event["data"]["decision_id"]
            self.publish(DECISION, model, event=event, is_open=is_open)
            for stored in self.store.kept:
                if stored.kind == DECISION and f'"{life}"'.encode() in stored.body:
                    stored.open = is_open

    def issue(self, model: str, **more: Any) -> Life:
        with self.guard:
            return self.ledger.issue(model, **more)

    def reported(self, state: str) -> list[dict[str, Any]]:
        with self.guard:
            return [said for said in self.ledger.reports if said["state"] == state]

    # The thread.

    def _run(self) -> None:
        output, control, reliable = self._sockets
        poller = zmq.Poller()
        for socket in self._sockets:
            poller.register(socket, zmq.POLLIN)
        try:
            due = 0.0
            while not self._ending:
                ready = dict(poller.poll(5))
                with self.guard:
                    if output in ready and output.recv()[:1] == b"\x01":
                        due = 0.0
                    while self._live:
                        output.send_multipart(self._live.popleft())
                    if time.monotonic() >= due:
                        output.send_multipart(self.store.sign())
                        due = time.monotonic() + 0.1
                    if control in ready:
                        self._answer(control)
                    if reliable in ready:
                        self._take(reliable)
                    for source, frames in [] if self.stuck else self.intake.commit():
                        reliable.send_multipart([self._peers[source], *frames])
        except BaseException as error:
            self._failure = error
        finally:
            for socket in self._sockets:
                socket.close(linger=0)

    def _answer(self, control: Any) -> None:
        peer, *frames = control.recv_multipart()
        _, kind, count, epoch, seq = reference.fields(frames[1])
        assert count == len(frames) == 3 and seq >= 1 and epoch >= 1
        said = json.loads(frames[2])
        self.requests.append((kind, said))
        if self.deaf:
            return
        if self.busy:
            self.busy -= 1
            if kind == FEEDBACK:
                body = json.dumps({"request": "feedback", "code": "unavailable", "detail": "", "owner": None}).encode()
                control.send_multipart([peer, b"nack/-/-/example", reference.header(NACK, 3, epoch, seq), body])
            else:
                word = {FETCH: "fetch", SNAPSHOT: "snapshot"}[kind]
                control.send_multipart([peer, *self.store.end(seq, word, "busy", 1)])
            return
        if kind in (FETCH, SNAPSHOT):
            for answer in self.store.answer(frames):
                control.send_multipart([peer, *answer])
            return
        assert kind == FEEDBACK and frames[0].startswith(b"feedback/-/-/"), frames
        granted, answer = self.ledger.take(said)
        if self.lose_answers:
            self.lose_answers -= 1
            return
        word = "ack" if granted else "nack"
        body = json.dumps({"request": "feedback", **answer}).encode()
        head = reference.header(ACK if granted else NACK, 3, epoch, seq)
        control.send_multipart([peer, f"{word}/-/-/{self.store.name}".encode(), head, body])

    def _take(self, reliable: Any) -> None:
        while True:
            try:
                peer, *frames = reliable.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                return
            self._peers[frames[0].decode().split("/")[3]] = peer
            for answer in self.intake.take(frames):
                reliable.send_multipart([peer, *answer])
