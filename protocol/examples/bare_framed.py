"""Publishes baseline, batch and measurement of `fraud`, framed, in bare pyzmq. TIDEMARK_INGEST: another endpoint."""

import json
import os
import struct
import time

import numpy as np
import zmq

source, epoch, numbers = "scorer-4", time.time_ns(), {"": 0}


def frames(kind, word, descriptor, *tensors):
    """Topic, header, descriptor, tensors. Each message takes the next number; prev is the last of its topic."""
    topic, prev = f"{word}/fraud/-/{source}", 0
    if kind not in (7, 8):  # head and bye take none
        numbers[""] += 1
        prev, numbers[topic] = numbers.get(topic, 0), numbers[""]
    else:
        topic = f"{word}/-/-/{source}"
    now = time.time_ns()
    flags = 4 if numbers[""] == 1 and kind not in (7, 8) else 0
    fields = 1, 0, kind, 1, flags, 3 + len(tensors), epoch, numbers[""], prev, now, now, 0
    header = struct.pack(">4sBBBBIIQQQqqQ", b"TIDE", *fields)
    said = json.dumps(descriptor, separators=(",", ":"), ensure_ascii=False)
    return [topic.encode(), header, said.encode(), *tensors]


def described(name, array):
    return {"name": name, "datatype": {"<f8": "FP64", "<f4": "FP32"}[array.dtype.str], "shape": list(array.shape)}


with zmq.Context() as context, context.socket(zmq.XPUB) as publisher:
    publisher.setsockopt(zmq.LINGER, 1000)
    publisher.connect(os.environ.get("TIDEMARK_INGEST", "tcp://127.0.0.1:7410"))
    publisher.recv()  # the daemon has subscribed
    names, drawn = ["amount", "age_days"], np.random.default_rng(7)
    for kind, word, mean in ((5, "baseline", 50), (2, "features", 90)):
        rows = drawn.normal([mean, 200], [10, 60], (500, 2))
        descriptor = {"feature_names": names, "tensors": [described("rows", rows)]}
        publisher.send_multipart(frames(kind, word, descriptor, rows))
    values = np.array([0.71, 150.2])
    descriptor = {"metrics": ["accuracy", "latency_ms"], "tensors": [described("values", values)]}
    publisher.send_multipart(frames(1, "metrics", descriptor, values))
    publisher.send_multipart(frames(8, "bye", {"dropped": 0}))
