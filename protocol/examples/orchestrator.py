"""Retrains by a command for each decision: the words after the script, with the model in TIDEMARK_MODEL.

    python orchestrator.py make train

TIDEMARK_OUTPUT and TIDEMARK_CONTROL name other endpoints than the defaults, TIDEMARK_CURSOR another file than
`orchestrator.cursor` to remember in how far it came.
"""

import os
import signal
import subprocess
import sys

from tidemark import Decision, Failed, Orchestrator

COMMAND = sys.argv[1:] or ["true"]


def retrain(decision: Decision) -> None:
    environment = {**os.environ, "TIDEMARK_MODEL": decision.model or "", "TIDEMARK_ATTEMPT": str(decision.attempt_id)}
    ended = subprocess.run(COMMAND, env=environment, check=False)
    if ended.returncode != 0:
        raise Failed(f"{COMMAND[0]} ended with {ended.returncode}", retry_after=600)


orchestrator = Orchestrator(
    retrain,
    owner="orchestrator-1",
    output=os.environ.get("TIDEMARK_OUTPUT", "tcp://127.0.0.1:7411"),
    control=os.environ.get("TIDEMARK_CONTROL", "tcp://127.0.0.1:7412"),
    cursor=os.environ.get("TIDEMARK_CURSOR", "orchestrator.cursor"),
)
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: orchestrator.stop())
orchestrator.run()
