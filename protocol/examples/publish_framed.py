"""Publishes one measurement of model `fraud`, framed. TIDEMARK_INGEST names another endpoint than the default."""

import os

from tidemark import Publisher

with Publisher(os.environ.get("TIDEMARK_INGEST", "tcp://127.0.0.1:7410"), source="scorer-1", linger=10) as publisher:
    publisher.metrics("fraud", accuracy=0.71, latency_ms=150.2)
