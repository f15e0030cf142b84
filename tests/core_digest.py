"""Print a digest of what the twin of the switch core predicts for some cases."""

from __future__ import annotations

import hashlib

from hwmodel.simulation.fill.switch_core import predict
from tests.core_cases import seeded_case

SEEDS = range(12)


def core_digest():
    digest = hashlib.sha256()
    for seed in SEEDS:
        case = seeded_case(seed)
        found = predict(case.parameters, case.surroundings(), case.offers)
        for part in (found.frames, found.granted, found.copies, found.counters, found.payload[0]):
            digest.update(part.tobytes())
    return digest.hexdigest()


if __name__ == "__main__":
    print(core_digest())
