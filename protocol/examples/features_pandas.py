"""Publishes a baseline and a batch of features of model `fraud`, in pandas. TIDEMARK_INGEST: another endpoint."""

import os

import pandas as pd
from tidemark import Publisher

trained_on = pd.DataFrame({"amount": [40.0, 60.0, 50.0], "age_days": [100, 300, 200], "city": ["Riga", "Oslo", None]})
scored = pd.DataFrame({"amount": [95.0, None, 90.0], "age_days": [210, 190, 200], "city": ["Riga", "Riga", "Bonn"]})

with Publisher(os.environ.get("TIDEMARK_INGEST", "tcp://127.0.0.1:7410"), source="scorer-3", linger=10) as publisher:
    publisher.baseline("fraud", features=trained_on)
    publisher.features("fraud", scored)
