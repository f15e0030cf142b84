"""The closed form of a virtual switch with unequal loads: what bounds them, by hand, and beside runs."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest

from benches.bottleneck_cases import configurations
from benches.vswitch_cases import draw_vswitch
from hwmodel import limits, simulate
from hwmodel.analytic.demand import demand_of
from hwmodel.analytic.switch_rings import rings_of
from hwmodel.analytic.virtual_switch import frames_a_turn
from hwmodel.config import Config, config_from_mapping
from hwmodel.wire.ethernet import EtherType
from hwmodel.wire.frame_scan import RSS_PREFIX_BYTES, frame_hashes
from hwmodel.workload.headers import HeaderBook
from tests.seeds import seeds

# A core that passes a frame of 1518 B in 1 us, whatever it is; wire, link and VMs' cores have room for more.
BASE: dict[str, Any] = {
    "nic": {"strict": False, "mode": "vswitch", "vfs": 6},
    "host": {"cores": 9, "virtual_switch": {"pass_by": "pointer", "frame_time": "1us", "cores": [7],
                                            "uplink_time": "0ns", "uplink_byte_time": "0ns", "reach": "external"}},
    "driver": {"frame_time": "50ns", "vms": {"pf": {"preset": "dpdk", "doorbell_time": "0ns"}}},
    "pcie": {"generation": 3, "lanes": 8},
    "port": {"rate": "40Gbps"},
    "workload": {"pattern": "flows", "frame_bytes": 1518},
}  # fmt: skip
TWO_CORES = {"host.virtual_switch.cores": [7, 8]}
NEAR, N_EACH_RUN, N_NIGHTLY = 0.002, 8, 60


def _config(*flows: list[str | None], **changes: Any) -> Config:
    return config_from_mapping(
        BASE, {"workload.flows": list(flows), **{key.replace("__", "."): to for key, to in changes.items()}}
    )


LIGHT: list[str | None] = ["vf0", "vf1", "0.2Mpps"]


def test_the_adapter_s_time_on_each_tx_ring_is_that_of_the_uplink_s_rings() -> None:
    """It takes no frame from a VM's ring, and those for which the uplink's ring has no room hold nobody back."""
    flows = (LIGHT, ["vf2", "uplink", None], ["vf3", "vf1", None])
    found = limits(_config(*flows, nic__queue_time="5us"))
    assert (found.mpps, found.limited_by) == (pytest.approx(1), "vswitch")


@pytest.mark.parametrize(("mode", "carried_mpps"), [("active_backup", 0.2), ("l4_hash", 0.4)])
def test_each_leg_of_a_bond_has_its_own_tx_rings(mode: str, carried_mpps: float) -> None:
    changes = {"port.count": 2, "host.virtual_switch.bond": {"mode": mode}, "workload.connections": 64}
    found = limits(_config(["vf2", "uplink", "0.9Mpps"], nic__queue_time="5us", **changes))
    assert (found.limited_by, found.mpps) == ("nic.queue", pytest.approx(carried_mpps, rel=0.01))


def test_a_flow_without_a_rate_leaves_its_vm_s_others_nothing() -> None:
    """It takes each slot as it is free: vf0 sends half of the core's 1 M to the wire, and none to vf1."""
    flows: tuple[list[str | None], ...] = (["vf0", "uplink", None], ["vf0", "vf1", "0.2Mpps"], ["vf2", "vf3", None])
    config = _config(*flows)
    assert any(note.startswith("Nothing is sent of vf0 to vf1:") for note in limits(config).notes)
    assert _run_to_vms(config) == pytest.approx(0.5, rel=0.01)


def _run_to_vms(config: Config, duration: str = "4ms") -> float:
    """Return the millions of frames a second that get to VMs in a short run."""
    found = simulate(config_from_mapping(config.resolved(), {"run.warmup": "2ms", "run.duration": duration}))
    return sum(one.mpps or 0.0 for one in found.flows if one.to != "uplink")


@pytest.mark.parametrize(("changes", "gets"), [
    ({}, 15 / 32),  # 65,602 B take 33 buffers of 2 KiB, so 511 descriptors have room for 15 of the 32 of a piece
    ({"host.virtual_switch.batch": 16}, 15 / 16),
    ({"host.buffer_bytes": "64KiB"}, 1),
    ({"switch.scheduler": "deficit"}, 1),  # pieces of one
])  # fmt: skip
def test_of_a_piece_lands_what_finds_descriptors(changes: dict[str, Any], gets: float) -> None:
    """All frames of a piece come at one instant; of 50,000 a second that the core passes the rest is lost."""
    long = {"workload.frame_bytes": None, "workload.segment_bytes": "64KiB", "host.virtual_switch.frame_time": "20us"}
    config = _config(["vf0", "vf1", None], **{**long, **changes})
    assert limits(config).mpps == pytest.approx(0.05)  # which leaves that out
    assert _run_to_vms(config, "100ms") == pytest.approx(0.05 * gets, rel=0.01)


def test_more_may_be_guaranteed_than_there_is() -> None:
    """1 M of the core for 1.2 M that is guaranteed: what each gets is not known, in all it is no more than that."""
    more = {f"switch.ports.vf{k}.min_rate": "7286400Kbps" for k in (2, 3)}
    assert limits(_config(LIGHT, ["vf2", "vf1", None], ["vf3", "vf1", None], **more)).mpps == pytest.approx(1)


def test_pieces_of_a_deficit_are_short() -> None:
    """1514 B are 2.98 frames of 512 B; so are the pieces, of which each has its time."""
    changes = {"switch.scheduler": "deficit", "workload.frame_bytes": 512, "host.virtual_switch.batch_time": "1us"}
    config = _config(["vf0", "vf1", None], **changes)
    (length,) = demand_of(config).sought.sizes
    assert float(frames_a_turn(config, "vf0", (length,))) == pytest.approx(1514 / 508)
    assert limits(config).mpps == pytest.approx(1 / (1 + 508 / 1514), rel=1e-6)


@pytest.mark.parametrize(("source", "target"), [("vf1", "vf2"), ("uplink", "vf3"), ("vf3", "uplink")])
def test_connections_have_the_rings_of_their_headers(source: str, target: str) -> None:
    """The hash is worked out on addresses and ports; here it is that of the bytes of whole headers."""
    changes = {
        "nic.strict": False,
        "workload.connections": 37,
        "nic.queues_per_vf": 3,
        "host.virtual_switch.uplink_queues": 3,
    }
    config = _config(["vf0", "vf1", None], **changes, **TWO_CORES)
    book = HeaderBook(config)
    headers = [book.templates[number].header for number in book.template_ids(source, target)]
    prefix = np.frombuffer(b"".join(one.ljust(RSS_PREFIX_BYTES, b"\0") for one in headers), np.uint8)
    n, at = len(headers), np.full(len(headers), 14)
    ethertype, n_bytes = np.full(n, int(EtherType.IPV4)), np.array([len(one) for one in headers])
    hashes = frame_hashes(prefix.reshape(n, RSS_PREFIX_BYTES), n_bytes, at, ethertype)
    entries, first = (hashes & 127, 0) if source == "uplink" else (hashes & 0x7FFF_FFFF, 3 * (int(source[2:]) + 1))
    counted = Counter((first + entries % 3).tolist())
    assert {ring: round(n * share) for ring, share in rings_of(config, 0, source, target).items()} == counted


def test_frames_without_a_connection_go_by_their_target() -> None:
    config = _config(
        ["vf0", "vf1", None], **{"nic.queues_per_vf": 2, "host.virtual_switch.uplink_queues": 2}, **TWO_CORES
    )
    # VF K is port K + 2 and function K + 1; the uplink, and groups, are port 0.
    assert [list(rings_of(config, 0, *ends)) for ends in (("vf0", "vf1"), ("vf1", "uplink"), ("uplink", "vf3"))] == [
        [2 + 3 % 2], [4], [5 % 2]
    ]  # fmt: skip


def _far_below(config: Config) -> list[str]:
    return [note for note in limits(config).notes if note.startswith("A run may be far below")]


def test_limits_says_where_a_run_may_be_far_below() -> None:
    """Pieces of one frame take 1 + 1 us, full ones 1 + 1 / 32."""
    flows: tuple[list[str | None], ...] = (LIGHT, ["vf2", "vf3", None])
    assert _far_below(_config(*flows)) == []
    (pieces,) = _far_below(_config(*flows, host__virtual_switch__batch_time="1us"))
    assert "down to 52 % of it" in pieces and "batch_time" in pieces
    assert _far_below(_config(["vf2", "vf3", None], host__virtual_switch__batch_time="1us")) == []


@pytest.mark.parametrize("number", seeds(N_EACH_RUN, N_EACH_RUN, N_NIGHTLY))
def test_no_run_is_above(number: int) -> None:
    """By more than frames under way: a batch of each ring; and, where it is drawn which leave, by more than chance."""
    length = {"warmup": "auto", "duration": "40ms", "frames": 30_000}
    config = list(configurations(7, number + 1, length, draw_vswitch))[number]
    found, result = limits(config), simulate(config)
    _, gbps = result.throughput()
    batches = 32 * (config.nic.vfs + 1) / max(1, result.window_frames)
    is_drawn = config.workload.wire_share not in (0, 1)
    chance = 4 / math.sqrt(max(1, result.window.vm_frames or result.window.wire_frames or 1)) if is_drawn else 0.0
    assert gbps <= found.gbps * (1 + NEAR + batches + chance)
