"""The Python client of Tidemark: `Publisher` tells how models do, `Subscriber` hears alerts and decisions.

`tidemark.wire` has the framed protocol as pure functions, `Reader` what a subscriber makes of frames, without sockets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import ClosedError, ForkError, TidemarkError, WireError
from .events import (
    Alert,
    Assessment,
    Decision,
    Ended,
    Event,
    Gap,
    Item,
    Restart,
    SourceAccount,
    SourcesReport,
    Stale,
)  # fmt: skip
from .publisher import Publisher
from .reader import Reader
from .subscriber import Subscriber

if TYPE_CHECKING:
    from .aio import AsyncSubscriber

__version__ = "0.1.0"

__all__ = [
    "Alert", "Assessment", "AsyncSubscriber", "ClosedError", "Decision", "Ended", "Event", "ForkError", "Gap", "Item",
    "Publisher", "Reader", "Restart", "SourceAccount", "SourcesReport", "Stale", "Subscriber", "TidemarkError",
    "WireError",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """`AsyncSubscriber` on demand: importing asyncio takes a while, and most programs do without."""
    if name == "AsyncSubscriber":
        from .aio import AsyncSubscriber

        return AsyncSubscriber
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
