"""A cron job: takes up what is open, retrains, reports, and ends. Nothing runs in between.

    */15 * * * *  python cron_retrain.py make train

It asks for what is open now, so it needs neither a subscription nor a cursor; a claim makes sure that each attempt is
run once, also when two of these jobs overlap or another orchestrator is there. What a killed job had begun is failed by
the daemon after `retrain.duration`, and issued again. TIDEMARK_CONTROL names another endpoint than the default.
"""

import os
import subprocess
import sys
from functools import partial

from tidemark import Control, Decision, Granted

COMMAND = sys.argv[1:] or ["true"]
OWNER = f"cron-{os.uname().nodename}-{os.getpid()}"

with Control(os.environ.get("TIDEMARK_CONTROL", "tcp://127.0.0.1:7412")) as control:
    for decision in control.snapshot(kinds=("decision",)).events:
        if not isinstance(decision, Decision) or decision.dry_run:
            continue
        report = partial(control.feedback, decision.decision_id, owner=OWNER, attempt=decision.attempt)
        if not isinstance(report("started"), Granted):
            continue  # claimed by another, or not the latest attempt
        environment = {**os.environ, "TIDEMARK_MODEL": decision.model or ""}
        code = subprocess.run(COMMAND, env=environment, check=False).returncode
        answer = report("failed", reason=f"exit {code}", retry_after=600) if code else report("succeeded")
        print(decision.attempt_id, code, answer, flush=True)
