"""Deliveries equal to those of Open vSwitch, with protected ports, guards and rules as flows: 9,000 drawn frames."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.forwarding_bench import Bench
from tests.oracles.forwarding_oracle import ForwardingOracle
from tests.ovs_flows import FRAMES_A_SWITCH, N_SWITCHES, NAMES, VECTORS, digest, drawn


def recorded() -> list[tuple[str, list[set[str]]]]:
    """Return of each switch what tells its frames, and who got each at Open vSwitch."""
    found = []
    for line in VECTORS.read_text().splitlines()[1:]:
        frames, digits = line.split(",")
        sets = [int(digits[at : at + 2], 16) for at in range(0, len(digits), 2)]
        found.append((frames, [{name for bit, name in enumerate(NAMES) if one >> bit & 1} for one in sets]))
    return found


@pytest.mark.parametrize("model", [Bench, ForwardingOracle])
def test_who_gets_each_frame(model: type) -> None:
    seen, n_frames = Counter[str | None](), 0
    for (config, frames), (told, receivers) in zip(drawn(), recorded(), strict=True):
        assert digest(frames) == told, "the frames are not those that were recorded: record them anew"
        decides = model(config)
        for (port, raw), expected in zip(frames, receivers, strict=True):
            outcome = decides.send(port, raw) if model is Bench else decides.forward(port, raw)
            assert set(outcome.deliver) == expected, (config, port, raw.hex(), outcome.drop)
            seen[outcome.drop] += 1
            n_frames += 1
    assert n_frames == N_SWITCHES * FRAMES_A_SWITCH == 9000
    for reason in ("PVLAN", "ACL_DENY", "ARP_GUARD", "DHCP_GUARD", "ND_GUARD", "IP_GUARD", None):
        assert seen[reason] >= 100, seen


@pytest.mark.parametrize("what", ["has_private_ports", "n_acl_entries"])
def test_a_planted_fault_is_found(what: str) -> None:
    """Without classes, and without guards and access lists, others get some frames."""
    n_wrong = 0
    for (config, frames), (_, receivers) in zip(drawn(), recorded(), strict=True):
        bench = Bench(config)
        bench.tables[0][what] = 0
        found = [set(bench.send(*each).deliver) for each in frames]
        n_wrong += sum(one != other for one, other in zip(found, receivers, strict=True))
    assert n_wrong > 300
