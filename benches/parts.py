"""Whether a name stands for that part alone: systems of several, the named part made larger by keys of its own.

    python -m benches.parts                            200 systems of seed 1, about fifteen minutes on one core
    python -m benches.parts --seed 7 --n 20 --details
    python -m benches.parts --quick                    a handful: shows that it works, and measures nothing

Servers, adapters of a server, Ethernet ports of an adapter, extenders and VMs with drivers of their own, alike or not,
with loads that are alike or not. The larger system is written here, from `bottleneck.keys` alone: rates, counts and
rooms doubled, times halved, an Ethernet port at both ends of its wire. A case is right where what VMs and the wire get
together rises by 2 % or more with the named part alone, or where the load is named and no more than 97 % of anything is
busy. Where the run says that several parts help only together, these keys are those of all of them.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from benches.bottleneck import FULLEST, REQUIRED, RISES, busiest_share
from benches.bottleneck_cases import configurations
from hwmodel.config import config_from_mapping, servers_of
from hwmodel.errors import InputError, RunError
from hwmodel.simulation import simulate_on_one_core as simulate

if TYPE_CHECKING:
    from hwmodel.config import Config
    from hwmodel.results import Bottleneck

RUN = {"warmup": "auto", "duration": "100ms", "frames": 4000}
LONGER = {"run.duration": "2s", "run.frames": 20_000}  # where a gain is so near 2 % that a window hardly tells
NEAR = (0.0, 0.04)
QUICK_RUN = {"warmup": "auto", "duration": "5ms", "frames": 2000}
FETCHED_AHEAD = 8  # where no Rx descriptor is, which doubling leaves at none
FASTER = {"1": 2, "2": 3, "3": 4, "4": 5}
UNLIKE = (
    {"pcie.lanes": 1}, {"pcie.lanes": 2, "pcie.generation": 2}, {"nic.rx_ring": 64, "nic.drop_enable": False},
    {"driver.frame_time": "2us"}, {"driver.frame_time": "700ns"}, {"port.rate": "1Gbps"}, {"nic.strict": False,
                                                                                           "port.rate": "5Gbps"},
    {"pcie.tags": 2}, {"nic.tx_ring": 64}, {"nic.rx_prefetch": 0}, {"nic.max_pps": 700_000},
    {"switch.ports.vf0.rate_limit": "500Mbps"}, {"driver.vms.vf0.frame_time": "3us"},
    {"driver.vms.vf1.frame_time": "3us", "driver.vms.vf0.frame_time": "1us"},
)  # fmt: skip


# ---- Systems of several ----


def draw_parts(drawn: random.Random) -> dict[str, Any]:
    """Draw two to four adapters, by one or several at a server, some with ports of their own, and what they send."""
    n_vfs = drawn.choice((2, 2, 3, 4))
    names = drawn.choice((("a", "b"), ("a", "b"), ("a", "b", "c"), ("a.x", "a.y"), ("a.x", "a.y", "b"), tuple("abcd")))
    n_ports = drawn.choice((1, 1, 1, 2))
    document: dict[str, Any] = {
        "pcie": {"generation": drawn.choice((2, 3)), "lanes": drawn.choice((2, 4, 8)), "tags": drawn.choice((8, 32))},
        "nic": {"preset": None, "vfs": n_vfs, "drop_enable": drawn.random() < 0.5},
        "driver": {"preset": drawn.choice(("kernel", "dpdk", "dpdk"))},
        "port": {"rate": drawn.choice(("10Gbps", "10Gbps", "25Gbps", "40Gbps"))},
        "servers": _servers(drawn, names),
        "bridge": {"kind": "learning", "announce": True, "buffer": drawn.choice(("64KiB", "1MiB"))},
    }
    if drawn.random() < 0.5:
        document["driver"]["frame_time"] = drawn.choice(("50ns", "400ns", "1us"))
    if n_ports > 1:
        document["port"]["count"] = n_ports
        document["switch"] = {"ports": [{"name": f"vf{k}", "port": f"p{k % n_ports}"} for k in range(n_vfs)]}
    elif drawn.random() < 0.25:
        document["switch"] = {"mode": "e_tag"}
        rates = {"rate": drawn.choice(("5Gbps", "10Gbps")), "buffer": "256KiB"}
        document["bridge"] = {
            "kind": "controlling", "extenders": {"fex0": rates}, "ports": {names[0]: {"behind": "fex0"}},
        }  # fmt: skip
    document["workload"] = _workload(drawn, [f"{name}.vf{k}" for name in names for k in range(n_vfs)])
    return document


def _servers(drawn: random.Random, names: Sequence[str]) -> list[dict[str, Any]]:
    """Draw each server's own keys: none, so that all are alike, or some of its own."""
    are_alike = drawn.random() < 0.35
    servers: dict[str, dict[str, Any]] = {}
    for name in names:
        server, _, adapter = name.partition(".")
        entry = servers.setdefault(server, {"name": server})
        part = {"name": adapter} if adapter else entry
        if adapter:
            entry.setdefault("adapters", []).append(part)
        own = {} if are_alike else drawn.choice((*UNLIKE, {}, {}))
        if own:
            part["set"] = dict(own)
    return list(servers.values())


def _workload(drawn: random.Random, stations: Sequence[str]) -> dict[str, Any]:
    workload: dict[str, Any] = {
        "frame_bytes": drawn.choice((64, 256, 512, 1518, 1518)), "load": drawn.choice(("saturate", "saturate", 0.6)),
        "on_full": drawn.choice(("wait", "drop")),
    }  # fmt: skip
    if drawn.random() < 0.4:
        return workload | {"pattern": drawn.choice(("pairs", "uniform", "ring", "incast"))}
    pairs = [drawn.sample([*stations, "uplink"], 2) for _ in range(drawn.randint(1, 6))]
    flows = [[*pair, drawn.choice((None, None, "2Gbps", "700Mbps"))] for pair in pairs]
    return workload | {
        "pattern": "flows", "load": "saturate",
        "flows": [flow if flow[0] != "uplink" else [*flow[:2], "2Gbps"] for flow in flows],
    }  # fmt: skip


# ---- The larger system, by the named keys ----


def larger(config: Config, found: Bottleneck) -> dict[str, Any]:
    """Return the changes that make what is named larger, by its keys; empty where none of them is written."""
    values = dict(_leaves(config.resolved()))
    for server in servers_of(config):  # what it has from the common blocks has keys of its own too
        host, _, adapter = server.name.partition(".")
        place = f"servers.{host}.adapters.{adapter}.set" if adapter else f"servers.{host}.set"
        values = dict(_leaves(server.config.resolved(), place)) | values
    changes = {}
    for pattern in found.keys:
        wanted = re.escape(pattern).replace("NAME", r"[^.]+").replace("NUMBER", r"\d+")
        for key, value in values.items():
            if re.fullmatch(wanted, key) and value not in (None, 0):
                changes[key] = _more(key, value)
            elif value == 0 and pattern == key and key.endswith("rx_prefetch"):
                changes[key] = FETCHED_AHEAD
    changes = _with_one_link_key({key: value for key, value in changes.items() if value is not None})
    return changes | _both_ends(values, changes)


def _leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Give each written value with its key as `--set` takes it; entries of lists by name, or else by number."""
    if isinstance(node, Mapping):
        for name, value in node.items():
            yield from _leaves(value, f"{path}.{name}" if path else str(name))
    elif isinstance(node, list) and node and isinstance(node[0], Mapping):
        for number, entry in enumerate(node):
            yield from _leaves(entry, f"{path}.{entry.get('name', number)}")
    else:
        yield path, node


def _more(key: str, value: Any) -> Any:
    """Double an amount, halve a time; None for what has no larger value here."""
    if isinstance(value, bool):
        return True if key.endswith("refill") else None
    if key.endswith("generation"):
        return FASTER.get(str(value))
    if isinstance(value, int | float):
        return 2 * value
    amount = re.fullmatch(r"([\d.]+)([A-Za-z]+)", str(value))
    if amount is None:
        return None
    number, unit = amount.groups()
    is_time = unit in ("fs", "ps", "ns", "us", "ms", "s")
    return f"{float(number) / 2 if is_time else 2 * float(number):.6g}{unit}"


def _with_one_link_key(changes: dict[str, Any]) -> dict[str, Any]:
    """Take lanes, and the generation only where there are no more lanes."""
    for key in [key for key in changes if key.endswith(".lanes") or key == "pcie.lanes"]:
        faster = key.removesuffix("lanes") + "generation"
        changes.pop(key if changes[key] > 16 else faster, None)
    return changes


def _both_ends(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Give the far ends of Ethernet wires the rate of the near ones; of several ports each has its own bridge port."""
    found = {}
    for key, rate in changes.items():
        near = re.fullmatch(r"servers\.([^.]+)(?:\.adapters\.([^.]+))?\.set\.port\.rate", key)
        if near:
            name = re.escape(".".join(filter(None, near.groups())))
            ends = (one for one in values if re.fullmatch(rf"bridge\.ports\.{name}(\.p\d)?\.rate", one))
            found |= dict.fromkeys(ends, rate)
        far = re.fullmatch(r"bridge\.ports\.([^.]+)(?:\.([^.]+))?(?:\.p\d)?\.rate", key)
        if far and far[1] != "outside":
            adapter = f".adapters.{far[2]}" if far[2] and not re.fullmatch(r"p\d", far[2]) else ""
            found[f"servers.{far[1]}{adapter}.set.port.rate"] = rate
            found |= _both_ends(values, found)
    return found


# ---- Judging ----


@dataclass(frozen=True)
class Case:
    """Hold a system's name for its limit, and what making that larger gave."""

    label: str
    config: Config
    found: Bottleneck
    gbps: float = 0.0
    gain: float | None = None
    busiest: float = 0.0
    problem: str = ""

    @property
    def is_right(self) -> bool:
        """Tell whether the throughput follows, or the load is named and nothing is full."""
        if self.found.resource == "offered_load":
            return self.busiest <= FULLEST
        return self.gain is not None and self.gain >= RISES

    @property
    def line(self) -> str:
        """Write the case in a line."""
        gain = "cannot be larger" if self.gain is None else f"{self.gain:+.1%}"
        named = " + ".join((self.found.resource, *self.found.also))
        return f"{self.label}: {named} ({', '.join(self.found.keys)}): {gain} of {self.gbps:.3f} Gb/s"


def judge(label: str, config: Config) -> Case:
    """Judge a system; over a longer window where the gain is near what counts."""
    case = _judge(label, config)
    if not case.problem and case.gain is not None and NEAR[0] < case.gain < NEAR[1]:
        return _judge(label, config_from_mapping(config.resolved(), LONGER))
    return case


def _judge(label: str, config: Config) -> Case:
    result = simulate(config)
    found, gbps = result.bottleneck, result.throughput_gbps()
    if not gbps:
        return Case(label, config, found, problem="nothing arrived, or the window gives no rate")
    changes = larger(config, found)
    if "offered_load" in found.also:
        changes |= _more_load(config)
    gain = None
    if changes and found.resource != "offered_load":
        try:
            more = simulate(config_from_mapping(config.resolved(), changes)).throughput_gbps()
            gain = None if more is None else more / gbps - 1
        except (InputError, RunError) as error:
            return Case(label, config, found, gbps, problem=f"larger: {' '.join(str(error).split())[:200]}")
    return Case(label, config, found, gbps, gain, busiest_share(result))


def _more_load(config: Config) -> dict[str, Any]:
    workload = config.resolved()["workload"]
    flows = [[*flow[:2], None if flow[2] is None else _more("", flow[2])] for flow in workload.get("flows") or []]
    load = workload.get("load")
    changes: dict[str, Any] = {"workload.flows": flows} if flows else {}
    return changes if load in (None, "saturate") else {**changes, "workload.load": _more("", load)}


def report_text(cases: Sequence[Case], *, details: bool = False) -> str:
    """Write the figures, then the cases that are not right."""
    judged = [case for case in cases if not case.problem]
    wrong = [case for case in judged if not case.is_right]
    share = 1 - len(wrong) / max(1, len(judged))
    of_load = sum(case.found.resource == "offered_load" for case in judged)
    lines = [
        f"{len(judged)} systems, {len(cases) - len(judged)} left out; the load alone is named in {of_load}",
        f"named part alone larger: throughput rises by 2 % or more in {share:.1%}, required {REQUIRED:.0%}: "
        f"{'PASS' if share >= REQUIRED else 'below'}",
        *(case.line for case in wrong),
        *(f"{case.label}: left out: {case.problem}" for case in cases if case.problem),
    ]
    for case in wrong if details else ():
        lines += [f"--- {case.label}: {case.found.why}", yaml.safe_dump(case.config.resolved()["servers"])]
        lines += [yaml.safe_dump(case.config.resolved()["workload"], default_flow_style=None, width=160)]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--only", type=int, nargs="*", help="only these numbers of the systems")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--details", action="store_true", help="print the systems that are not right")
    arguments = parser.parse_args(argv)
    n, run = (2, QUICK_RUN) if arguments.quick else (arguments.n, RUN)
    cases = []
    for number, config in enumerate(configurations(arguments.seed, n, run, draw_parts)):
        if not arguments.only or number in arguments.only:
            cases.append(judge(f"{arguments.seed}/{number}", config))
            verdict = cases[-1].problem or ("right " * cases[-1].is_right + cases[-1].line)
            print(f"{number + 1} of {n}: {verdict}", file=sys.stderr, flush=True)
    print(report_text(cases, details=arguments.details))


if __name__ == "__main__":
    main()
