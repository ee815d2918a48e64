"""Posts each decision to a webhook of Argo Events, whose sensor starts the workflow (see argo_events.yaml).

The attempt's id goes along as the workflow's name: a workflow that is there is not made twice, so that what was posted
before this bridge was killed may be posted again. The last step of the workflow reports, with

    tidemark report DECISION succeeded --owner argo

ARGO_WEBHOOK says where; TIDEMARK_OUTPUT, TIDEMARK_CONTROL and TIDEMARK_CURSOR as in orchestrator.py. This bridge claims
and starts; it does not wait for workflows, hence the report by the workflow itself and not by an Orchestrator.
"""

import json
import os
import urllib.request
from functools import partial

from tidemark import Control, Decision, Granted, Subscriber

WEBHOOK = os.environ.get("ARGO_WEBHOOK", "http://127.0.0.1:12000/retrain")
CONTROL = os.environ.get("TIDEMARK_CONTROL", "tcp://127.0.0.1:7412")
OWNER = "argo"


def post(decision: Decision) -> None:
    body = {"name": decision.attempt_id, "model": decision.model, "event": dict(decision.raw)}
    request = urllib.request.Request(WEBHOOK, json.dumps(body).encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=30).close()


with (
    Control(CONTROL) as control,
    Subscriber(
        os.environ.get("TIDEMARK_OUTPUT", "tcp://127.0.0.1:7411"),
        kinds=("decision",),
        control=CONTROL,
        cursor=os.environ.get("TIDEMARK_CURSOR", "argo.cursor"),
        snapshot=True,
    ) as subscriber,
):
    for decision in subscriber:
        if not isinstance(decision, Decision) or decision.dry_run:
            continue
        report = partial(control.feedback, decision.decision_id, owner=OWNER, attempt=decision.attempt)
        claim = report("acked")
        if not isinstance(claim, Granted) or claim.state != "acked":
            continue  # another's, over, or posted before
        try:
            post(decision)
        except OSError as error:
            print(decision.attempt_id, report("failed", reason=f"webhook: {error}"[:200], retry_after=600), flush=True)
        else:
            print(decision.attempt_id, report("started"), flush=True)
