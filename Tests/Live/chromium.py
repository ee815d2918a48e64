"""A headless Chromium, driven over the DevTools protocol through a pair of pipes.

Chromium reads commands from file descriptor 3 and writes answers to 4, JSON ended by a zero byte
(`--remote-debugging-pipe`). No port, no driver, no package: what Debian's `chromium` has is enough.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: A wait ends as soon as its condition holds; this is only where it gives up.
GIVE_UP_S = 30.0

#: Keys that have no character of their own: their virtual key codes.
_CODES = {
    "Enter": 13, "Escape": 27, "Tab": 9, "ArrowDown": 40, "ArrowUp": 38, "ArrowLeft": 37, "ArrowRight": 39,
    "Home": 36, "End": 35, "PageDown": 34, "PageUp": 33, "Backspace": 8,
}  # fmt: skip


def installed() -> str | None:
    """Where the browser is, if it is."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


class Failed(AssertionError):
    """The page threw, or the browser refused a command."""


class Chromium:
    """One browser process. It is ended by its pid."""

    def __init__(self) -> None:
        self._profile = tempfile.mkdtemp(prefix="tm-chromium-", dir="/tmp")
        to_browser, from_browser = os.pipe(), os.pipe()
        # Descriptors are moved out of the way of 3 and 4 first, or dup2 could close one of them.
        give = [fcntl.fcntl(end, fcntl.F_DUPFD, 64) for end in (to_browser[0], from_browser[1])]

        def settle() -> None:
            os.dup2(give[0], 3)
            os.dup2(give[1], 4)

        self._process = subprocess.Popen(
            [
                installed() or "chromium", "--headless=new", "--remote-debugging-pipe", "--no-sandbox",
                f"--user-data-dir={self._profile}", "--no-first-run", "--disable-gpu", "--hide-scrollbars",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--force-device-scale-factor=1", "--font-render-hinting=none", "--disable-dev-shm-usage",
                "about:blank",
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            pass_fds=(3, 4, *give), preexec_fn=settle,
        )  # fmt: skip
        for end in (to_browser[0], from_browser[1], *give):
            os.close(end)
        self._in, self._out = to_browser[1], from_browser[0]
        self._buffer = b""
        self._next = 0
        self._answers: dict[int, dict[str, Any]] = {}
        #: Everything the browser said without being asked, in order.
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """One command and its answer."""
        self._next += 1
        message = {"id": self._next, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        self._write(json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + GIVE_UP_S
        while message["id"] not in self._answers:
            self._read(deadline - time.monotonic())
        answer = self._answers.pop(message["id"])
        if "error" in answer:
            raise Failed(f"{method}: {answer['error']}")
        return answer["result"]

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._in, data) :]

    def _read(self, patience: float) -> None:
        if patience <= 0 or not select.select([self._out], [], [], patience)[0]:
            raise Failed(f"the browser said nothing for {GIVE_UP_S} s")
        chunk = os.read(self._out, 1 << 20)
        if not chunk:
            raise Failed(f"the browser ended: {self._process.poll()}")
        *messages, self._buffer = (self._buffer + chunk).split(b"\0")
        for raw in messages:
            message = json.loads(raw)
            if "id" in message:
                self._answers[message["id"]] = message
            else:
                self.events.append(message)

    def drain(self) -> None:
        """Takes in what has been said, without waiting."""
        while select.select([self._out], [], [], 0)[0]:
            self._read(1)

    def page(self, **options: Any) -> Page:
        return Page(self, **options)

    def close(self) -> None:
        with contextlib.suppress(Failed, OSError):
            self.call("Browser.close")
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        os.close(self._in)
        os.close(self._out)
        shutil.rmtree(self._profile, ignore_errors=True)


class Page:
    """One tab in a context of its own: no storage is shared with another."""

    def __init__(
        self, browser: Chromium, width: int = 1280, height: int = 800, dark: bool = False, still: bool = True,
        scale: float = 1,
    ) -> None:  # fmt: skip
        self.browser = browser
        self._context = browser.call("Target.createBrowserContext")["browserContextId"]
        target = browser.call("Target.createTarget", url="about:blank", browserContextId=self._context)
        self._target = target["targetId"]
        attached = browser.call("Target.attachToTarget", targetId=self._target, flatten=True)
        self._session = attached["sessionId"]
        self._scale = scale
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.resize(width, height)
        self.emulate(dark=dark, still=still)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self.browser.call(method, self._session, **parameters)

    def resize(self, width: int, height: int) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=self._scale, mobile=False,
        )  # fmt: skip

    def emulate(self, dark: bool = False, still: bool = True) -> None:
        """The colour scheme and the wish for little motion, as an operating system would say them."""
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"},
        ]
        self.call("Emulation.setEmulatedMedia", features=features)

    def open(self, url: str) -> None:
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def reload(self) -> None:
        self.run("window.isOld = true")
        self.call("Page.reload")
        self.wait("!window.isOld && document.readyState === 'complete'")

    def run(self, expression: str) -> Any:
        """The value of an expression, awaited when it is a promise; what it throws, fails."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, userGesture=True
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise Failed(f"{expression}: {details.get('exception', details).get('description', details)}")
        return answer["result"].get("value")

    def wait(self, condition: str, why: str = "") -> Any:
        """Until an expression is true, asked at every frame by the page itself."""
        deadline = time.monotonic() + GIVE_UP_S
        frame = "new Promise((r) => { requestAnimationFrame(r); setTimeout(r, 50); })"
        while True:
            try:
                value = self.run(f"Boolean({condition}) || {frame}.then(() => false)")
            except Failed:
                # The page may be between two documents.
                value = None
            if value:
                return value
            if time.monotonic() > deadline:
                raise Failed(f"never held: {condition} {why}\nthe page says:\n{self.text()[:3000]}")

    def text(self) -> str:
        return str(self.run("document.body.innerText"))

    def press(self, key: str, *, shift: bool = False) -> None:
        """One key, as a person presses it."""
        printable = key if len(key) == 1 else {"Enter": "\r"}.get(key, "")
        common = {
            "key": key, "modifiers": 8 if shift else 0,
            "windowsVirtualKeyCode": _CODES.get(key, ord(key.upper()) if len(key) == 1 else 0),
        }  # fmt: skip
        self.call("Input.dispatchKeyEvent", type="keyDown" if printable else "rawKeyDown", text=printable, **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def type(self, text: str) -> None:
        self.call("Input.insertText", text=text)

    def click(self, selector: str) -> None:
        box = self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: 'nearest'}});"
            " const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call(
                "Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1
            )

    def screenshot(self, path: Path) -> None:
        answer = self.call("Page.captureScreenshot", format="png", optimizeForSpeed=False)
        path.write_bytes(base64.b64decode(answer["data"]))

    def said(self, *methods: str) -> Iterator[dict[str, Any]]:
        """What this page's events say, of these kinds."""
        self.browser.drain()
        for event in self.browser.events:
            if event.get("sessionId") == self._session and event["method"] in methods:
                yield event["params"]

    def complaints(self) -> list[str]:
        """Exceptions, console errors and warnings, violations of the content security policy."""
        found = []
        for event in self.said("Runtime.exceptionThrown"):
            details = event["exceptionDetails"]
            found.append(str(details.get("exception", {}).get("description") or details["text"]))
        for event in self.said("Log.entryAdded"):
            # Canvases are read back by tests alone.
            if event["entry"]["level"] in ("error", "warning") and "getImageData" not in event["entry"]["text"]:
                found.append(f"{event['entry']['text']} {event['entry'].get('url', '')}")
        for event in self.said("Runtime.consoleAPICalled"):
            if event["type"] in ("error", "warning", "assert"):
                found.append(" ".join(str(a.get("value", a.get("description"))) for a in event["args"]))
        return found

    def close(self) -> None:
        with contextlib.suppress(Failed):
            self.browser.call("Target.disposeBrowserContext", browserContextId=self._context)
