"""Writes to peers behind PCIe switches: beside the SimPy model to the femtosecond, beside the closed form, refusals."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hwmodel.analytic.dma import Writers, peer_limits
from hwmodel.cli import main
from hwmodel.config import Config, config_from_mapping, servers_of
from hwmodel.errors import InputError
from hwmodel.machine.peer_writes import run_writes
from hwmodel.simulation.run.dma import idle_writers, peer_writes, run_to
from hwmodel.words.link_alone import peer_table
from tests.beside_simpy import parameters_of
from tests.drawn_trees import NAMES, draw_tree
from tests.oracles.simpy_system.peer_writes import Moment, PeerWriter, PeerWrites
from tests.pcie_trees_for_simpy import trees_of
from tests.seeds import seeds

ROOT = Path(__file__).resolve().parent.parent
US_FS, NS_FS = 10**9, 10**6
LINK = {"generation": 2, "lanes": 8}


def config_of(names: str, tree: dict[str, Any], sets: dict[str, Any] | None = None, **keys: Any) -> Config:
    adapters = [{"name": name, "set": (sets or {}).get(name, {})} for name in names]
    server = {"name": "a", "adapters": adapters, "tree": tree}
    base = {"nic": {"vfs": 2}, "pcie": LINK, "bridge": {}, "servers": [server], "run": {"clocks": "exact"}}
    return config_from_mapping(base | keys)


def draw(seed: int) -> tuple[Config, list[tuple[str, str]], int, bool, bool]:
    """Draw a tree, who writes to whom, the transfer size, whether it is redirected, whether others write."""
    rng = random.Random(seed)
    while True:
        names = NAMES[: rng.choice((2, 3, 4))]
        tree = draw_tree(rng, names, 256)
        tops = {name: _top(tree, name) for name in names}
        pairs = [(x, y) for x in names for y in names if x != y and tops[x] == tops[y] != "root"]
        if pairs:
            break
    chosen: dict[str, str] = {}
    for _ in range(rng.choice((1, 1, 2, 3))):
        chosen.setdefault(*rng.choice(pairs))
    pcie = {
        "max_payload": "256B", "dllp_model": rng.choice(("none", "tlp4", "tlp1")),
        "credits": rng.choice(({}, {"ph": rng.choice((1, 3, 9)), "pd": rng.choice((16, 40)), "return": "90ns"})),
    }  # fmt: skip
    sets = {
        name: {"pcie.lanes": rng.choice((1, 2, 4, 8)), "pcie.generation": rng.choice((1, 2, 3)),
               "pcie.propagation": f"{rng.choice((0, 0, rng.randrange(9000)))}ps"}
        for name in names
    }  # fmt: skip
    drain = {"host": {"write_drain": rng.choice((None, None, "7Gbps")), "buffer_offset": rng.choice(("0B", "36B"))}}
    config = config_of(names, tree, sets, pcie=LINK | pcie, **drain)
    peers = [(f"a.{x}", f"a.{y}") for x, y in chosen.items()]
    return config, peers, rng.choice((1, 64, 100, 256, 700, 1500)), rng.random() < 0.5, rng.random() < 0.5


def _top(tree: dict[str, Any], name: str) -> str:
    behind = {one["name"]: one["behind"] for one in tree["switches"]}
    at = tree["slots"][name]["behind"]
    while at != "root" and behind[at] != "root":
        at = behind[at]
    return at


def moments_of(state: Any, writers: Writers) -> tuple[dict[str, Moment], dict[str, tuple[int, int]]]:
    found = {}
    for at, (name, nic) in enumerate(zip(state.names, state.servers, strict=True)):
        pcie = nic.pcie[0]
        sums = [(int(way.counts.n_tlps.sum()), int(way.counts.n_bytes.sum()), int(way.counts.busy_fs))
                for way in (pcie.up, pcie.down)]  # fmt: skip
        came = int(nic.dma.writes_done * nic.dma.params.n_bytes)
        if name in writers.peer_of:
            came = int(state.servers[state.names.index(writers.peer_of[name])].dma.came_bytes[at])
        found[name] = Moment(*sums, came)
    trees = state.system[0].trees
    return found, {one.name: tuple(int(trees.switch[one.number][way].counts.n_bytes) for way in ("up", "down"))
                   for one in state.pcie_switches}  # fmt: skip


def both(seed: int, times: list[int], fault: Callable[[Any], None] | None = None) -> list[tuple[Any, Any]]:
    """Run engine, with a fault if there is one, and model to each of some times; return what each says there."""
    config, peers, n_bytes, by_root, with_others = draw(seed)
    writers = Writers.of(config, peers, with_others=with_others)
    state = idle_writers(config, writers, n_bytes, by_root)
    if fault is not None:
        fault(state)
    given = {
        name: PeerWriter(writers.peer_of.get(name), n_bytes, config.host.buffer_offset_bytes,
                         max(2, int(state.servers[state.names.index(name)].params.rx_writes)))
        for name in writers.names
    }  # fmt: skip
    adapters = {one.name: parameters_of(one.config) for one in servers_of(config)}
    model = PeerWrites(trees_of(config)[0], adapters, given, by_root=by_root)
    found = []
    for at_fs in times:
        run_to(state, at_fs)
        found.append((moments_of(state, writers), model.moments(at_fs)))
    return found


def times_of(seed: int) -> list[int]:
    rng = random.Random(~seed)
    return sorted(rng.randrange(30 * US_FS) for _ in range(40))


@pytest.mark.parametrize("seed", seeds(20, 20, 300))
def test_a_drawn_tree_carries_the_same_at_any_time(seed: int) -> None:
    compared = both(seed, times_of(seed))
    for (own, own_links), (other, other_links) in compared:
        assert own == other
        assert own_links == other_links
    assert sum(one.up[0] for one in compared[-1][0][0].values()) > 20


# Prints what engine and model say of seeds, which between them take each way.
INTERPRETED = (
    "from tests.test_peer_writes import engine_at; print([engine_at(seed, 4 * 10**9) for seed in (2, 4, 5, 8)])"
)


def engine_at(seed: int, at_fs: int) -> Any:
    return both(seed, [at_fs])[0][0]


def test_compiled_and_interpreted_runs_agree() -> None:
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run([sys.executable, "-c", INTERPRETED], capture_output=True, text=True, check=True, cwd=ROOT,
                          env=environment)  # fmt: skip
    assert done.stdout.strip() == str([engine_at(seed, 4 * US_FS) for seed in (2, 4, 5, 8)])
    assert {draw(seed)[3] for seed in (2, 4, 5, 8)} == {False, True}


def of_switches(name: str, value: int) -> Callable[[Any], None]:
    """Give all switches a parameter, and let servers run ahead of them as little as it may take."""

    def change(state: Any) -> None:
        trees = state.system[0].trees
        trees["switch"]["params"][name].fill(value)
        trees.ahead_fs = NS_FS

    return change


def grant_nothing_down(state: Any) -> None:
    state.system[0].trees["switch"]["down"]["credits"]["params"].fill(0)


def swap_ways(state: Any) -> None:
    for nic in state.servers:
        to = nic.pcie[0].tree.params
        to.writes_to = {0: 0, 1: 2, 2: 1}[int(to.writes_to)]


def root_grants_all(state: Any) -> None:
    state.system[0].trees["switch"]["up"]["credits"]["params"].fill(0)


# What is done wrong to a state; some of the seeds show each.
FAULTS: dict[str, Callable[[Any], None]] = {
    "no credits for what goes down": grant_nothing_down,
    "credits back at once": of_switches("return_fs", 0),
    "another latency": of_switches("latency_fs", 7 * NS_FS),
    "the other way": swap_ways,
    "a root port that grants all": root_grants_all,
    "no Acks": of_switches("dllp_period", 0),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_shows(name: str) -> None:
    for seed in range(12):
        compared = both(seed, times_of(seed)[::8], FAULTS[name])
        if any(own != other for own, other in compared):
            return
    pytest.fail("no seed shows it")


# Of adapters of Gen2 x8, 31.917 Gb/s each way: who writes to whom; what each gets of 256 B, direct and over the root.
ONE = {"switches": [{"name": "s1", "lanes": 4}], "slots": {name: {"behind": "s1"} for name in "xy"}}
THREE = {"switches": [{"name": "s1", "lanes": 8}], "slots": {name: {"behind": "s1"} for name in "xyz"}}
SLOW = {**THREE, "slots": {"x": {"behind": "s1"}, "y": {"behind": "s1", "lanes": 1}, "z": {"behind": "s1"}}}
BY_HAND = [
    # 280 B a TLP; the link of four lanes carries both ways, with 4 B for each TLP of the other way.
    ("xy", ONE, [("x", "y")], False, {"x": 31.917 * 256 / 280}, {"x": 15.958 * 256 / 284}),
    # y writes to the host meanwhile: direct beside it, on all of the shared link; redirected each has half.
    ("xy", ONE, [("x", "y")], True, {"x": 28.973, "y": 15.958 * 256 / 280}, {"x": 7.244, "y": 7.244}),
    # Three in a ring share the link above three times.
    ("xyz", THREE, [("x", "y"), ("y", "z"), ("z", "x")], False, dict.fromkeys("xyz", 31.917 * 256 / 284),
     dict.fromkeys("xyz", 31.917 * 256 / 284 / 3)),
    # A slow peer: over the root its writes stand in front of all others'.
    ("xyz", SLOW, [("x", "y")], True, {"x": 3.596, "y": 3.596, "z": 25.585}, dict.fromkeys("xyz", 3.596)),
]  # fmt: skip


@pytest.mark.parametrize(("names", "tree", "pairs", "others", "direct", "redirected"), BY_HAND)
def test_rates_by_hand(
    names: str, tree: Any, pairs: Any, others: bool, direct: dict[str, float], redirected: dict[str, float]
) -> None:
    rows = peer_writes(config_of(names, tree), [(f"a.{x}", f"a.{y}") for x, y in pairs], [256], with_others=others)
    for row, expected in zip(rows, (direct, redirected), strict=True):
        for figures in (row["gbps"], row["limit_gbps"]):
            assert figures == pytest.approx({f"a.{name}": gbps for name, gbps in expected.items()}, rel=3e-3)
    direct_share, redirected_share = (row["link_shares"]["a.s1.down"] for row in rows)
    assert direct_share == pytest.approx(4 / 1538)  # an idle link sends SKP, as in the figures of a run
    assert redirected_share > 2 * direct_share


def test_a_weight_and_a_switch_below_another() -> None:
    tree = {
        "switches": [{"name": "s1", "lanes": 4}, {"name": "s2", "behind": "s1", "lanes": 8, "weight": 3}],
        "slots": {"w": {"behind": "s2"}, "x": {"behind": "s2", "weight": 2}, "y": {"behind": "s1"}},
    }
    config = config_of("wxy", tree)
    for peers in ([("a.w", "a.y"), ("a.x", "a.y")], [("a.w", "a.x")], [("a.y", "a.w")]):
        for row in peer_writes(config, peers, [64, 700], with_others=True):
            assert row["gbps"] == pytest.approx(row["limit_gbps"], rel=0.01)


TWO_ROOTS = {"switches": [{"name": "s1"}, {"name": "s2"}], "slots": {"x": {"behind": "s1"}, "y": {"behind": "s2"}}}


@pytest.mark.parametrize(
    ("tree", "peers", "line"),
    [
        (ONE, ["a.x=a.x"], "--peer: a.x writes to itself, which takes no link of a switch"),
        (ONE, ["a.x=a.q"], "--peer: no adapter behind a PCIe switch is called a.q (did you mean a.y?)"),
        (ONE, ["a.x=host"], "--peer: no adapter behind a PCIe switch is called host (a.x, a.y)"),
        (ONE, ["a.x"], "--peer: 'a.x' is no pair of adapters (a.x=a.y)"),
        (ONE, ["a.x=a.y=a.x"], "--peer: 'a.x=a.y=a.x' is no pair of adapters (a.x=a.y)"),
        (TWO_ROOTS, ["a.x=a.y"], "--peer: a.x and a.y are behind different root ports"),
        ({"slots": {"x": {}, "y": {}}}, ["a.x=a.y"],
         "--peer: no adapter behind a PCIe switch is called a.x: there is none (servers.NAME.tree)"),
    ],
)  # fmt: skip
def test_what_is_refused(tree: Any, peers: list[str], line: str, tmp_path: Any, capsys: Any) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps({"nic": {"vfs": 2}, "bridge": {}, "servers": [
        {"name": "a", "adapters": [{"name": "x"}, {"name": "y"}], "tree": tree}]}), encoding="utf-8")  # fmt: skip
    assert main(["dma", str(path), *(word for one in peers for word in ("--peer", one))]) == 2
    assert [one for one in capsys.readouterr().err.splitlines() if "compil" not in one] == [line]


def test_an_adapter_writes_to_one_peer() -> None:
    with pytest.raises(InputError, match=r"^--peer: a.x writes to a.y and to a.z: an adapter writes to one peer$"):
        Writers.of(config_of("xyz", THREE), [("a.x", "a.y"), ("a.x", "a.z")], with_others=False)


@pytest.mark.parametrize(
    ("keys", "key"),
    [({"nic": {"vfs": 2, "dma": {}}}, "servers.a.adapters.x.set.nic.dma"),
     ({"host": {"iotlb": {"entries": 64, "miss": "300ns"}}}, "servers.a.set.host.iotlb")],
)  # fmt: skip
def test_what_the_run_does_not_know_is_refused(keys: dict[str, Any], key: str) -> None:
    with pytest.raises(InputError, match=rf"^--peer: writes to peers are counted without {key}$"):
        Writers.of(config_of("xy", ONE, **keys), [("a.x", "a.y")], with_others=False)


def test_an_adapter_sends_as_many_as_its_switch_has_room_for() -> None:
    config = config_of("xy", ONE)
    writers = Writers.of(config, [("a.x", "a.y")], with_others=False)
    state = idle_writers(config, writers, 256, True)
    state.system[0].trees["switch"]["params"]["return_fs"].fill(10 * US_FS)
    assert run_writes(state.system, state.servers, 5 * US_FS) == 0
    # 64 headers, or 512 credits of 16 B for 32 TLPs of 256 B.
    assert int(state.servers[0].pcie[0].up.counts.n_tlps.sum()) == 32


def test_the_command_prints_a_line_for_each_size_and_way(tmp_path: Any, capsys: Any) -> None:
    path, found = tmp_path / "c.json", tmp_path / "rows.json"
    path.write_text(json.dumps({"nic": {"vfs": 2}, "pcie": LINK, "bridge": {}, "servers": [
        {"name": "a", "adapters": [{"name": "x"}, {"name": "y"}], "tree": ONE}]}), encoding="utf-8")  # fmt: skip
    argv = ["dma", str(path), "--peer", "a.x=a.y", "--others", "--sizes", "256", "--json", str(found)]
    assert main(argv) == 0
    printed = capsys.readouterr().out
    head, direct, redirected, _ = printed.splitlines()
    assert head.split() == ["bytes", "way", "a.x", "to", "a.y", "a.y", "to", "host", "a.s1.up", "a.s1.down"]
    assert direct.split()[:2] == ["256", "direct"] and redirected.split()[:4] == ["256", "over", "the", "root"]
    rows = json.loads(found.read_text(encoding="utf-8"))
    assert [row["acs_redirect"] for row in rows] == [False, True]
    assert printed == peer_table(rows, {"a.x": "a.y"}) + "\n"
    config = config_of("xy", ONE)
    writers = Writers.of(config, [("a.x", "a.y")], with_others=True)
    assert rows[1]["limit_gbps"] == pytest.approx(peer_limits(config, writers, 256, True))
    for argv, line in ((["--others"], "--others: goes with --peer FROM=TO"),
                       (["--peer", "a.x=a.y", "--window", "1MiB"],
                        "--window: says where transfers of the link alone lie; --peer has none")):  # fmt: skip
        assert main(["dma", str(path), *argv]) == 2
        assert capsys.readouterr().err.splitlines() == [line]
