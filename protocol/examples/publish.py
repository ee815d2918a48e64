"""Publishes one measurement of model `fraud`. TIDEMARK_INGEST names another endpoint than the default."""

import json, os, uuid, zmq

with zmq.Context() as context, context.socket(zmq.XPUB) as publisher:
    publisher.connect(os.environ.get("TIDEMARK_INGEST", "tcp://127.0.0.1:7410")); publisher.recv()  # subscribed
    event = {"specversion": "1.0", "type": "tidemark.metrics.v1", "source": "scorer-1", "id": str(uuid.uuid4()),
             "subject": "fraud", "data": {"accuracy": 0.71, "latency_ms": 150.2}}
    publisher.send_multipart([b"metrics/fraud/-/scorer-1", json.dumps(event).encode()])
