"""Drawn machines whose adapters have several Ethernet ports, each with a wire of its own to a bridge."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

from hwmodel.config.bridge import wire_names
from tests.beside_simpy import Commands
from tests.system_beside_simpy import (
    BROADCAST,
    MULTICAST,
    NS_FS,
    OUTSIDE,
    UNKNOWN,
    Frame,
    Stations,
    config_with,
    drawn,
)

VFS = ("vf0", "vf1", "vf2", "vf3")
TAGS = ("", "", "", "81006005", "8100a001")
CHANNELS = {"10": "veb", "20": "vepa", "30": "single"}


class Drawn(NamedTuple):
    """A machine, what senders it has, and what becomes of its wires in mid-run."""

    config: Any
    senders: Sequence[str]
    commands: Commands
    mean_ns: float
    seed: int

    def frames(self, n: int = 220) -> list[Frame]:
        """Draw frames between all stations, those outside, groups and an address that nobody has."""
        receivers = [*self.senders, UNKNOWN, BROADCAST, MULTICAST]
        return drawn(Stations(self.config), n, self.mean_ns, self.senders, receivers, tags=TAGS, seed=self.seed)


def drawn_machine(seed: int) -> Drawn:
    """Draw one to three servers, one of which at least has several ports, at one bridge or at several."""
    rng = random.Random(seed)
    names = rng.choice(([""], ["a"], ["a", "b"], ["a", "b", "c"]))
    counts = {name: rng.choice((1, 2, 2, 4)) for name in names}
    counts[rng.choice(names)] = rng.choice((2, 2, 4))
    is_controlling = rng.random() < 0.4
    modes = {name: rng.choice(("vn_tag", "e_tag") if is_controlling else ("veb", "vepa", "vepa", "multichannel"))
             for name in names}  # fmt: skip
    changes: dict[str, Any] = {"bridge": None, "nic.vfs": 4, "workload.pattern": "to_wire"}
    own = {name: _adapter(rng, counts[name], modes[name]) for name in names}
    if names == [""]:
        changes |= own[""]
    else:
        changes["servers"] = [{"name": name, "set": keys} for name, keys in own.items()]
    wires = {wire: modes[name] for name in names for wire in wire_names(name, counts[name])}
    bridges = _bridges(rng, wires, is_controlling=is_controlling)
    if len(bridges) == 1:
        changes["bridge"] = next(iter(bridges.values()))
    else:
        changes["bridges"] = [{"name": name, **block} for name, block in bridges.items()]
    senders = [f"{name}.{vf}" if name else vf for name in names for vf in VFS] + [OUTSIDE]
    mean_ns = rng.choice((300, 700, 1500))
    commands = _deaths(rng, counts, 220 * mean_ns) if rng.random() < 0.5 else []
    return Drawn(config_with(changes), senders, commands, mean_ns, seed)


def _adapter(rng: random.Random, count: int, mode: str) -> dict[str, Any]:
    """Draw what an adapter is like: which function is at which port, its switch, its room."""
    keys: dict[str, Any] = {"port.count": count, "switch.mode": mode, "pcie.lanes": rng.choice((4, 8))}
    for vf in VFS:
        keys[f"switch.ports.{vf}"] = station = {"port": f"p{rng.randrange(count)}"} if count > 1 else {}
        if rng.random() < 0.5:
            vlan = rng.choice((1, 5))
            station |= {"port_vlan": vlan, "vlans": sorted({vlan, rng.choice((1, 5))}), "untagged": [vlan]}
        if mode == "multichannel":
            station |= {"s_channel": rng.choice((10, 20, None))}
        if rng.random() < 0.1:
            station |= {"enabled": False}
    if mode == "multichannel":
        keys["switch.s_channels"] = CHANNELS
    if rng.random() < 0.3:
        keys["switch.mirrors"] = [{"to": "pf", "from": "uplink", "direction": rng.choice(("ingress", "egress"))}]
    if rng.random() < 0.2:
        keys |= {"switch.timing": "core", "switch.clock": "97.13MHz", "switch.bus_bits": 64}
    if rng.random() < 0.2:
        keys["nic.max_pps"] = 2_500_003
    if rng.random() < 0.3:
        keys |= {"nic.rx_buffer": "4KiB", "nic.tx_buffer": "8KiB"}
    if count > 1 and rng.random() < 0.15:
        keys["port.down"] = [f"p{rng.randrange(count)}"]
    return keys


def _bridges(rng: random.Random, wires: dict[str, str], *, is_controlling: bool) -> dict[str, Any]:
    """Draw a tree of bridges with what differs at the ports of some wires, given with their adapters' modes."""
    names = ["one", "two", "three"][: rng.choice((1, 1, 2, 2, min(3, len(wires))))]
    blocks: dict[str, Any] = {name: {"ports": {}} for name in names}
    for at, (wire, mode) in enumerate(wires.items()):  # each bridge has one at least
        blocks[names[at] if at < len(names) else rng.choice(names)]["ports"][wire] = _port(rng, mode, len(names) > 1)
    for name, block in blocks.items() if is_controlling else ():
        block["kind"] = "controlling"
        _put_behind_extender(rng, block, wires, f"fex-{name}")
    blocks[rng.choice(names)]["ports"][OUTSIDE] = {"rate": rng.choice(("10Gbps", "5.3Gbps", "25Gbps"))}
    for at, name in enumerate(names[1:], 1):
        other = rng.choice(names[:at])
        blocks[name]["ports"]["up"] = {
            "to": f"{other}.to-{name}", "rate": rng.choice(("10Gbps", "3.7Gbps", "25Gbps")),
            "propagation": f"{rng.randrange(900)}.3ns",
        }  # fmt: skip
        blocks[other]["ports"][f"to-{name}"] = {"vlans": rng.choice(("all", [1, 5]))}
    for block in blocks.values():
        block |= {
            "latency": f"{rng.randrange(700)}.1ns", "forwarding": rng.choice(("store_and_forward", "cut_through")),
            "buffer": rng.choice(("8KiB", "16KiB", "1MiB")), "sharing": rng.choice(("port", "all")),
            "table": rng.choice((3, 8192)), "ageing": rng.choice(("6us", "300s")), "announce": rng.random() < 0.4,
            "propagation": rng.choice(("0ns", "53.7ns")),
        }  # fmt: skip
    if len(names) == 1 and not is_controlling and rng.random() < 0.3:
        block = blocks[names[0]]
        for port in block["ports"].values():
            port.pop("s_channels", None)
        block |= {"sharing": "port", "buffer": "32KiB", "flow_control": {
            "mode": "pause", "quanta": 40, "refresh": 17, "headroom": "20KiB", "low_water": "3KiB"}}  # fmt: skip
    return blocks


def _port(rng: random.Random, mode: str, has_length: bool) -> dict[str, Any]:
    """Draw what differs at a bridge's port to an adapter's, of a mode."""
    found: dict[str, Any] = {}
    if has_length and rng.random() < 0.3:
        found["propagation"] = f"{rng.randrange(2000)}.7ns"
    if mode in ("veb", "vepa") and rng.random() < 0.3:
        found["hairpin"] = rng.random() < 0.7
    if mode in ("veb", "vepa") and rng.random() < 0.2:
        found["translate"] = {"5": 1}
    if mode == "multichannel" and rng.random() < 0.5:
        found["s_channels"] = {"10": {"weight": 3}, "20": {"rate": "3.3Gbps", "burst": "2KiB"}}
    return found


def _put_behind_extender(rng: random.Random, block: dict[str, Any], wires: dict[str, str], name: str) -> None:
    """Let some wires of a controlling bridge, of adapters of one mode, end at an extender."""
    chosen = [wire for wire in block["ports"] if rng.random() < 0.5]
    for wire in chosen:
        if wires[wire] == wires[chosen[0]]:
            block["ports"][wire]["behind"] = name
            block["extenders"] = {name: {"rate": rng.choice(("10Gbps", "3.3Gbps")), "latency": "133.7ns"}}


def _deaths(rng: random.Random, counts: dict[str, int], span_ns: int) -> Commands:
    """Draw which wires die at which times, and live again."""
    times_ns = sorted(rng.randrange(span_ns) for _ in range(rng.choice((1, 2, 3))))
    commands = []
    for at_ns in times_ns:
        keys = {}
        for name, count in counts.items():
            down = [f"p{port}" for port in range(count) if rng.random() < 0.4]
            keys[f"servers.{name}.set.port.down" if name else "port.down"] = down
        commands.append((at_ns * NS_FS + 137, keys))
    return commands
