"""Publishes a baseline and a batch of features of model `fraud`, in numpy. TIDEMARK_INGEST: another endpoint."""

import os

import numpy as np
from tidemark import Publisher

names = ["amount", "age_days"]
drawn = np.random.default_rng(7)

with Publisher(os.environ.get("TIDEMARK_INGEST", "tcp://127.0.0.1:7410"), source="scorer-2", linger=10) as publisher:
    publisher.baseline("fraud", accuracy=0.9, features=drawn.normal([50, 200], [10, 60], (1000, 2)), names=names)
    publisher.features("fraud", drawn.normal([90, 200], [10, 60], (200, 2)), names=names)
