"""VFs whose drivers reset them as the PF's tells them to, beside traffic, through both: when they go and are up."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from hwmodel.config import Config, config_from_mapping
from hwmodel.config.switch import Port
from hwmodel.simulation.run.play import play_of
from tests.beside_simpy import (
    BASE,
    NS_FS,
    PF,
    WIRE,
    Both,
    OfFunctions,
    Recorded,
    engine_figures,
    run_the_oracle,
    with_capture,
)
from tests.bring_up_beside_simpy import BEGIN_NS, MS_NS, RESET_NS, US_NS, VFS
from tests.jobs_for_simpy import function_number
from tests.journey_runs import JourneyRun, finished_journeys
from tests.oracles import mailbox
from tests.oracles.mailbox import ReferencePf
from tests.oracles.simpy_nic import Calls, Leaves, Model, Rules, Sends, Starts, Watchdogs, asked_again, asks_of

PORT_VLAN, UNTAGGED = 7, 1
OWN_RESET_NS = 20 * MS_NS  # from the call to the messages, about
EVERY_US = 9
QUIET_NS = 10_000 * MS_NS
LivesFs = Mapping[str, Sequence[tuple[int, int | None]]]
"""By VM, when its function went, and was up again."""


Happens = tuple[int, Mapping[str, Any]]
"""At how many ns, and what."""


class Watched(NamedTuple):
    """A machine, its load, the events in the order of their times, and for how long drivers do not reset again."""

    changes: dict[str, Any]
    load: Recorded
    events: Sequence[Happens]
    quiet_ns: int = QUIET_NS


class _Chosen(NamedTuple):
    """What is drawn first: VFs that are called on, and when; whether others of them come up by FLR at that time.

    `sooner_ns`: what drivers need at least until they reset.
    """

    names: Sequence[str]
    ports: Mapping[str, Mapping[str, Any]]
    called_ns: int
    comes_up: bool
    sooner_ns: int


def draw_watched(seed: int, n: int = 800) -> Watched:
    """Draw calls on one to eight VFs that are near each other, what else happens to VFs then, and load meanwhile."""
    chance = random.Random(f"watchdog {seed}")
    preset = chance.choice((None, "X550"))
    names = chance.sample([f"vf{at}" for at in range(VFS)], chance.randint(1, VFS))
    ports = _ports(chance, names)
    comes_up = chance.random() < 0.15
    called_ns = BEGIN_NS + (RESET_NS if comes_up else 0)
    chosen = _Chosen(names, ports, called_ns, comes_up, 4 * US_NS if preset else 900 * US_NS)
    events = _calls(chance, chosen)
    events += _messages(chance, chosen, events)
    events.sort(key=lambda event: event[0])
    last_ns = max(at_ns for at_ns, _ in events) + 30 * MS_NS
    starts_ns = [at_ns for at_ns, about in events if "pf" in about]
    changes: dict[str, Any] = {
        "nic.vfs": VFS, "nic.queues_per_vf": 1, "nic.preset": preset, "nic.strict": False,
        "host.cores": chance.choice((1, 2, 4, 9)), "driver.watchdog": True,
        "driver.doorbell_time": chance.choice(("0ns", "36.777ns", "100ns", "250ns")),
        "driver.interrupt_time": chance.choice(("0ns", "700.0007ns")),
        "driver.exit_time": chance.choice(("0ns", "300ns")),
        "driver.frame_time": chance.choice(("19.987ns", "1999.987ns")),
        "driver.moderation": chance.choice(("0us", "0us", "25us")),
        "host.read_latency": chance.choice(("450ns", "999.0003ns")), "pcie.generation": chance.choice((1, 2, 3)),
        "pcie.propagation": chance.choice(("0ns", "20ns")), "host.write_latency": chance.choice(("0ns", "300.0001ns")),
        "host.stall": chance.choice((None, None, {"every": "901.003us", "for": "30us"})),
        "run.warmup": "20us", "run.duration": f"{last_ns - 20 * US_NS}ns", "workload.on_full": "drop",
        "switch.ports": ports, "driver.vms": _own_drivers(chance),
    }  # fmt: skip
    quiet_ns = chance.choice((QUIET_NS, QUIET_NS, 15 * MS_NS))
    return Watched(changes, _load(chance, starts_ns, last_ns, n), events, quiet_ns)


def _calls(chance: random.Random, chosen: _Chosen) -> list[Happens]:
    """Draw calls, further ones on the same VFs, and what takes some of these VFs."""
    events: list[Happens] = []
    gaps = chance.choice(((0,), (0, 1, 700, 40_000), (0, 300 * US_NS, 2 * MS_NS), (0, OWN_RESET_NS, 21 * MS_NS)))
    for name in chosen.names:
        at_ns = chosen.called_ns + chance.choice(gaps) + (chance.randrange(16 * MS_NS) if chosen.comes_up else 0)
        is_trusted = chosen.ports[name]["trusted"]
        call = chance.choice(({"trust": not is_trusted}, {"link": "auto"}, {"link": "disable"}))
        events.append((at_ns, {"pf": {"vf": name, **call}}))
        if chosen.comes_up and chance.random() < 0.7:
            events.append((BEGIN_NS, {"reset": name}))
        elif not chosen.comes_up and chance.random() < 0.2:
            events.append((at_ns + chance.randrange(chosen.sooner_ns), {"unplug": name}))
        elif not chosen.comes_up and chance.random() < 0.15:
            events.append((at_ns + chance.randrange(26 * MS_NS), {"reset": name}))
        if chance.random() < 0.2:
            call = chance.choice(({"trust": is_trusted ^ ("trust" not in call)}, {"link": "auto"}))
            gap_ns = chance.choice((1, 400, 30_000, 700_000, 1_100_000, chance.randrange(26 * MS_NS)))
            events.append((at_ns + gap_ns, {"pf": {"vf": name, **call}}))
    return events


def _messages(chance: random.Random, chosen: _Chosen, events: Sequence[Happens]) -> list[Happens]:
    """Draw messages of VFs that are there."""
    first_ns = {about["pf"]["vf"]: at_ns for at_ns, about in reversed(events) if "pf" in about}
    taken = {about.get("unplug", about.get("reset")) for _, about in events}
    senders = [f"vf{at}" for at in range(VFS) if f"vf{at}" not in taken]
    found: list[Happens] = []
    for _ in range(chance.choice((0, 0, 1, 4)) if senders else 0):
        sender = chance.choice(senders)
        about: dict[str, Any] = chance.choice((
            {"message": "reset"}, {"message": "set_vlan", "vlan": chance.choice((20, 50))},
            {"message": "set_macvlan", "index": 2, "mac": f"02:00:00:00:09:{function_number(sender):02x}"},
        ))  # fmt: skip
        if sender in first_ns:  # which may have gone later
            sent_ns = first_ns[sender] + chance.randrange(chosen.sooner_ns)
        else:
            sent_ns = chosen.called_ns + chance.choice((0, chance.randrange(MS_NS), chance.randrange(26 * MS_NS)))
            about |= chance.choice(({}, {"times": 20, "every": f"{EVERY_US}us"}))
        found.append((sent_ns, {"mailbox": {"from": sender, **about}}))
    return found


def _ports(chance: random.Random, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Draw what VFs had before the calls: further VLANs, a port VLAN, further addresses, trust."""
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        vlans = chance.choice(([], [], [20], [20, 30, 40], [PORT_VLAN]))
        own: dict[str, Any] = {"vlans": [UNTAGGED, *vlans]}
        if vlans == [PORT_VLAN]:
            own = {"port_vlan": PORT_VLAN, "vlans": vlans}
        number = function_number(name) + 1
        macs = [f"02:00:00:00:00:{number:02x}", f"02:00:00:00:07:{number:02x}", f"02:00:00:00:08:{number:02x}"]
        macs = chance.choice((macs[:1], macs[:2], macs, macs[1::-1], [macs[2], macs[0], macs[1]]))
        found[name] = {**own, "macs": macs, "trusted": chance.random() < 0.5}
    return found


def _own_drivers(chance: random.Random) -> dict[str, dict[str, Any]]:
    """Draw what differs of some VFs' drivers."""
    differs = ({"doorbell_time": "77.003ns"}, {"interrupt_time": "1200.009ns"}, {"watchdog": False})
    return {f"vf{at}": chance.choice(differs) for at in range(VFS) if chance.random() < 0.15}


def _load(chance: random.Random, starts_ns: Sequence[int], last_ns: int, n: int) -> Recorded:
    """Draw frames among all, in bursts while drivers look or ask: the link is full, or the cores are."""
    frames = [(0, PF, WIRE, 64), (last_ns, PF, WIRE, 64)]
    mean_ns = chance.choice((300, 700, 5_000, 40_000))
    if chance.random() < 0.15:
        return frames
    left = n
    while left > 0:
        after_ns = chance.choice((0, 0, 300 * US_NS, chance.randrange(MS_NS), chance.randrange(11 * MS_NS, 27 * MS_NS)))
        at_ns: float = chance.choice(starts_ns) + after_ns - chance.randrange(40 * US_NS)
        for _ in range(min(left, chance.choice((50, 200, 400)))):
            source, to = chance.sample((WIRE, PF, *range(2, 2 + VFS)), 2)
            frames.append((int(at_ns), source, to, chance.choice((64, 64, 570, 1518))))
            at_ns += chance.expovariate(1 / mean_ns)
        left -= 200
    return sorted(frame for frame in frames if frame[0] <= last_ns)


# ---- Both ----


class Lived(NamedTuple):
    """What both made of it, and the lives of VFs in both, in fs."""

    both: Both
    engine_fs: LivesFs
    oracle_fs: LivesFs


def live(folder: Path, drawn: Watched) -> Lived:
    """Let drivers reset their VFs in both."""
    events = [{"at": f"{at_ns}ns", **about} for at_ns, about in drawn.events]
    changes = with_capture(folder, drawn.changes, drawn.load)
    play = play_of(config_from_mapping(BASE, {**changes, "scenario": events}))
    play.workload.records.rss_hash[:] = play.workload.records.at_fs // NS_FS  # not IP, which have 0
    run = JourneyRun.of_play(play)
    run.go_through()
    result, first = run.result(), play.scene.first
    engine_fs: dict[str, list[tuple[int, int | None]]] = {}
    for life in [] if play.scene.course is None else play.scene.course.lives:
        engine_fs.setdefault(life.vm, []).append((life.at_fs, life.up_fs))
    found: list[Watchdogs] = []

    def beside(parameters: OfFunctions, model: Model) -> Watchdogs:
        found.append(watchdogs(first, drawn, parameters, model))
        return found[0]

    figures, journeys = run_the_oracle(first, drawn.load, result, (), (), agents=beside)
    both = Both(result, engine_figures(run, result), figures, finished_journeys(run), journeys, first, drawn.load)
    oracle_fs = {f"vf{port - 2}": lives for port, lives in sorted(found[0].lives_fs.items())}
    return Lived(both._replace(oracle=replace(figures, told=[])), engine_fs, oracle_fs)  # what is told is noted there


def watchdogs(first: Config, drawn: Watched, parameters: OfFunctions, model: Model) -> Watchdogs:
    """Return the drivers of PF and VFs, for the SimPy model."""
    made = Administered(first, parameters, model)
    is_x550 = first.nic.preset == "X550"
    drivers = {function_number(port.name) + 1: first.driver_of(port.name) for port in first.switch.ports}
    calls: dict[int, list[Mapping[str, Any]]] = {}
    events: list[Starts | Calls | Leaves | Sends] = []
    for at_ns, about in drawn.events:
        kind, what = next(iter(about.items()))
        name = what["vf"] if kind == "pf" else what["from"] if kind == "mailbox" else what
        port = function_number(name) + 1
        if kind == "mailbox":
            events += _sent(at_ns, port, what)
            continue
        if kind == "pf":
            calls.setdefault(port, []).append(what)
        events.append({"pf": Calls, "reset": Starts, "unplug": Leaves}[kind](at_ns * NS_FS, port))
    rules = Rules(
        {port: driver.interrupt_time_fs + driver.exit_time_fs for port, driver in drivers.items()},
        {port for port, driver in drivers.items() if driver.watchdog},
        0 if is_x550 else 5,
        drawn.quiet_ns * NS_FS,
        asked=made.asked,
        called=lambda port: made.called(port, calls[port].pop(0)),
        answered=made.answered,
    )
    return Watchdogs(model, events, rules, PF, 2 * first.nic.queues_per_vf, goes=made.goes, comes=made.comes)


def _sent(at_ns: int, port: int, message: Mapping[str, Any]) -> list[Sends]:
    """Return a message that a scenario sends, as often as it says."""
    said: Any = "reset"
    if message["message"] == "set_vlan":
        said = [mailbox.SET_VLAN | 1 << 16, message["vlan"]]
    elif message["message"] == "set_macvlan":
        said = [mailbox.SET_MACVLAN | 2 << 16, *_words_of(bytes.fromhex(message["mac"].replace(":", "")))]
    asks = asks_of(1 if said == "reset" else len(said))
    every_fs = EVERY_US * US_NS * NS_FS
    return [Sends(asks, said, at_ns * NS_FS + each * every_fs, port) for each in range(message.get("times", 1))]


def _words_of(mac: bytes) -> tuple[int, int]:
    return int.from_bytes(mac[:4], "little"), int.from_bytes(mac[4:], "little")


class Administered:
    """Follow what the PF's driver knows of VFs, by the second implementation of its rules, and give commands."""

    def __init__(self, config: Config, parameters: OfFunctions, model: Model) -> None:
        self._config, self._parameters, self._model = config, parameters, model
        self._off: set[str] = set()
        self._pf = ReferencePf("x550" if config.nic.preset == "X550" else "82599", config.nic.vfs)
        ports = {port.number: port for port in config.switch.ports}
        for port in range(2, 2 + config.nic.vfs):
            self._begin(port - 2, ports[port])
            assert self._keys(port) == _keys_of(ports[port])

    def _begin(self, at: int, port: Port) -> None:
        """Have it as the administrator's configuration says, the VF's driver loaded, with API 1.4."""
        own = self._pf.vfs[at]
        first, *others = (mac.to_bytes(6, "big") for mac in port.macs)
        own.mac, own.pf_set_mac = first, first != bytes([2, 0, 0, 0, 0, port.number])
        self._pf.handle(at, [mailbox.RESET])
        own.trusted, own.api, own.xcast_mode, own.macvlans = port.trusted, "1.4", mailbox.ALLMULTI, others
        if port.port_vlan != UNTAGGED:
            self._pf.set_vf_vlan(at, port.port_vlan)
        for vlan in {*port.vlans} - {port.port_vlan}:
            assert self._pf.handle(at, [mailbox.SET_VLAN | 1 << 16, vlan]) is not None

    def _keys(self, port: int) -> dict[str, Any]:
        own = self._pf.vfs[port - 2]
        port_vlan = own.pf_vlan or UNTAGGED
        vlans = sorted(vlan or UNTAGGED for vlan in self._pf.state()["vfs"][port - 2]["vlans"])
        macs = dict.fromkeys(mac.hex(":") for mac in (own.mac, *own.macvlans))
        return {
            "macs": list(macs), "port_vlan": port_vlan, "vlans": vlans,
            "untagged": [port_vlan] if port_vlan in vlans else [], "spoof_check": own.mac_anti_spoof,
            "vlan_spoof_check": own.vlan_anti_spoof, "trusted": own.trusted, "enabled": own.link_enabled,
        }  # fmt: skip

    def goes(self, port: int) -> None:
        """Turn a function off, if it is not."""
        self._off.add(f"vf{port - 2}")
        self._command()

    def comes(self, port: int) -> None:
        """Turn a function on."""
        self._off.remove(f"vf{port - 2}")
        self._command()

    def called(self, port: int, call: Mapping[str, Any]) -> None:
        """Do what an administrator calls for."""
        if "trust" in call:
            self._pf.set_vf_trust(port - 2, call["trust"])
        else:
            self._pf.set_vf_link_state(port - 2, call["link"])
        self._follow(port)

    def asked(self, port: int) -> Sequence[Sends]:
        """Return what a VF's driver asks for as it resets it: what it had."""
        own, at = self._pf.vfs[port - 2], port - 2
        vlans = [vlan for vlan in self._pf.state()["vfs"][at]["vlans"] if vlan not in (0, own.pf_vlan)]
        addresses = [
            [mailbox.SET_MACVLAN | number << 16, *_words_of(mac)] for number, mac in enumerate(own.macvlans, 1)
        ]
        return asked_again(addresses, [[mailbox.SET_VLAN | 1 << 16, vlan] for vlan in (0, *vlans)])

    def answered(self, port: int, said: Any) -> None:
        """Do what a message asks for, and is granted."""
        self._pf.handle(port - 2, [mailbox.RESET] if said == "reset" else said)
        self._follow(port)

    def _follow(self, port: int) -> None:
        keys = {f"switch.ports.vf{port - 2}.{name}": value for name, value in self._keys(port).items()}
        changed = self._config.with_overrides(keys)
        if changed != self._config:
            self._config = changed
            self._command()

    def _command(self) -> None:
        self._model.command(self._parameters(self._config, frozenset(self._off)))


def _keys_of(port: Port) -> dict[str, Any]:
    return {
        "macs": [mac.to_bytes(6, "big").hex(":") for mac in port.macs],
        **{name: list(getattr(port, name)) for name in ("vlans", "untagged")},
        **{name: getattr(port, name) for name in ("port_vlan", "spoof_check", "vlan_spoof_check")},
        **{name: getattr(port, name) for name in ("trusted", "enabled")},
    }
