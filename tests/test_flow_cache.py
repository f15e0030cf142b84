"""The flow cache of a virtual switch: hits as an LRU has them, what stages cost, by hand; what is refused."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from typing import Any

import numpy as np
import pytest

from hwmodel import Result, limits, simulate
from hwmodel.analytic.virtual_switch import stage_shares
from hwmodel.compiled.far_tables import give
from hwmodel.config import Config, config_from_mapping
from hwmodel.config.virtual_switch import MOST_ENTRIES, MOST_MISS_CORES, MOST_SWITCH_CORES, MOST_WAITING
from hwmodel.config.workload import MOST_CONNECTIONS
from hwmodel.errors import InputError
from hwmodel.machine.switch import flow_cache_state
from hwmodel.machine.virtual_switch import virtual_switch_state
from hwmodel.report import render_page
from hwmodel.results import FlowCacheUse, check_balance
from hwmodel.results.virtual_switch_text import flow_cache_sentence
from hwmodel.simulation.figures.part_snapshots import COUNTED
from hwmodel.simulation.fill.nic_state import build_state
from hwmodel.simulation.fill.virtual_switch import number_connections
from hwmodel.workload import build_workload
from hwmodel.workload.headers import connections_of_header
from tests.config_cases import complaints
from tests.oracles.simpy_nic.chances import xorshift128
from tests.oracles.simpy_nic.sources import Source
from tests.simpy_sources import sources_of

CACHE = "host.virtual_switch.flow_cache"
BASE = {
    "nic": {"mode": "vswitch", "vfs": 2},
    "host": {"virtual_switch": {"pass_by": "pointer", "flow_cache": {}}},
    "driver": {"frame_time": "100ns"},
    "workload": {"pattern": "flows", "flows": [["vf0", "vf1"]], "frame_bytes": 64, "load": "saturate"},
    "run": {"duration": "4ms", "warmup": "0ns", "clocks": "exact"},
}
MANY = (1, 100, 10_000, 1_000_000)


def config_of(changes: dict[str, Any]) -> Config:
    return config_from_mapping(BASE, changes)


def run(changes: dict[str, Any]) -> Result:
    result = simulate(config_of(changes))
    assert check_balance(result) == []
    return result


# ---- Hits: an LRU apart, of the same connections in the same order ----


def connections_sent(config: Config) -> Iterator[tuple[bytes, int]]:
    """Draw the connections of a sender's frames (docs/datapath/virtual_switch.md): the header, and which of its own."""
    (parameters,) = sources_of(config, build_workload(config), [], {"vf0": 2, "vf1": 3})
    source, n = Source(parameters), config.workload.connections
    first, *others = (int(word) for word in np.random.SeedSequence([config.run.seed, 1 << 21]).generate_state(4))
    words = xorshift128((first | 1, *others))
    n_headers = len(parameters.headers)
    place = {header: at for at, (_, header) in parameters.headers.items()}
    while True:
        header = source.take().header
        n_here = n // n_headers + (place[header] < n % n_headers)
        yield header, next(words) * n_here // 2**32 if n_here > 1 else 0


class Recent:
    """An LRU of so many keys."""

    def __init__(self, room: int) -> None:
        self.room, self.keys = room, OrderedDict[Any, None]()

    def __contains__(self, key: Any) -> bool:
        if key not in self.keys:
            return False
        self.keys.move_to_end(key)
        return True

    def add(self, key: Any) -> None:
        self.keys[key] = None
        self.keys.move_to_end(key)
        if len(self.keys) > self.room:
            self.keys.popitem(last=False)


def hits_of(config: Config, n_frames: int) -> Counter[str]:
    """Count in which stage an LRU finds the first frames' connections, where nobody is sent aside."""
    own = config.host.virtual_switch.flow_cache
    exact, wildcards, found = Recent(own.exact_entries), Recent(own.wildcard_entries), Counter[str]()
    for flow in islice(connections_sent(config), n_frames):
        wide = flow if own.wildcard_match == "connections" else flow[0][:14]
        if flow in exact:
            found["exact_hits"] += 1
            continue
        if wide in wildcards:
            found["wildcard_hits"] += 1
        else:
            found["misses"] += 1
            wildcards.add(wide)
        exact.add(flow)
    return found


@pytest.mark.parametrize(
    ("match", "n"), [*(("connections", n) for n in MANY), *(("ends", n) for n in MANY if n <= 10_000)]
)
def test_hits_are_those_of_an_lru_apart(match: str, n: int) -> None:
    changes = {
        "workload.connections": n, f"{CACHE}.wildcard_match": match, f"{CACHE}.exact_entries": 512,
        f"{CACHE}.wildcard_entries": 2048, f"{CACHE}.miss_time": "600ns",
    }  # fmt: skip
    used = run(changes).flow_cache
    expected = hits_of(config_of(changes), used.looked_up)
    assert used.looked_up > 3000 and used.lost == 0
    assert {name: getattr(used, name) for name in ("exact_hits", "wildcard_hits", "misses")} == {
        name: expected[name] for name in ("exact_hits", "wildcard_hits", "misses")
    }
    assert used.exact_entries == min(n, 512) and used.wildcard_entries <= 2048


@pytest.mark.parametrize("n", MANY)
def test_throughput_falls_on_the_closed_forms_curve(n: int) -> None:
    """All 8192 entries of the exact match are in use after some ten thousand frames; then 8192 of n are known."""
    changes = {"workload.connections": n, "run.warmup": "10ms"}
    result, expected = run(changes), limits(config_of(changes))
    frame_ns = 400 + 100 * (1 - min(1, 8192 / n))
    assert expected.mpps == pytest.approx(1e3 / frame_ns) and expected.limited_by == "vswitch"
    assert result.totals.mpps == pytest.approx(expected.mpps, rel=0.02)
    assert result.flow_cache.exact_hits / result.flow_cache.looked_up == pytest.approx(min(1, 8192 / n), abs=0.02)
    assert result.bottleneck.resource == "vswitch"


@pytest.mark.parametrize(("exact", "wildcards", "n"), [(0, 512, 2048), (64, 512, 2048), (64, 0, 300), (64, 512, 500)])
def test_the_slow_path_is_on_the_curve(exact: int, wildcards: int, n: int) -> None:
    changes = {
        "workload.connections": n, f"{CACHE}.exact_entries": exact, f"{CACHE}.wildcard_entries": wildcards,
        f"{CACHE}.wildcard_match": "connections", f"{CACHE}.miss_time": "1us", f"{CACHE}.exact_time": "30ns",
        "run.warmup": "10ms", "run.duration": "20ms",
    }  # fmt: skip
    slow = 1 - min(1, max(exact, wildcards) / n)
    frame_ns = 400 + 30 * (exact > 0) + 100 * (1 - exact / n) * (wildcards > 0) + 1000 * slow
    expected = limits(config_of(changes))
    assert expected.mpps == pytest.approx(1e3 / frame_ns)
    assert run(changes).totals.mpps == pytest.approx(expected.mpps, rel=0.02)


def test_shares_of_stages_by_hand() -> None:
    uniform = {
        "workload.pattern": "uniform",
        "nic.vfs": 5,
        "workload.connections": 1000,
        f"{CACHE}.wildcard_entries": 9,
    }
    # A piece of 32 frames begins with no more than any sender has, and finds what it has itself entered since.
    exact, of_others = (
        1 - (1 - Fraction(held, 5 * n)) * sum((1 - Fraction(1, n)) ** k for k in range(32)) / 32
        for held, n in ((8192, 4000), (9, 4))
    )
    expected = exact, (1 - exact) * of_others, (1 - exact) * (1 - of_others), 1
    assert stage_shares(config_of(uniform)) == pytest.approx(expected, abs=1e-9)
    one = {**uniform, "workload.pattern": "flows", "workload.flows": [["vf0", "vf1"], ["vf0", "vf2"]]}
    assert stage_shares(config_of({**one, "workload.connections": 8192})).exact == Fraction(1, 2)
    # Of unequal ones vf0's may be all that is held.
    unequal = {"workload.flows": [["vf0", "vf1"], ["vf2", "vf3", "1Mpps"]], "workload.connections": 10_000}
    assert stage_shares(config_of({**one, **unequal})).exact == Fraction(8192, 10_000)
    assert stage_shares(config_of({"workload.pattern": "broadcast", "workload.connections": 9999})) == (1, 0, 0, 1)
    near = {**one, "workload.flows": [["vf0", "vf1"]], "workload.connections": 1000, f"{CACHE}.near_entries": 250}
    assert stage_shares(config_of(near)).near == Fraction(1, 4)
    slower = limits(config_of({**near, f"{CACHE}.far_time": "100ns"})).mpps
    assert 1e3 / slower - 1e3 / limits(config_of(near)).mpps == pytest.approx(75, abs=1e-6)  # ns a frame


SENDERS = {"alike": [["vf0", "vf1"], ["vf2", "vf3"]], "unequal": [["vf0", "vf1"], ["vf2", "vf3", "0.1Mpps"]]}


@pytest.mark.parametrize("flows", SENDERS)
@pytest.mark.parametrize(("entries", "n"), [(100, 100), (8, 16), (300, 200)])
def test_no_run_of_several_senders_finds_more(flows: str, entries: int, n: int) -> None:
    changes = {
        "nic.vfs": 4, "host.cores": 6, "workload.flows": SENDERS[flows], "workload.connections": n,
        f"{CACHE}.exact_entries": entries, f"{CACHE}.wildcard_time": "400ns",
        "run.warmup": "1ms", "run.duration": "8ms",
    }  # fmt: skip
    ratio = run(changes).totals.mpps / limits(config_of(changes)).mpps
    assert 0.75 < ratio < 1.003


def test_a_slow_path_that_is_asked_too_much_is_told() -> None:
    """Of 2 M frames a second none is known: 20 us for each are 40 s, of two cores 20 s each."""
    asked = {
        "host.cores": 6, f"{CACHE}.miss_cores": [4, 5], f"{CACHE}.exact_entries": 0, f"{CACHE}.wildcard_entries": 0,
        "workload.flows": [["vf0", "vf1", "2Mpps"]],
    }  # fmt: skip
    (note,) = (one for one in limits(config_of(asked)).notes if "slow path" in one)
    assert note.startswith("Misses of the flow cache ask the 2 cores of the slow path for 20.0 times what they do;")
    assert not any("slow path" in one for one in limits(config_of({**asked, f"{CACHE}.miss_time": "100ns"})).notes)
    assert not any("slow path" in one for one in limits(config_of({**asked, f"{CACHE}.miss_cores": []})).notes)


# ---- The slow path: at once, or aside ----

LIGHT = {
    "driver.preset": "dpdk", "driver.tx_doorbell_batch": 1, "workload.arrivals": "periodic",
    "workload.flows": [["vf0", "vf1", "20Kpps"]], "host.virtual_switch.batch": 1,
}  # fmt: skip


def test_a_new_flows_first_frame_pays_the_slow_path() -> None:
    """Frames come 50 us apart, so none waits for another: the first takes 400 + 100 + 20,000 ns, all others 400."""
    result = run(LIGHT)
    assert (result.flow_cache.misses, result.flow_cache.wildcard_hits) == (1, 0)
    assert result.latency_ns.max == pytest.approx(20_500, abs=1e-6)
    assert result.latency_ns.min == result.latency_ns.p50 == pytest.approx(400, abs=1e-6)
    ten = run({**LIGHT, "workload.connections": 10, f"{CACHE}.exact_time": "5ns"})
    assert (ten.flow_cache.misses, ten.flow_cache.wildcard_hits) == (1, 9)
    assert ten.latency_ns.max == pytest.approx(20_505, abs=1e-6) and ten.latency_ns.min == pytest.approx(405, abs=1e-6)


def test_frames_of_known_flows_pass_one_that_waits_aside() -> None:
    """Each 1 us a frame of one of 20 connections; those that are known wait for nobody."""
    new = {**LIGHT, "workload.connections": 20, f"{CACHE}.wildcard_match": "connections",
           "workload.flows": [["vf0", "vf1", "1Mpps"]]}  # fmt: skip
    inline, aside = (
        run(new),
        run({**new, "host.cores": 5, "host.virtual_switch.cores": [3], f"{CACHE}.miss_cores": [4]}),
    )
    assert inline.latency_ns.p50 == pytest.approx(400, rel=0.01) and inline.latency_ns.max > 100_000
    # Of 20 connections each has a first frame, and those that come before it is known go aside with it.
    assert aside.flow_cache.misses > inline.flow_cache.misses == 20
    assert aside.latency_ns.min == pytest.approx(400, abs=1e-6)
    busy = {core.core: core.busy for core in aside.cpu.cores}
    n_handled = aside.flow_cache.misses - aside.flow_cache.lost  # the last of them is in work as the window ends
    assert busy[4] == pytest.approx(n_handled * 20e3 / 4e6, rel=2 / n_handled)


@pytest.mark.parametrize(("room", "lost"), [(128, 0), (10, 31)])
def test_frames_of_a_new_flow_go_aside_until_it_is_known(room: int, lost: int) -> None:
    """One comes each 500 ns; the first is known 400 + 100 + 20,100 ns after it came: frames 0 to 41 are misses.

    Frame 41 goes aside at 21,000 ns, when the first of ten that wait has just gone on at 20,600 ns.
    """
    result = run({
        **LIGHT, "workload.flows": [["vf0", "vf1", "2Mpps"]], "host.cores": 5, "host.virtual_switch.cores": [3],
        f"{CACHE}.miss_cores": [4], f"{CACHE}.miss_time": "20100ns", f"{CACHE}.miss_queue": room,
    })  # fmt: skip
    assert (result.flow_cache.misses, result.flow_cache.lost, result.drops.get("QUEUE_FULL", 0)) == (42, lost, lost)
    assert result.latency_ns.max == pytest.approx(20_600 + (42 - lost - 1) * 20_100 - 41 * 500, abs=1e-6)


def test_several_cores_have_the_misses_of_rings_in_turn() -> None:
    changes = {
        "nic.vfs": 4, "workload.pattern": "ring", "workload.flows": [], f"{CACHE}.exact_entries": 0,
        f"{CACHE}.wildcard_entries": 0, "host.cores": 8, "host.virtual_switch.cores": [5],
        f"{CACHE}.miss_cores": [6, 7], "workload.load": "10Kpps", "workload.arrivals": "periodic",
    }  # fmt: skip
    busy = {core.core: core.busy for core in run(changes).cpu.cores}
    assert busy[6] == busy[7] == pytest.approx(2 * 10e3 * 20e-6, rel=0.05)


def test_a_full_slow_path_is_what_limits() -> None:
    result = run({f"{CACHE}.exact_entries": 0, f"{CACHE}.wildcard_entries": 0})
    assert result.totals.mpps == pytest.approx(1e3 / 20_400, rel=0.05) and result.bottleneck.resource == "vswitch"
    assert f"{CACHE}.miss_time" in result.bottleneck.keys


# ---- Connections, words, refusals ----


def test_there_is_room_for_what_a_configuration_may_ask_for() -> None:
    assert max(MOST_ENTRIES, MOST_CONNECTIONS) <= flow_cache_state.MAX_CACHED_FLOWS
    assert flow_cache_state.MAX_MISS_CORES >= MOST_MISS_CORES and virtual_switch_state.ASIDE_CAP >= MOST_WAITING
    assert flow_cache_state.MAX_SWITCH_CORES >= MOST_SWITCH_CORES and len(COUNTED) == 4


@pytest.mark.parametrize("n", [1, 16384, 16385, 50_000, 1 << 20])
def test_headers_have_all_connections_between_them(n: int) -> None:
    counts = [connections_of_header(n, number) for number in range(min(n, 16384))]
    assert sum(counts) == n and max(counts) - min(counts) <= 1


def test_headers_that_stand_for_more_connections_have_more_frames() -> None:
    config = config_of({"workload.connections": 16384 + 4096})
    table = build_workload(config).sources[0].target_table
    weights = Counter[int]()
    for threshold, value, other in zip(table.threshold, table.value, table.alias, strict=True):
        weights[int(value)] += int(threshold)
        weights[int(table.value[other])] += 2**32 - int(threshold)
    assert weights[0] == pytest.approx(2 * weights[16383], rel=1e-6)


@pytest.mark.usefixtures("no_figures")
def test_what_is_said_of_it() -> None:
    used = FlowCacheUse(exact_hits=70, wildcard_hits=20, misses=10, lost=3, exact_entries=9, wildcard_entries=1)
    assert flow_cache_sentence(used) == (
        "Flow cache, of 100 frames in the window: 70.0 % known by exact match, 20.0 % with wildcards, 10.0 % for the "
        "slow path (10 frames, 3 of them dropped since too many waited)."
    )
    result = run({"workload.connections": 100})
    assert "Flow cache, of " in result.summary() and "Flow cache, of " in result.summary(verbose=True)
    assert "Flow cache, of " in render_page([result], ["a run"])
    assert result.to_mapping()["flow_cache"]["exact_entries"] == 100
    assert "flow_cache" not in run({"host.virtual_switch.flow_cache": None}).to_mapping()


REFUSED = {
    "nic: {mode: vswitch}\nworkload: {connections: 20000}": [
        "workload.connections: more than 16384 connections between two stations are told apart by a flow cache alone"],
    "nic: {mode: vswitch}\nhost: {cores: 4, virtual_switch: {cores: [3], flow_cache: {miss_cores: [4]}}}": [
        "host.virtual_switch.flow_cache.miss_cores.0: there is no core 4; host.cores is 4, from 0 on"],
    "nic: {mode: vswitch}\nhost: {virtual_switch: {flow_cache: {miss_queue: 0}}}": [
        "host.virtual_switch.flow_cache.miss_queue: 0 is out of range; 1 to 1024"],
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_what_it_has_not_is_refused_in_a_line(text: str) -> None:
    assert [line.split(": ", 1)[1] for line in complaints(text)] == REFUSED[text]


def test_more_connections_than_it_tells_apart_are_refused_in_a_line() -> None:
    with pytest.raises(InputError, match=r"workload\.connections: 2,000,000 connections beside a flow cache; "):
        run({"workload.pattern": "pairs", "workload.flows": [], "workload.connections": 1_000_000})


# ---- How connections are numbered ----


def test_connections_are_numbered_header_by_header_and_pairs_of_ends_apart() -> None:
    """Two flows of three connections each: six numbers, two pairs of ends, and room for all in each table."""
    flows = {"workload.flows": [["vf0", "vf1"], ["vf1", "vf0"]], "workload.connections": 3}
    config = config_of(flows)
    cache, templates = build_state(config, 1)[0].virtual_switch.flow_cache, build_workload(config).templates
    give(cache.header, len(templates))
    number_connections(cache, config, templates, np.arange(1, 5, dtype=np.int64))
    rows = cache["header"][: len(templates)]
    firsts, sizes = rows["first"].tolist(), rows["n"].tolist()
    assert sum(sizes) == 6 and firsts == [sum(sizes[:at]) for at in range(len(sizes))]
    assert len(set(rows["ends"].tolist())) == 2
    assert all(len(held.entry) == 7 for held in (cache.near, cache.exact, cache.wildcard))
