"""Figures that public reports give of adapters, as the model has them: of a run, a frame, a register, a refusal.

Each is taken from a configuration, as a mapping, and is a number or a word.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from hwmodel import forward_frames
from hwmodel.config import config_from_mapping, servers_of
from hwmodel.config_space.enumeration import configured
from hwmodel.errors import InputError
from hwmodel.results import Result
from hwmodel.simulation import simulate
from hwmodel.switch_frames.outcomes import SwitchedFrame

Blocks = Mapping[str, Any]
Changes = Mapping[str, Any]
Value = float | str

# Ethernet's header and FCS, IPv4's and TCP's with timestamps: what of a frame is no payload.
TCP_OVERHEAD_BYTES = 18 + 20 + 32
TAG, TPID = 4, b"\x81\x00"
OUTSIDE = bytes.fromhex("02ee00000010")  # a station outside
# Places in a PF's configuration space: the SR-IOV capability of all that the model knows is at 0x160.
SR_IOV, CONTROL, TOTAL_VFS, FIRST_OFFSET, ARI_HIERARCHY = 0x160, 0x08, 0x0E, 0x14, 0x10


class Figure(NamedTuple):
    """Name a figure of a configuration, its unit, and how it is taken."""

    what: str
    unit: str
    take: Callable[[Blocks, Changes], Value]


def _of_run(take: Callable[[Result], Value]) -> Callable[[Blocks, Changes], Value]:
    """Take a figure of a run of one adapter; several of one configuration share the run."""
    return lambda blocks, changes: take(_run(json.dumps([blocks, dict(changes)])))


@lru_cache(maxsize=4)
def _run(document: str) -> Result:
    blocks, changes = json.loads(document)
    result = simulate(config_from_mapping(blocks, changes), threads=1, counters=True)
    assert isinstance(result, Result)
    return result


# ---- Of a run ----


def _wire_mpps(result: Result) -> float:
    return (result.window.wire_frames or 0) * 1e3 / result.window.duration_ns


def _tcp_gbps(result: Result) -> float:
    """Return the payload that TCP has in what VMs get, or send by the wire; all frames have one length."""
    n_bytes: int = result.config["workload"]["frame_bytes"]
    return (result.totals.gbps or result.wire.tx_gbps or 0.0) * (n_bytes - TCP_OVERHEAD_BYTES) / n_bytes


def got(*names: str) -> Figure:
    """Name what stations receive together."""

    def gbps(result: Result) -> float:
        return sum(vm.rx_gbps or 0.0 for vm in result.vms if vm.name in names)

    return Figure(f"received by {', '.join(names)} together", "Gb/s", _of_run(gbps))


def counter(name: str) -> Figure:
    """Name a counter of the PF's, as `ethtool -S` has it."""
    return Figure(f"`{name}`", "", _of_run(lambda result: float(result.counters["pf"].ethtool[name])))


def _given_up_s(result: Result) -> float:
    """Return how long a leg of the bond was silent until it was given up."""
    assert result.bond is not None
    (outage,) = result.bond.outages
    assert outage.given_up_ns is not None
    return (outage.given_up_ns - outage.died_ns) / 1e9


def _filters(result: Result) -> float:
    assert result.flow_director is not None
    return float(result.flow_director.filters)


WIRE_MPPS = Figure("sent by the wire", "M frames/s", _of_run(_wire_mpps))
WIRE_GBPS = Figure("sent by the wire", "Gb/s", _of_run(lambda result: result.wire.tx_gbps or 0.0))
RECEIVED_MPPS = Figure("received", "M frames/s", _of_run(lambda result: result.totals.mpps or 0.0))
TCP_GBPS = Figure("payload of TCP", "Gb/s", _of_run(_tcp_gbps))
DROPS = Figure("frames dropped, for any reason", "", _of_run(lambda result: float(sum(result.drops.values()))))
LIMIT = Figure("what the headline names", "", _of_run(lambda result: result.bottleneck.resource or "nothing"))
GIVEN_UP = Figure("silence until a leg is given up", "s", _of_run(_given_up_s))
FILTERS = Figure("filters in Flow Director's table at the end", "", _of_run(_filters))


# ---- Of a frame ----


def _address(of: str | bytes) -> bytes:
    """Return a station's default address, its port's number counted from pf: 1."""
    if isinstance(of, bytes):
        return of
    return bytes((2, 0, 0, 0, 0, 1 if of == "pf" else int(of[2:]) + 2))


def _tags(frame: bytes) -> str:
    found = []
    while frame[12:14] == TPID:
        found.append(str(int.from_bytes(frame[14:16], "big") & 0xFFF))
        frame = frame[TAG:]
    return "" if not found else f", VLAN {' over '.join(found)}"


def _copies(
    sender: str, to: str | bytes, source: str | bytes | None, vlan: int | None
) -> Callable[[Blocks, Changes], SwitchedFrame]:
    source = source if source is not None else OUTSIDE if sender == "uplink" else sender
    tag = b"" if vlan is None else TPID + vlan.to_bytes(2, "big")
    frame = _address(to) + _address(source) + tag + b"\x08\x00" + bytes(46)
    return lambda blocks, changes: forward_frames(config_from_mapping(blocks, changes), [frame], sender)[0]


def frame_goes(sender: str, to: str | bytes, source: str | bytes | None = None, vlan: int | None = None) -> Figure:
    """Name what becomes of a frame: who gets it, behind which tags, or why it drops."""
    sent = _copies(sender, to, source, vlan)

    def take(blocks: Blocks, changes: Changes) -> str:
        found = sent(blocks, changes)
        ways = [("the wire" if copy.port == "uplink" else copy.port) + _tags(copy.frame) for copy in found.deliver]
        return f"dropped: {found.drop}" if found.drop else " and ".join(sorted(ways))

    return Figure("the frame goes to", "", take)


def frame_reaches(station: str, sender: str, to: str | bytes) -> Figure:
    """Name whether a station gets a frame."""
    sent = _copies(sender, to, None, None)

    def take(blocks: Blocks, changes: Changes) -> str:
        return "yes" if any(copy.port == station for copy in sent(blocks, changes).deliver) else "no"

    return Figure(f"{'the wire' if station == 'uplink' else station} gets the frame", "", take)


# ---- Of a refusal ----


def _answer(result: Result) -> str:
    """Return what became of the run's one event."""
    assert result.series is not None
    (event,) = result.series.events
    return "refused" if event.did.startswith("refused") else "granted"


EVENT = Figure("what the driver says to the event", "", _of_run(_answer))


def _refusal(blocks: Blocks, changes: Changes) -> str:
    try:
        config_from_mapping(blocks, changes)
    except InputError:
        return "refused"
    return "taken"


REFUSAL = Figure("the configuration is", "", _refusal)


# ---- Of registers ----


def _registers(blocks: Blocks, changes: Changes, at: int, *, ari: bool) -> str:
    (server,) = servers_of(config_from_mapping(blocks, changes))
    adapter = configured(server)
    for pf in adapter.pf_names:
        adapter.write(pf, SR_IOV + CONTROL, 2, 0)
    adapter.write("pf", SR_IOV + CONTROL, 2, ARI_HIERARCHY if ari else 0)
    return ", ".join(str(adapter.pf_of(pf).get(SR_IOV + at, 2)) for pf in adapter.pf_names)


def vf_offset(*, ari: bool) -> Figure:
    """Name First VF Offset of each PF, with or without ARI Capable Hierarchy."""
    return Figure("First VF Offset", "", lambda blocks, changes: _registers(blocks, changes, FIRST_OFFSET, ari=ari))


PFS = Figure("TotalVFs of each PF", "", lambda blocks, changes: _registers(blocks, changes, TOTAL_VFS, ari=True))
