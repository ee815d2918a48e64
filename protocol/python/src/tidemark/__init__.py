"""The Python client of Tidemark: `Publisher` tells how models do, `Subscriber` hears alerts and decisions,
`Orchestrator` acts on decisions and reports what became of them.

`tidemark.wire` has the framed protocol as pure functions, `Reader` what a subscriber makes of frames, without sockets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .control import Control, Fetched, Granted, Refused
from .cursors import Cursor, FileCursor, Position
from .curve import Curve, KeyFileError
from .errors import ClosedError, ForkError, StateError, TidemarkError, UnansweredError, WireError
from .events import (
    Alert,
    Assessment,
    Decision,
    DecisionChange,
    Ended,
    Event,
    Gap,
    Item,
    JournalReport,
    Restart,
    SourceAccount,
    SourcesReport,
    Stale,
    Unanswered,
)  # fmt: skip
from .lane import Refusal
from .orchestrator import Failed, Orchestrator
from .publisher import Publisher
from .reader import Reader
from .subscriber import Subscriber

if TYPE_CHECKING:
    from .aio import AsyncSubscriber

__version__ = "0.1.0"

__all__ = [
    "Alert", "Assessment", "AsyncSubscriber", "ClosedError", "Control", "Cursor", "Curve", "Decision", "DecisionChange",
    "Ended", "Event", "Failed", "Fetched", "FileCursor", "ForkError", "Gap", "Granted", "Item", "JournalReport",
    "KeyFileError", "Orchestrator", "Position", "Publisher", "Reader", "Refusal", "Refused", "Restart", "SourceAccount", "SourcesReport",
    "Stale", "StateError", "Subscriber", "TidemarkError", "Unanswered", "UnansweredError", "WireError",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """`AsyncSubscriber` on demand: importing asyncio takes a while, and most programs do without."""
    if name == "AsyncSubscriber":
        from .aio import AsyncSubscriber

        return AsyncSubscriber
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
