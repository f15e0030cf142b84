"""Drawn accesses to configuration space, mostly to the registers where something can go wrong.

A script is a list of steps: ("read", function, offset, width), ("write", function, offset, width, value), ("wait", fs).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence

from tests.oracles.config_attributes import AER, ARI, MSI, MSI_X, PCI_EXPRESS, POWER_MANAGEMENT, SR_IOV, Walk, walk
from tests.oracles.config_space import FS_PER_MS, N_BYTES, VF_READY_FS

Step = tuple[str | int, ...]
# Dwords of each structure that are worth a visit, from its start.
HEADER = (0x00, 0x04, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18, 0x1C, 0x20, 0x24, 0x2C, 0x30, 0x34, 0x3C)
OF_LEGACY = {
    POWER_MANAGEMENT: (0, 4, 4, 4),
    MSI: (0, 0, 4, 8, 12, 16, 20),
    MSI_X: (0, 0, 4, 8),
    PCI_EXPRESS: (0, 4, 8, 8, 8, 12, 16, 16, 36, 40, 44, 48),
}
OF_EXTENDED = {
    AER: (0, 4, 8, 12, 16, 20, 24, 28),
    ARI: (0, 4),
    SR_IOV: (0, 4, 8, 8, 8, 8, 12, 16, 16, 16, 16, 20, 24, 28, 32, 32, 36, 40, 48, 52, 60),
}


def drawn_scripts(
    seed: int, n: int, functions: Sequence[str], images: Mapping[str, bytes], n_steps: int = 60
) -> Iterator[list[Step]]:
    """Draw `n` scripts over `functions`, whose registers are found by their images (of "vf0" where one has none)."""
    rng = random.Random(seed)
    found = {name: walk(images.get(name, images.get("vf0", images["pf"])), name != "pf") for name in functions}
    for _ in range(n):
        script: list[Step] = []
        if rng.random() < 0.7 and "pf" in found and SR_IOV in found["pf"].extended:
            script += _enabling(rng, found["pf"])
        while len(script) < n_steps:
            script += _some(rng, functions, found)
        yield script


def replay(adapter, script: Sequence[Step]) -> list[int]:
    """Run a script on anything with read, write and wait, and give what its reads answered, in order."""
    answers = []
    for kind, *arguments in script:
        if kind == "read":
            answers.append(adapter.read(*arguments))
        else:
            {"write": adapter.write, "wait": adapter.wait}[kind](*arguments)
    return answers


def _some(rng: random.Random, functions: Sequence[str], found: Mapping[str, Walk]) -> list[Step]:
    name = "pf" if "pf" in found and rng.random() < 0.5 else rng.choice(list(functions))
    kind = rng.random()
    if kind < 0.06:
        return [("wait", rng.choice([FS_PER_MS, VF_READY_FS - 1, 1, VF_READY_FS, 2 * VF_READY_FS]))]
    if kind < 0.12 and name == "pf" and SR_IOV in found["pf"].extended:
        return _enabling(rng, found["pf"])
    if kind < 0.17:
        return _round_trip(rng, name, found[name])
    if kind < 0.20 and PCI_EXPRESS in found[name].legacy:
        at = found[name].legacy[PCI_EXPRESS] + 8
        return [("write", name, at, 2, 0x8000 | rng.getrandbits(15)), ("read", name, at, 2), ("read", name, 4, 4)]
    offset = rng.choice(_interesting(found[name])) if rng.random() < 0.9 else rng.randrange(0, N_BYTES, 4)
    width = rng.choice([1, 2, 2, 4, 4])
    offset += rng.randrange(0, 4, width)
    if kind < 0.45:
        return [("read", name, offset, width)]
    return [("write", name, offset, width, _value(rng, width)), ("read", name, offset & ~3, 4)]


def _enabling(rng: random.Random, found: Walk) -> list[Step]:
    """Draw a sound order of enabling, now and then with a step that is not."""
    at = found.extended[SR_IOV]
    total = found.word(at + 0x0E)
    number = rng.choice([0, 1, 2, total - 1, total, total, total + 1, rng.randrange(total + 1)])
    ari = rng.choice([0, 0x10, 0x10])
    steps: list[Step] = [
        ("write", "pf", at + 8, 2, ari),
        ("write", "pf", at + 0x10, 2, number),
        ("write", "pf", at + 0x20, 4, rng.choice([1, 1, 2, 4, 0x10, 0x400, 3, 0])),
        ("write", "pf", at + 8, 2, ari | 9),
    ]
    if rng.random() < 0.2:
        rng.shuffle(steps)
    if rng.random() < 0.8:
        steps.append(("wait", VF_READY_FS))
    return [*steps, ("read", "pf", at + 8, 4), ("read", "pf", at + 0x10, 4), ("read", "pf", at + 0x14, 4)]


def _round_trip(rng: random.Random, name: str, found: Walk) -> list[Step]:
    """Draw a way to D3hot and back, with a write on the way."""
    if POWER_MANAGEMENT not in found.legacy:
        return [("read", name, 0, 4)]
    at = found.legacy[POWER_MANAGEMENT] + 4
    middle = rng.choice(_interesting(found))
    return [
        ("write", name, at, 2, 3 | rng.choice([0, 0x100])),
        ("write", name, middle, 4, _value(rng, 4)),
        ("read", name, at, 2),
        ("write", name, at, 2, rng.choice([0, 0, 0, 1, 2])),
        ("read", name, at, 2),
        ("read", name, middle, 4),
    ]


def _interesting(found: Walk) -> list[int]:
    offsets = list(HEADER)
    for number, at in found.legacy.items():
        offsets += [at + more for more in OF_LEGACY.get(number, ())]
    for number, at in found.extended.items():
        offsets += [at + more for more in OF_EXTENDED.get(number, ())]
    return [offset for offset in offsets if offset < N_BYTES]


def _value(rng: random.Random, width: int) -> int:
    n_bits = 8 * width
    kind = rng.random()
    if kind < 0.25:
        return (1 << n_bits) - 1
    if kind < 0.35:
        return 0
    if kind < 0.65:
        return 1 << rng.randrange(n_bits)
    return rng.getrandbits(n_bits)
