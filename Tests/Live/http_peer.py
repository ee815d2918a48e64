"""A client of the daemon over HTTP, and the OpenAPI file that every answer is held to."""

from __future__ import annotations

import functools
import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import harness
import yaml
from jsonschema import Draft202012Validator, FormatChecker
from live import GIVE_UP_S, Daemon, endpoint
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

Json = Any
OPENAPI = harness.REPOSITORY / "protocol" / "http" / "openapi.yaml"


class _Loader(yaml.SafeLoader):
    """Times stay text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@functools.cache
def contract() -> Json:
    return yaml.load(OPENAPI.read_text(encoding="utf-8"), _Loader)


@functools.cache
def _registry() -> Registry[Json]:
    return Registry().with_resource("urn:contract", Resource(contents=contract(), specification=DRAFT202012))


def validator(*place: str) -> Draft202012Validator:
    """Of the schema at a place of the OpenAPI file."""
    pointer = "/".join(part.replace("~", "~0").replace("/", "~1") for part in place)
    return Draft202012Validator(
        {"$ref": f"urn:contract#/{pointer}"}, registry=_registry(), format_checker=FormatChecker()
    )


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def media(self) -> str:
        return self.headers.get("content-type", "").split(";")[0]

    @property
    def text(self) -> str:
        return self.body.decode("utf-8")

    @property
    def json(self) -> Json:
        return harness.strict_json(self.body)

    def held_to(self, path: str) -> Answer:
        """As the OpenAPI file says of a GET of this path."""
        responses = contract()["paths"][path]["get"]["responses"]
        assert str(self.status) in responses, f"{path}: {self.status} is not documented: {self.text[:500]}"
        place = ["paths", path, "get", "responses", str(self.status)]
        if "$ref" in responses[str(self.status)]:
            place = responses[str(self.status)]["$ref"].removeprefix("#/").split("/")
        node = functools.reduce(lambda node, part: node[part], place, contract())
        assert self.media in node["content"], f"{path}: {self.media} is not documented"
        if self.media.endswith("json"):
            found = validator(*place, "content", self.media, "schema").iter_errors(self.json)
            problems = [f"{each.json_path}: {each.message[:300]}" for each in found]
            assert not problems, f"{path}: {problems}"
        return self


class Http:
    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.place = endpoint(daemon.wait_for_line(r"\bready\b", r"http=\S"), "http")
        host, _, port = self.place.rpartition(":")
        self.host, self.port = host.strip("[]"), int(port)

    def get(self, path: str, *, method: str = "GET", **headers: str | None) -> Answer:
        """Headers are named with underscores; None leaves out what is sent by itself."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=GIVE_UP_S)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.putrequest(method, path, skip_host="Host" in named, skip_accept_encoding=True)
            for name, value in named.items():
                if value is not None:
                    connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            return Answer(
                answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
            )
        finally:
            connection.close()

    def json(self, path: str, documented: str | None = None, **headers: str) -> Json:
        answer = self.get(path, **headers)
        assert answer.status == 200, f"{path}: {answer.status} {answer.text[:500]}"
        return answer.held_to(documented or path.split("?")[0]).json

    def model(self, name: str, version: str = "-", more: str = "") -> Json:
        path = f"/api/v1/models/{quote(name, safe='')}/{quote(version, safe='')}{more}"
        return self.json(path, "/api/v1/models/{model}/{version}" + more.split("?")[0])

    def until(self, path: str, holds: Callable[[Json], object], what: str, *beside: Callable[[], object]) -> Json:
        """The first answer of which something holds."""
        deadline = time.monotonic() + GIVE_UP_S
        while True:
            found = self.json(path)
            if holds(found):
                return found
            assert time.monotonic() < deadline, f"{what}: not in {GIVE_UP_S} s; last: {json.dumps(found)[:2000]}"
            for each in beside:
                each()

    def connect(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout=GIVE_UP_S)


class Stream:
    """A client of the event stream."""

    def __init__(self, peer: Http, last: str | None = None, receive_bytes: int | None = None) -> None:
        self.socket = socket.socket()
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(GIVE_UP_S)
        self.socket.connect((peer.host, peer.port))
        resume = f"Last-Event-ID: {last}\r\n" if last else ""
        self.socket.sendall(f"GET /api/v1/events HTTP/1.1\r\nHost: {peer.place}\r\n{resume}\r\n".encode())
        self._file = self.socket.makefile("rb")
        self.status = int(self._line().split()[1])
        self.headers = {}
        while line := self._line():
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()
        #: (name, data, id) of each event, without comments.
        self.events = self._events()

    def _line(self) -> str:
        return self._file.readline().decode("utf-8").rstrip("\r\n")

    def _lines(self) -> Iterator[str]:
        """Of the body, which comes in chunks."""
        rest = b""
        while size := int(self._line() or "0", 16):
            rest += self._file.read(size)
            self._line()
            *whole, rest = rest.split(b"\n")
            yield from (each.decode("utf-8") for each in whole)

    def _events(self) -> Iterator[tuple[str, Json, str | None]]:
        said: dict[str, str] = {}
        for line in self._lines():
            if line:
                name, _, value = line.partition(":")
                if name:
                    said[name] = value.removeprefix(" ")
            elif said:
                yield said.get("event", "message"), json.loads(said["data"]), said.get("id")
                said = {}

    def next(self, name: str) -> tuple[Json, str | None]:
        deadline = time.monotonic() + GIVE_UP_S
        for found, data, number in self.events:
            if found == name:
                return data, number
            assert time.monotonic() < deadline, f"{name}: not in {GIVE_UP_S} s"
        raise AssertionError(f"the stream ended before {name}")

    def close(self) -> None:
        self._file.close()
        self.socket.close()
