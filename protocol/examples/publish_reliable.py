"""Publishes measurements that must not be lost: what is accepted here survives a restart of either side.

TIDEMARK_RELIABLE names another endpoint than the default, TIDEMARK_RING another place for what waits.
"""

import os
import sys

from tidemark import Publisher

with Publisher(
    os.environ.get("TIDEMARK_RELIABLE", "tcp://127.0.0.1:7413"),
    source="nightly-1",
    reliable=True,
    ring_file=os.environ.get("TIDEMARK_RING", "nightly-1"),
    block=True,  # wait where the ring is full
    linger=0,  # what is not acknowledged stays in the ring, and is sent by the next run
) as publisher:
    for accuracy in (0.93, 0.92, 0.71):
        publisher.metrics("fraud", accuracy=accuracy)
    if not publisher.wait_acknowledged(timeout=30):
        print(f"{publisher.pending} measurements wait for the daemon", file=sys.stderr)
    for refusal in publisher.refusals:
        print(f"refused: {refusal.code}: {refusal.detail}", file=sys.stderr)
