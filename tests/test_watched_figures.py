"""Conditions on any figure: true at the first instant at which a run without events, stepped by hand, says so.

What a figure is there is read from results and their snapshots, which know nothing of watches.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cache
from itertools import pairwise
from math import ceil, floor
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.utils import RawPcapReader

from hwmodel.analytic import ceiling_frames_per_s
from hwmodel.compiled.records import NEVER
from hwmodel.config import Config, config_from_mapping
from hwmodel.config.check_condition import has, watched_by
from hwmodel.config.system import servers_of
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.machine.adapter.watches import N_SAID, TERM_WORDS
from hwmodel.machine.counts.ledger_state import COUNTERS
from hwmodel.results import LinkBytes
from hwmodel.rules.drop_kinds import ALL_DROPS
from hwmodel.rules.figures import ADAPTER, FIGURES, FUNCTION, PORT, Figure, Watched, rows_of
from hwmodel.rules.pcie_link import tlp_overhead_of
from hwmodel.simulation import simulate
from hwmodel.simulation.figures.adapter_figures import adapter_figures
from hwmodel.simulation.figures.by_row import amount_of
from hwmodel.simulation.figures.counters import counters_of
from hwmodel.simulation.figures.counts import Counts, gauges_in, parts_of
from hwmodel.simulation.figures.measurement import rings_in_use, take_snapshot
from hwmodel.simulation.figures.span import Span
from hwmodel.simulation.fill.watched_words import place_of, watch_values
from hwmodel.simulation.run.machine import Machine
from hwmodel.simulation.run.play import play_of
from hwmodel.simulation.run.run import Run, silent
from hwmodel.units import FS_PER_S, format_bytes, format_time_fs
from hwmodel.words.events import figure_text
from hwmodel.workload import build_workload
from tests.run_cases import merged
from tests.test_commands import BRIDGE

NS, US = 10**6, 10**9
END = 60 * US
BASE: dict[str, Any] = {
    "pcie": {"generation": 2, "lanes": 4},
    "nic": {"preset": "82599", "vfs": 4, "strict": False},
    "run": {"clocks": "exact", "warmup": "10us", "duration": "50us"},
}
CHANGED = {"pcie.max_read_request": "256B"}  # by which no frame is another
# Machines in which as much as can be happens: one that loses frames, mirrors and translates; one whose ports stop.
MACHINES: dict[str, dict[str, Any]] = {
    "that loses": {
        "nic": {"rx_ring": 32, "rx_fetch_batch": 4, "drop_enable": True, "queues_per_vf": 2},
        "driver": {"vms": {"vf1": {"frame_time": "9us"}, "vf2": {"frame_time": "9us"}}, "refill_batch": 4},
        "host": {"iotlb": {"entries": 8, "miss": "300ns"}, "stall": {"at": "20us", "for": "5us"}},
        "switch": {"mirrors": [{"from": "vf0", "to": "vf3"}], "scheduler": "round_robin"},
        "workload": {
            "pattern": "uniform", "frame_bytes": 512, "load": "6Gbps", "on_full": "drop",
            "external": {"rate": "2Gbps"}, "arrivals": "poisson",
        },
    },
    "that stops": {
        "nic": {"flow_control": {"mode": "pause"}, "rx_ring": 64, "rx_buffer": "64KiB"},
        "port": {"count": 2},
        "driver": {"vms": {"vf1": {"frame_time": "6us"}}},
        "workload": {
            "pattern": "flows", "frame_bytes": 1518,
            "flows": [["p0.uplink", "vf0"], ["p1.uplink", "vf1"], ["vf2", "p0.uplink"], ["vf3", "vf1"]],
        },
    },
}  # fmt: skip
Values = Mapping[str, int]
NUMBER_OF = {"vf0": 1, "vf1": 2, "vf2": 3, "vf3": 4, "pf": 0}  # functions
OF = {FUNCTION: ("vf1", "vf3"), ADAPTER: ("",)}


@cache
def config_of(machine: str) -> Config:
    return config_from_mapping(merged(BASE, MACHINES[machine]))


def made(config: Config) -> Machine:
    machine = Machine(config, build_workload(config, ceiling_frames_per_s(config)), config.run.seed, 1)
    machine.count_rings()
    return machine


def of_function(machine: Machine, name: str) -> dict[str, int]:
    """Return the figures of a function, as results have them."""
    (server,), nic = machine.servers, machine.servers[0].nic
    counters, counted = counters_of([server]), take_snapshot(nic, machine.book).functions[NUMBER_OF[name]]
    own, ip = counters[name].ethtool, counters[name].ip
    ends = nic.ledger.directory.ends[: int(nic.ledger.directory.n)]
    station = nic.port[int(nic.function[NUMBER_OF[name]].params.adapter_port)].switch.station[
        int(nic.function[NUMBER_OF[name]].params.port)
    ]
    delivered = int(nic.ledger.flow[: len(ends)]["delivered"][ends["receiver"] == station].sum())
    n_rings = int(nic.params.n_queues) // int(nic.params.n_functions)
    first, end = NUMBER_OF[name] * n_rings, (NUMBER_OF[name] + 1) * n_rings
    rings = {way: int(rings_in_use(nic, end)[f"{way}_queue"][first:].sum()) for way in ("tx", "rx")}
    return {
        **own, "delivered": delivered, "rx_mpps": delivered, "rx_gbps": int(counted["received_bytes"]),
        "sent": int(counted["sent_frames"]), "tx_gbps": int(counted["sent_bytes"]),
        "mirrored": int(counted["mirrored"]),
        "rx_dropped": ip.rx.dropped, "rx_missed_errors": ip.rx.missed, "tx_dropped": ip.tx.dropped,
        "broadcast": next(one.ip.vfs[name].rx.bcast for one in counters.values() if name in one.ip.vfs),
        "tx_ring": rings["tx"], "rx_ring": rings["rx"],
        "rx_ring_left": int(nic.rx_queue["slots"][first:end].sum()) - rings["rx"],
        "head_of_line.blocked_ns": int(nic.ledger.function[NUMBER_OF[name]].blocking_fs),
        "head_of_line.waited_ns": int(nic.ledger.function[NUMBER_OF[name]].waited_fs),
        **drops_of(counted["drops"], counted["mirrored_drops"]),
    }  # fmt: skip


def drops_of(drops: Any, mirrored: Any) -> dict[str, int]:
    return {
        "drops": int(drops.sum()), **{f"drops.{reason}": int(drops[DropReason[reason]]) for reason in ALL_DROPS},
        **{f"mirrored_drops.{reason}": int(mirrored[DropReason[reason]]) for reason in ALL_DROPS},
    }  # fmt: skip


def of_ports(machine: Machine, ports: range) -> dict[str, int]:
    """Return the figures of some Ethernet ports, added up."""
    nic = machine.servers[0].nic
    macs, said = nic["port"]["mac"]["counts"][ports], nic["pauses"]["port"]["counts"][ports]
    params = nic["port"]["mac"]["params"][ports]
    return {
        "dead_wires": int((params["is_down"] - params["is_silent"]).sum()),
        "wire.tx_gbps": macs["tx_bytes"].sum(), "wire.rx_gbps": macs["rx_bytes"].sum(),
        "utilization.wire.tx": macs["tx_busy_fs"].sum(), "utilization.wire.rx": macs["rx_busy_fs"].sum(),
        "rx_pkts_nic": macs["good_frames"].sum(), "rx_bytes_nic": macs["good_bytes"].sum(),
        "tx_bytes_nic": macs["tx_bytes"].sum(), "multicast": macs["multicast"].sum(),
        "broadcast": macs["broadcast"].sum(),
        "flow_control.control_frames_sent": said["sent"].sum(),
        "flow_control.control_frames_received": said["received"].sum(),
        **{f"flow_control.{name}": said[name].sum() for name in ("stops_sent", "stops_received")},
        **{
            f"{way}_flow_control_{what}": said[f"{what}_{field}"][:, 0].sum()
            for way, field in (("tx", "sent"), ("rx", "received")) for what in ("xoff", "xon")
        },
    }  # fmt: skip


def of_adapter(machine: Machine, config: Config) -> dict[str, int]:
    """Return the figures of an adapter, as results have them; work booked ahead counts as the machine has it."""
    (server,), nic = machine.servers, machine.servers[0].nic
    now, parts = take_snapshot(nic, machine.book), parts_of(nic)
    pf = counters_of([server])["pf"].ethtool
    link, totals = adapter_figures(config, Span(now.before_all(), now), None)["pcie"], now.counts.ledger
    renamed = {"offered_frames": "offered", "delivered_frames": "delivered", "dropped_frames": "dropped",
               "gbps": "delivered_bytes", "mpps": "vm_copies"}  # fmt: skip
    levels = {"wire" if name == "mac.waiting" else name: gauge for name, gauge in gauges_in(parts).items()}
    return {
        **of_ports(machine, range(config.port.count)), **pf, **drops_of(totals.drops, totals.mirrored_drops),
        **{f"totals.{name}": totals[name] for name in COUNTERS},
        **{f"totals.{name}": totals[field] for name, field in renamed.items()},
        **{f"queues.{name}": int(gauge["level"]) for name, gauge in levels.items()},
        "queues.tags": config.pcie.tags - int(nic.pcie[0].tags.n_free),
        **{f"stalls_ns.{name}": int(parts["ledger"].stalls[name].total_fs) for name in ("tags", "descriptors")},
        **{
            f"stalls_ns.credits_{name}": int(parts["ledger"].stalls[f"{name}_credits"].total_fs)
            for name in ("posted", "non_posted", "completion")
        },
        **{
            f"pcie.{way}.bytes.{name}": getattr(getattr(link, way).bytes, name)
            for way in ("up", "down") for name in LinkBytes.__dataclass_fields__
        },
        **{f"utilization.pcie.{way}": int(parts[way].busy_fs) for way in ("up", "down")},
        "utilization.nic.pipeline": int(parts["adapter"].pipeline_busy_fs),
        "utilization.nic.store": int(parts["adapter"].store_busy_fs),
        "utilization.host.drain": int(parts["pcie"].drain_busy_fs),
        "cpu.cores_busy": int(nic["guests"]["core"]["counts"]["busy_fs"].sum()),
        "cpu.stalls.lost": int(parts["ledger"].lost_in_stalls),
        "iotlb.hits": int(parts["translation"].hits), "iotlb.misses": int(parts["translation"].misses),
    }  # fmt: skip


def figures_of(machine: Machine, config: Config, of: str) -> Values:
    if of in NUMBER_OF:
        return of_function(machine, of)
    return of_ports(machine, range(int(of[1:]), int(of[1:]) + 1)) if of else of_adapter(machine, config)


def value_in_words(machine: Machine, config: Config, figure: Figure, of: str) -> int:
    """Return what a watch would add up."""
    servers = servers_of(config)
    values = watch_values(servers, place_of(servers, of), Watched(figure, of, is_below=False, number=1), 0)
    words = machine.state.view(np.int64)
    terms = (values[at : at + TERM_WORDS] for at in range(N_SAID, len(values), TERM_WORDS))
    return sum(factor * int(words[word + stride * np.arange(n)].sum()) for word, n, stride, factor in terms)


RECORDS = ("totals", "wire", "iotlb", "stalls_ns", "pcie.up.bytes", "pcie.down.bytes")


@pytest.mark.parametrize("name", MACHINES)
def test_results_add_up_the_same_words_as_a_watch(name: str) -> None:
    """Those of a record that is copied, and of the same server."""
    config = config_of(name)
    machine, moved = made(config), set()
    machine.advance(23 * US, NEVER)
    nic, overhead = machine.servers[0].nic, tlp_overhead_of(config.pcie)
    counts, functions = Counts(nic).copy(), nic["ledger"]["function"]
    for record in RECORDS:
        for field, row in rows_of(record).items():
            found = int(amount_of(row, counts, functions, overhead).sum())
            assert found == value_in_words(machine, config, row, ""), row.name
            moved |= {(record, field)} if found else set()
    for row in rows_of("vms").values():
        by_function = amount_of(row, counts, functions).tolist()
        for of in OF[FUNCTION]:
            assert by_function[NUMBER_OF[of]] == value_in_words(machine, config, row, of), (row.name, of)
    assert len(moved) >= 15


@pytest.mark.parametrize("name", MACHINES)
def test_the_words_of_each_figure_are_what_results_have(name: str) -> None:
    config = config_of(name)
    machine, moved = made(config), set()
    for at_fs in (0, 7 * US, 23 * US, END):
        machine.advance(at_fs, NEVER)
        expected = {of: figures_of(machine, config, of) for of in ("", *OF[FUNCTION], *filter(None, config.port.names))}
        for (kind, figure), row in FIGURES.items():
            if row.needs and not has(row, config):
                continue
            for of in OF[kind] if kind != PORT else ("", *filter(None, config.port.names)):
                found = value_in_words(machine, config, row, of)
                assert found == expected[of][figure], (figure, of)
                moved |= {figure} if found else set()
    assert len(moved) >= 50


# What is watched in the drawn conditions: of which machine, whose, and which figure.
DRAWN = [
    *(("that loses", "vf1", name) for name in ("delivered", "drops", "drops.NO_DESCRIPTOR", "rx_bytes", "rx_gbps",
                                               "tx_ring", "rx_ring", "rx_ring_left", "mirrored", "tx_queue_1_packets")),
    *(("that loses", "", name) for name in ("queues.tags", "queues.tx_buffer", "totals.offered_frames", "iotlb.misses",
                                            "pcie.up.bytes.payload", "utilization.pcie.down", "wire.rx_gbps")),
    *(("that stops", "p1", name) for name in ("wire.rx_gbps", "flow_control.control_frames_sent", "rx_pkts_nic")),
    *(("that stops", "", name) for name in ("queues.wire", "queues.rx_buffer", "cpu.cores_busy", "wire.tx_gbps")),
    ("that stops", "vf3", "tx_packets"),
]  # fmt: skip
LAST = 80 * US  # of the runs by hand: some go on behind their end, to end as a batch does


class Course(NamedTuple):
    """What a figure was after each instant of a run without events."""

    times: list[int]
    values: list[int]

    def at(self, at_fs: int) -> int:
        return self.values[bisect_right(self.times, at_fs) - 1]

    def before(self, at_fs: int) -> int:
        return self.at(at_fs - 1) if at_fs > 0 else 0


@cache
def courses(name: str) -> dict[tuple[str, str], Course]:
    """Step a machine from instant to instant, and note what each figure is."""
    config = config_of(name)
    machine, wanted = made(config), [(of, figure) for which, of, figure in DRAWN if which == name]
    rows = {(of, figure): row_of(of, figure) for of, figure in wanted}
    times: list[int] = []
    values: dict[tuple[str, str], list[int]] = {each: [] for each in wanted}
    machine.advance(0, NEVER)
    while machine.now_fs < LAST:
        times.append(machine.now_fs)
        for each, row in rows.items():
            values[each].append(value_in_words(machine, config, row, each[0]))
        machine.advance(LAST, 1)
    assert all(later > at for at, later in pairwise(times))
    return {each: Course(times, values[each]) for each in wanted}


def row_of(of: str, figure: str) -> Figure:
    kinds = (FUNCTION,) if of in NUMBER_OF else (PORT,) if of else (ADAPTER, PORT)
    return next(FIGURES[kind, figure] for kind in kinds if (kind, figure) in FIGURES)


def first_by_hand(course: Course, row: Figure, what: Mapping[str, int]) -> int | None:
    """Return the first instant after which a condition is true, by its definition in docs/datapath/commands.md."""
    from_fs, within_fs, above, below = (what.get(name) for name in ("from", "within", "above", "below"))
    assert from_fs is not None
    later = [from_fs, *(at for at in course.times if at > from_fs)]
    if row.is_level:
        found = ((at, course.at(at)) for at in later)
    elif within_fs is None:
        found = ((at, course.at(at) - course.before(from_fs)) for at in later)
    elif above is not None:
        found = (
            (at, course.at(at) - (course.at(at - within_fs) if at - within_fs >= from_fs else course.before(from_fs)))
            for at in later
        )
    else:
        moments = sorted({at for one in later for at in (one, one + within_fs) if at >= from_fs + within_fs})
        found = ((at, course.at(at) - course.at(at - within_fs)) for at in moments if at <= LAST)
    return next((at for at, value in found if (value > above if above is not None else value < (below or 0))), None)


def draw(chance: Random) -> tuple[str, str, str, dict[str, int]]:
    """Draw a condition that may come true: what it compares with is near to what the figure once is."""
    machine, of, figure = chance.choice(DRAWN)
    row, course = row_of(of, figure), courses(machine)[of, figure]
    begins = (0, chance.randrange(40 * US), chance.choice(course.times[:-1000]))
    what = {"from": 0 if "pcie" in figure else chance.choice(begins)}
    # Of what passes a link, more may be known at an instant at which nothing else happens.
    side = "above" if "pcie" in figure else chance.choice(("above", "below"))
    if not row.is_level and (side == "below" or chance.random() < 0.7 or not row.unit.amount):
        what["within"] = chance.choice((chance.randrange(NS, 30 * US), chance.randrange(NS, 3 * US)))
    at_fs = chance.randrange(what["from"], 55 * US)
    since_fs = max(what["from"], at_fs - what.get("within", at_fs))
    near = course.at(at_fs) - (0 if row.is_level else course.at(since_fs))
    what[side] = max(1, near + chance.choice((-1, 0, 0, 1, -near // 3)))
    return machine, of, figure, what


def as_typed(row: Figure, what: Mapping[str, int]) -> dict[str, Any]:
    """Write a condition as a file has it; of a rate alone, one with the number as its whole part, or the next one."""
    found: dict[str, Any] = {name: format_time_fs(what[name]) for name in ("from", "within") if name in what}
    side = "above" if "above" in what else "below"
    number, amount = what[side], row.unit.amount
    if amount:
        return {**found, side: {"count": int, "bytes": format_bytes, "time": format_time_fs}[amount](number)}
    is_bits = row.unit.rate == "bits"
    rate = Fraction(number * FS_PER_S * (8 if is_bits else 1), what["within"])
    return {**found, side: f"{ceil(rate) if side == 'above' else floor(rate)}{'bps' if is_bits else 'pps'}"}


def came_true(config: Config) -> int | None:
    """Run a scenario with one event; return when what it waits for was true, 1 fs before it happened."""
    play = play_of(config)
    run = Run(play.scene.first, play.workload, silent, changes=play.planned, counts_rings=True, reacts=play.reacts)
    run.begin(play)
    for _ in run.pieces():
        pass
    (event,) = play.config.scenario
    return None if event.time_fs is None else event.time_fs - 1


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.randoms(use_true_random=False))
def test_a_condition_comes_true_at_the_instant_found_by_hand(chance: Random) -> None:
    machine, of, figure, what = draw(chance)
    row = row_of(of, figure)
    when = {"figure": figure, **({"of": of} if of else {}), **as_typed(row, what)}
    expected = first_by_hand(courses(machine)[of, figure], row, what)
    config = config_from_mapping({**merged(BASE, MACHINES[machine]), "scenario": [{"when": when, "set": CHANGED}]})
    number = watched_by(config.scenario[0].when, config).number
    assert number == what["above" if "above" in what else "below"]
    found = came_true(config)
    if found is not None or (expected is not None and expected <= 50 * US):
        assert found == expected, when


GAP_NS, RATE_NS = 3000, 20_000


def first_gap(times: list[int]) -> int:
    """Return when nothing has come for so long for the first time, behind the last frame before; in ns."""
    return next(at + GAP_NS for at, later in pairwise([0, *times]) if later - at > GAP_NS)


def first_burst(times: list[int]) -> int:
    """Return when more than 12 frames have come in so long for the first time, in ns."""
    return next(times[at] for at in range(12, len(times)) if times[at] - times[at - 12] < RATE_NS)


# Of frames to b.vf2, in a system of two servers: what is waited for, and when it is true by the times of a capture.
OF_A_SYSTEM: dict[str, tuple[dict[str, Any], Callable[[list[int]], int]]] = {
    "silence": ({"figure": "delivered", "below": 1, "within": f"{GAP_NS}ns"}, first_gap),
    "a rate": ({"figure": "rx_mpps", "above": "0.6Mpps", "within": f"{RATE_NS}ns"}, first_burst),
    "a count": ({"figure": "rx_packets", "above": 9}, lambda times: times[9]),
}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", OF_A_SYSTEM)
def test_in_a_system_it_is_true_as_a_capture_says(tmp_path: Path, name: str, threads: int) -> None:
    when, expected = OF_A_SYSTEM[name]
    base = merged(merged(BASE, BRIDGE), {"workload": {"arrivals": "poisson", "load": "1Gbps"}})
    event = {"when": {"of": "b.vf2", **when}, "set": {"servers.b.set.pcie.max_read_request": "256B"}}
    found = simulate(config_from_mapping({**base, "scenario": [event]}), threads=threads)
    plain, pcap = config_from_mapping(base), tmp_path / "all.pcap"
    simulate(plain, pcap_path=str(pcap))
    (address,) = (
        port.macs[0].to_bytes(6, "big") for server in servers_of(plain) for port in server.config.switch.ports
        if server.station(port.name) == "b.vf2"
    )  # fmt: skip
    with RawPcapReader(str(pcap)) as reader:
        times = [about.sec * 10**9 + about.usec for data, about in reader if data[:6] == address]
    assert found.series is not None and found.series.events[0].at_ns is not None
    assert int(found.series.events[0].at_ns) == expected(times)


@pytest.mark.parametrize("from_us", [0, 7])
def test_of_a_server_at_which_nothing_happens_it_is_true_as_its_time_is_over(from_us: int) -> None:
    """The other one is busy meanwhile."""
    when = {"of": "b.vf2", "figure": "delivered", "below": 1, "within": "5us", "from": f"{from_us}us"}
    event = {"when": when, "set": {"servers.b.set.pcie.max_read_request": "256B"}}
    load = {"workload": {"pattern": "flows", "flows": [["a.vf0", "a.vf1", "2Gbps"]]}}
    result = simulate(config_from_mapping({**merged(BASE, BRIDGE, load), "scenario": [event]}))
    assert result.series is not None
    assert result.series.events[0].at_ns == pytest.approx(from_us * 1000 + 5000.000001, abs=1e-9)


@pytest.mark.parametrize(("when", "told"), [
    ({"of": "vf1", "figure": "drops.NO_DESCRIPTOR", "above": 1000, "within": "1ms"},
     "vf1 had dropped more than 1,000 frames for want of a descriptor within 1.00 ms"),
    ({"of": "vf1", "figure": "rx_gbps", "below": "2Gbps", "within": "10us"},
     "vf1 had received at less than 2Gbps over 10.0 us"),
    ({"figure": "utilization.pcie.up", "above": "90%", "within": "10us"},
     "the adapter had kept its link up busy for more than 90% of the time over 10.0 us"),
    ({"figure": "queues.rx_buffer", "above": "64KiB", "from": "1ms"},
     "the adapter held more than 64KiB in its Rx buffer, looked at from 1.00 ms on"),
    ({"of": "pf", "figure": "tx_packets", "below": 1, "within": "1us"},
     "pf had sent fewer than 1 frame within 1.00 us, as its driver counts them"),
])  # fmt: skip
def test_what_is_waited_for_in_words(when: dict[str, Any], told: str) -> None:
    config = config_from_mapping(
        {**merged(BASE, {"run": {"duration": "5ms"}}), "scenario": [{"when": when, "set": CHANGED}]}
    )
    condition = config.scenario[0].when
    assert condition is not None
    what, from_ns = watched_by(condition, config), condition.begins_fs / NS
    assert figure_text(what, condition.amount, from_ns, was_true=True) == told
    never = figure_text(what, condition.amount, from_ns, was_true=False)
    assert " had never " in never and never.endswith(told.replace(", looked at", "").partition(" than ")[2])
