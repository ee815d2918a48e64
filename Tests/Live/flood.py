"""A publisher at full speed, run as a process of its own: flood.py ENDPOINT MODEL SECONDS.

Prints `flooding` once the daemon is subscribed, and ends by itself after SECONDS.
"""

from __future__ import annotations

import sys
import time

import zmq


def main(endpoint: str, model: str, seconds: float) -> None:
    context = zmq.Context()
    socket = context.socket(zmq.XPUB)
    socket.setsockopt(zmq.LINGER, 0)
    socket.connect(endpoint)
    if not socket.poll(10_000):
        sys.exit("the daemon never subscribed")
    print("flooding", flush=True)
    topic = f"metrics/{model}/-/flood-{model}".encode()
    head = f'{{"specversion":"1.0","source":"flood-{model}","type":"tidemark.metrics.v1","subject":"{model}","id":"'
    tails = [f'","data":{{"accuracy":{accuracy},"latency_ms":100.5}}}}' for accuracy in (0.97, 0.41)]
    number = 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for _ in range(1000):
            number += 1
            socket.send_multipart([topic, (head + str(number) + tails[number // 50 % 2]).encode()])
    context.destroy(linger=0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
