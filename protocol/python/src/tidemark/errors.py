"""The errors that this package raises, beside ValueError and TypeError for wrong arguments."""

from __future__ import annotations


class TidemarkError(Exception):
    """What every error of this package is."""


class WireError(TidemarkError, ValueError):
    """Bytes that are no message of the protocol, or values that have no bytes in it.

    `reason` is one of the protocol's words: `malformed`, `unsupported_version`, `unknown_kind`,
    `topic_mismatch`, `shape_mismatch`, `too_large`.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class ClosedError(TidemarkError, RuntimeError):
    """A publisher or subscriber was used after `close()`, or closed while a call waited."""


class ForkError(TidemarkError, RuntimeError):
    """A publisher or subscriber was used in another process than the one that made it."""


class StateError(TidemarkError, RuntimeError):
    """A file that keeps a cursor, a ring or attempts is damaged, or in use by another process."""


class UnansweredError(TidemarkError, RuntimeError):
    """The control socket did not answer in time. What was asked may have been done all the same."""
