"""Prints alerts of model `fraud`, in an event loop. TIDEMARK_OUTPUT names another endpoint than the default."""

import asyncio
import os

from tidemark import Alert, AsyncSubscriber


async def main() -> None:
    endpoint = os.environ.get("TIDEMARK_OUTPUT", "tcp://127.0.0.1:7411")
    async with AsyncSubscriber(endpoint, kinds=("alert",), model="fraud") as subscriber:
        async for event in subscriber:
            if isinstance(event, Alert):
                print(event.time, event.model, event.monitor, event.change, event.severity, event.value, flush=True)


asyncio.run(main())
