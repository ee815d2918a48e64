"""Prints alerts and decisions as they come. TIDEMARK_OUTPUT names another endpoint than the default."""

import json, os, zmq

with zmq.Context() as context, context.socket(zmq.SUB) as subscriber:
    subscriber.connect(os.environ.get("TIDEMARK_OUTPUT", "tcp://127.0.0.1:7411"))
    subscriber.subscribe("alert/"); subscriber.subscribe("decision/")
    while event := json.loads(subscriber.recv_multipart()[-1]):  # the last frame
        print(event["time"], event["type"], event["subject"], json.dumps(event["data"]), flush=True)
