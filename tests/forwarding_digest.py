"""Print a digest of every field of many decisions; run with and without compilation it must be the same."""

from __future__ import annotations

import hashlib
import random
import warnings

import numpy as np

from cocotb_tests.bench_switch import (
    AclEntry,
    switch,
)
from hwmodel.forwarding.police import police
from hwmodel.simulation.fill.switch_tables import build_buckets
from tests.forwarding_bench import (
    Bench,
)
from tests.forwarding_cases import random_frame, random_switch
from tests.packet_cases import packet_switch, random_packet_frame

N_SWITCHES = 40
FRAMES_A_SWITCH = 10


def digest() -> str:
    """Decide on 400 frames, and on as many that rules look into, and police as many."""
    warnings.simplefilter("error")  # numpy warns of an overflow, compiled code does not
    rng, total = random.Random(77), hashlib.sha256()
    for _ in range(N_SWITCHES):
        config = random_switch(rng)
        bench = Bench(config)
        for _ in range(FRAMES_A_SWITCH):
            port, raw, is_bad = random_frame(rng, config)
            outcome = bench.send(port, raw, is_bad=is_bad, refused=rng.random() < 0.5)
            total.update(bench.header.tobytes() + bench.decision.tobytes() + repr(outcome).encode())
    for _ in range(N_SWITCHES):
        bench = Bench(packet_switch(rng))
        for _ in range(FRAMES_A_SWITCH):
            port, raw = random_packet_frame(rng)
            total.update(repr(bench.send(port, raw)).encode() + bench.header.tobytes())
    buckets = build_buckets(switch(acl=(AclEntry("police", rate_bps=999_999_999_989, burst_bytes=10**6),)))
    now_fs = np.int64(0)
    for _ in range(N_SWITCHES * FRAMES_A_SWITCH):
        now_fs += rng.randrange(10 ** rng.randrange(5, 16))
        total.update(bytes([police(buckets[0], now_fs, rng.randrange(64, 9000))]) + buckets.tobytes())
    return total.hexdigest()


if __name__ == "__main__":
    print(digest())
