"""Prints alerts and decisions, and what got lost,. TIDEMARK_OUTPUT names another endpoint than the default."""

import os

from tidemark import Alert, Decision, Gap, Restart, Stale, Subscriber

with Subscriber(os.environ.get("TIDEMARK_OUTPUT", "tcp://127.0.0.1:7411")) as subscriber:
    for event in subscriber:
        if isinstance(event, Alert):
            print(event.time, event.model, event.monitor, event.change, event.severity, event.value, flush=True)
        elif isinstance(event, Decision):
            print(event.time, event.model, "retrain", *event.reason_codes, event.decision_id, flush=True)
        elif isinstance(event, (Gap, Restart, Stale)):
            print(event, flush=True)
