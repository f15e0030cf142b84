"""One configuration with agents through both implementations of docs/agents.md: the engine and the SimPy models.

Agents are read here anew from what a file says, so that nothing of the engine's reading of it is used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import ceil, floor
from pathlib import Path
from typing import Any, NamedTuple

from scapy.utils import RawPcapReader

from hwmodel.config import Config, config_from_mapping
from hwmodel.config.system import servers_of
from hwmodel.results import Result
from hwmodel.simulation import simulate
from hwmodel.simulation.run.commands import Change
from hwmodel.simulation.run.offered import with_workloads
from hwmodel.units import FS_PER_S, parse_time_fs
from tests.beside_simpy import BASE, NS_FS, NUMBERS, PF, parameters_of
from tests.jobs_for_simpy import function_number
from tests.oracles.simpy_nic import (
    Action,
    AgentParameters,
    Agents,
    Asks,
    BringUps,
    DriverJob,
    End,
    Every,
    Hears,
    JobStep,
    Listens,
    Load,
    Model,
    NicParameters,
    Op,
    Rule,
    SentFrame,
    Sets,
    Silence,
    Stop,
    Together,
    Told,
    Watch,
)
from tests.oracles.simpy_nic import simulate as run_oracle
from tests.oracles.simpy_nic.agents import Counts, Works
from tests.oracles.simpy_system import SystemArrival, SystemLoad, simulate_system
from tests.run_cases import merged
from tests.simpy_sources import sources_of
from tests.system_beside_simpy import OUTSIDE, made_up, setup_of

Document = Mapping[str, Any]
WIRE_FS_PER_BYTE = 8 * 10**5  # at 10 Gb/s
AROUND_FRAME_BYTES = 20  # preamble, start and gap
LEVELS = ("tx_ring",)
STATIONS = {number: name for name, number in NUMBERS.items() if name.startswith("vf")}
MOST_ACTIONS = 1000  # that are told
MAILBOX_WORDS = 16
BROADCAST, EVERYBODY = b"\xff" * 6, "everybody"


class Made(NamedTuple):
    """What came of a configuration: actions in their order, counts by agent, when who has got frames, in ns.

    Then how many frames were delivered and dropped.
    """

    actions: list[Action]
    counts: dict[str, Counts]
    deliveries: list[tuple[int, str]]
    frames: tuple[int, int]


# ---- The SimPy models ----


class _Figures(NamedTuple):
    """What the figures of a server's VMs are, by the parts of a model."""

    model: Model

    def reader(self, vm: str, figure: str) -> Callable[[], int | None]:
        port, model = function_number(vm) + 1, self.model
        if figure == "delivered":
            return lambda: model.meter.delivered_to[port]
        if figure == "drops":
            return lambda: model.meter.lost[port]
        if figure == "up":
            return lambda: int(port not in model.ports_off)
        assert figure in LEVELS
        return lambda: None if port in model.ports_off else model.drivers[port].n_slots_taken


def _watch_of(when: Document, figures: Mapping[str, _Figures], server: str) -> Watch:
    when = dict(when)
    name = when.get("of", when.get("vm"))
    place, _, vm = name.rpartition(".")
    assert place in ("", server), "an agent sees its own server"
    from_fs = parse_time_fs(when.get("from", "0ns"))
    if "vm" in when:
        figure, number = next((key, when[key]) for key in ("delivered", "dropped", "tx_ring", "up") if key in when)
        value = figures[server].reader(vm, {"dropped": "drops"}.get(figure, figure))
        if figure == "tx_ring":
            return Watch(value, below=1, is_level=True, from_fs=from_fs)
        if figure == "up":
            sides = {"above": 0} if number else {"below": 1}
            return Watch(value, is_level=True, from_fs=from_fs, **sides)
        return Watch(value, above=number - 1, from_fs=from_fs)
    value, is_level = figures[server].reader(vm, when["figure"]), when["figure"] in LEVELS
    if "each" in when:
        return Watch(value, each=when["each"], from_fs=from_fs)
    within_fs = parse_time_fs(when["within"]) if "within" in when else None
    side = "above" if "above" in when else "below"
    number = when[side]
    if isinstance(number, str):  # frames a second
        assert within_fs is not None and number.endswith("Mpps")
        exact = float(number.removesuffix("Mpps")) * 10**6 * within_fs / FS_PER_S
        number = floor(exact) if side == "above" else ceil(exact)
    return Watch(value, within_fs=within_fs, is_level=is_level, from_fs=from_fs, **{side: number})


def octets(address: str) -> bytes:
    return bytes.fromhex(address.replace(":", ""))


def macs_of(config: Config) -> dict[str, list[bytes]]:
    """Return the addresses of all functions."""
    return {
        server.station(port.name): [mac.to_bytes(6, "big") for mac in port.macs]
        for server in servers_of(config) for port in server.config.switch.ports
    }  # fmt: skip


def _sent(about: Document, macs: Mapping[str, list[bytes]]) -> SentFrame:
    """Return a frame that an agent sends, with its bytes: untagged, and zeros behind the type."""
    to = macs[about["to"]][0] if about["to"] in macs else octets(about["to"])
    told = {"frame_bytes": 64, **{key: value for key, value in about.items() if key != "message"}}
    told["ethertype"] = f"0x{about['ethertype']:04x}"
    header = to + macs[about["from"]][0] + about["ethertype"].to_bytes(2, "big")
    return SentFrame(about["from"], header.ljust(told["frame_bytes"] - 4, b"\0"), about.get("message"), told)


def _when_of(
    when: Document, figures: Mapping[str, _Figures], server: str | None, macs: Mapping[str, list[bytes]]
) -> Any:
    if "message" in when:
        return Hears(when["message"], when.get("from"))
    if "silence" in when:
        return Silence(when["silence"], parse_time_fs(when["for"]), when.get("from"))
    if "every" in when:
        return Every(parse_time_fs(when["every"]))
    if "frame" in when:
        asked = when["frame"]
        senders = (
            macs[asked["from"]] if asked.get("from") in macs else [octets(asked["from"])] if "from" in asked else None
        )
        destination = octets(asked["destination"]) if "destination" in asked else None
        return Listens(asked["to"], asked.get("ethertype"), senders, destination, asked.get("message"))
    assert server is not None
    return _watch_of(when, figures, server)


def is_own(key: str, server: str, n_servers: int) -> bool:
    """Tell whether a key is of an agent's server alone; of those that the tests use no other is known to bridges."""
    return n_servers == 1 or key.startswith(f"servers.{server}.set.")


def agents_of(
    document: Document, models: Mapping[str, Model], way_fs: int, obey: _Obeying, give: Callable[[str, bytes], int]
) -> Agents:
    """Read agents for the SimPy models; `way_fs`: the longest time that a frame takes to another server, of all.

    `give`: gives a frame to a function's driver.
    """
    macs = macs_of(without_agents(document))
    figures = {name: _Figures(model) for name, model in models.items()}
    found = []
    for name, about in document["agents"].items():
        server = None if about.get("apart") else about.get("server", next(iter(models)))
        whens: list[tuple[Document, Any]] = []
        rules = []
        for rule in about["rules"]:
            same = [made for said, made in whens if said == rule["when"] and "frame" not in said]
            when = same[0] if same else _when_of(rule["when"], figures, server, macs)
            whens.append((rule["when"], when))
            sets = rule.get("set", [])
            after = [
                Sets(keys, 1 if all(is_own(key, str(server), len(models)) for key in keys) else max(1, way_fs))
                for keys in (sets if isinstance(sets, list) else [sets])
            ]
            send = rule.get("send", {})
            frame = _sent(send["frame"], macs) if "frame" in send else None
            rules.append(Rule(when, after, (send["to"], send["message"]) if "to" in send else None, frame))
        work_fs = parse_time_fs(about.get("work", "0ns"))
        works = _works_on(about["core"], work_fs, models) if "core" in about else None
        found.append(AgentParameters(name, server, rules, work_fs, way_fs if server is not None else 0, works))
    latency_fs = parse_time_fs(document.get("management", {}).get("latency", "0ns"))
    agents = Agents(found, latency_fs, parse_time_fs(document["run"]["duration"]), obey, give)
    for name, model in models.items():
        model.meter.heard = partial(_told_of, agents, f"{name}." if name else "")
    return agents


def _told_of(agents: Agents, prefix: str, copy: Any) -> None:
    if copy.destination in STATIONS:
        raw = copy.frame.raw if copy.raw is None else copy.raw
        agents.delivered(prefix + STATIONS[copy.destination], raw, copy.frame.index)


def _port_of(function: str, models: Mapping[str, Model]) -> tuple[Model, int]:
    """Return at which adapter a function is, and its port there."""
    server, _, name = function.rpartition(".")
    return models[server], function_number(name) + 1


def _works_on(core: str, work_fs: int, models: Mapping[str, Model]) -> Works:
    """Have an agent's work done on a function's core, by jobs."""
    model, port = _port_of(core, models)
    steps = [JobStep(Op.TAKE_CORE, 1, 0), JobStep(Op.WORK, 1, work_fs), JobStep(Op.RELEASE, 1, 0)]

    def works(from_fs: int, begins: Callable[[int], None], ends: Callable[[int], None]) -> None:
        def told(one: Told) -> None:
            (begins if one.what == End.GIVEN else ends)(one.at_fs)

        job = DriverJob(port, 0, from_fs, 1 << End.GIVEN | 1 << End.LEFT, None, steps, is_agents=True)
        model.jobs.begin(job, told)

    return works


def beside(document: Document, agents: Agents, models: Mapping[str, Model], config: Config) -> Together:
    """Return the drivers that send a scenario's messages and answer them, and agents."""
    drivers = {}
    for server in servers_of(config):
        driver = server.config.driver_of("pf")
        entry_fs, own = driver.interrupt_time_fs + driver.exit_time_fs, models[server.name]
        drivers[server.name] = BringUps(own, [], PF, entry_fs, 0, goes=_nothing, comes=_nothing)
    for event in document.get("scenario", ()):
        about = event["mailbox"]
        n_words, every_fs = len(about["words"]), parse_time_fs(about.get("every", "0ns"))
        for turn in range(about.get("times", 1)):
            at_fs = parse_time_fs(event["at"]) + turn * every_fs
            _, port = _port_of(about["from"], models)
            asks = Asks(n_words, MAILBOX_WORDS, n_words)
            drivers[about["from"].rpartition(".")[0]].sends(at_fs, port, asks)
    return Together([*drivers.values(), agents])


def _nothing(_port: int) -> None:
    """Do nothing as a function goes or comes."""


LIVE = ("agents", "management", "scenario")


def without_agents(document: Document) -> Config:
    return config_from_mapping(merged(BASE, {key: block for key, block in document.items() if key not in LIVE}))


def end_of(config: Config) -> int:
    """Return when a run without warm-up ends."""
    return int(config.run.duration_fs)


def simpy_made(document: Document) -> Made:
    """Run a configuration of one adapter, or of servers on one bridge, through the SimPy model."""
    config = without_agents(document)
    return _of_servers(document, config) if config.bridges or config.bridge else _of_one(document, config)


class _Obeying:
    """Follow what keys have values; `command` is given what `make` makes of what holds from a moment on."""

    def __init__(self, config: Config, make: Callable[[Change], Any], command: Callable[[Any], None]) -> None:
        self._config, self._make, self._command = config, make, command
        self._set: dict[str, Any] = {}
        self._made: dict[str, Any] = {}

    def __call__(self, keys: Mapping[str, Any]) -> None:
        self._set |= keys
        said = repr(sorted(self._set.items()))
        if said not in self._made:
            self._made[said] = self._make(Change(0, self._config.with_overrides(self._set)))
        self._command(self._made[said])


def _of_one(document: Document, config: Config) -> Made:
    workload, _ = with_workloads(config, [])
    load = Load(sources=sources_of(config, workload, [], NUMBERS), on_full=config.workload.on_full)
    made: list[Agents] = []

    def parameters(change: Change) -> NicParameters:
        return replace(parameters_of(change.config), switch=change.config.switch)

    def agents(model: Model) -> Together:
        obey = _Obeying(config, parameters, model.command)
        made.append(agents_of(document, {"": model}, 0, obey, partial(_give, model)))
        return beside(document, made[0], {"": model}, config)

    stop = Stop(0, end_of(config), keep_deliveries=True)
    outcome = run_oracle(parameters(Change(0, config)), load, stop, agents=agents)
    names = {port.number: port.name for port in config.switch.ports}
    deliveries = [(one.delivered_at_fs // NS_FS, names[one.destination]) for one in outcome.deliveries
                  if one.destination in names]  # fmt: skip
    frames = outcome.counts.delivered_frames, outcome.counts.dropped_frames
    return Made(until(end_of(config), made[0].actions), made[0].counts, sorted(deliveries), frames)


def _give(model: Model, sender: str, raw: bytes) -> int:
    return model.give(NUMBERS[sender], raw)


def _of_servers(document: Document, config: Config) -> Made:
    workload, _ = with_workloads(config, [])
    frames = made_up(config, workload, [], end_of(config))
    arrivals = [SystemArrival(each.at_fs, each.sender, each.raw) for each in frames]
    made: list[Agents] = []

    def agents(system: Any) -> Together:
        models = {each.server.name: each.model for each in system.attached}
        obey = _Obeying(config, setup_of, system.command)
        made.append(agents_of(document, models, way_fs(config, document), obey, system.give))
        return beside(document, made[0], models, config)

    first, load = setup_of(Change(0, config)), SystemLoad(arrivals=arrivals, on_full=config.workload.on_full)
    outcome = simulate_system(first.servers, first.bridges, load, Stop(0, end_of(config)), agents=agents)
    deliveries = [(one.at_fs // NS_FS, one.receiver) for one in outcome.deliveries if one.receiver != OUTSIDE]
    frames = outcome.delivered_frames, outcome.dropped_frames
    return Made(until(end_of(config), made[0].actions), made[0].counts, sorted(deliveries), frames)


def until(end_fs: int, actions: Sequence[Action]) -> list[Action]:
    """Return the actions up to the end in the order of their times, of one instant as they were decided on."""
    return sorted((one for one in actions if one.at_fs <= end_fs), key=lambda one: one.at_fs)


def way_fs(config: Config, document: Document) -> int:
    """Return what the shortest frame takes from a server to any other: two wires, and the bridge."""
    assert config.bridge is not None and isinstance(config.workload.frame_bytes, int)
    sent = [rule["send"]["frame"] for agent in document["agents"].values() for rule in agent["rules"]
            if "frame" in rule.get("send", {})]  # fmt: skip
    shortest = min([config.workload.frame_bytes, *(frame.get("frame_bytes", 64) for frame in sent)])
    wire_fs = (shortest + AROUND_FRAME_BYTES) * WIRE_FS_PER_BYTE
    return 2 * (wire_fs + config.bridge.propagation_fs) + config.bridge.latency_fs


# ---- The engine ----


def engine_result(document: Document, threads: int = 1, pcap: Path | None = None) -> Result:
    config = config_from_mapping(merged(BASE, document))
    return simulate(config, threads=threads, **({} if pcap is None else {"pcap_path": str(pcap)}))


def engine_made(folder: Path, document: Document, threads: int = 1) -> Made:
    """Run the same through the engine; deliveries are those of a capture."""
    pcap = folder / f"all{threads}.pcap"
    result = engine_result(document, threads, pcap)
    frames = result.totals.delivered_frames, result.totals.dropped_frames
    return Made(actions_of(result), counts_of(result), delivered_in(pcap, without_agents(document)), frames)


def actions_of(result: Result) -> list[Action]:
    return [
        Action(one.at_fs, one.agent, keys=dict(one.set_)) if one.set_ else
        Action(one.at_fs, one.agent, send=one.send or None, frame=dict(one.frame)) if one.frame else
        Action(one.at_fs, one.agent, send=one.send, to=one.to)
        for one in result.agent_actions
    ]  # fmt: skip


def counts_of(result: Result) -> dict[str, Counts]:
    """Return counts as the SimPy model has them."""
    return {
        name: Counts(
            one.handled,
            one.saw,
            one.heard,
            one.timers,
            one.sent,
            one.sets,
            round(one.busy_ns * NS_FS),
            one.most_waiting,
            one.frames_heard,
            one.frames_sent,
        )
        for name, one in result.agents.items()
    }


def delivered_in(pcap: Path, config: Config) -> list[tuple[int, str]]:
    """Return when each frame of a capture came, in ns, and to whom; of a broadcast a capture does not say to whom.

    Those outside are left out.
    """
    names = {BROADCAST: EVERYBODY} | {
        port.macs[0].to_bytes(6, "big"): server.station(port.name)
        for server in servers_of(config) for port in server.config.switch.ports if port.macs
    }  # fmt: skip
    with RawPcapReader(str(pcap)) as reader:
        found = [(about.sec * 10**9 + about.usec, names.get(data[:6])) for data, about in reader]
    return sorted((at_ns, name) for at_ns, name in found if name is not None)


def check_alike(folder: Path, document: Document, all_threads: Sequence[int] = (1,)) -> Made:
    """Check that both make the same of a configuration; return what. The engine tells the first actions alone.

    A capture has frames that leave an adapter too, whoever they are for.
    """
    expected = simpy_made(document)
    for threads in all_threads:
        found = engine_made(folder, document, threads)
        assert found.actions == expected.actions[:MOST_ACTIONS]
        assert found.counts == expected.counts
        assert found.frames == expected.frames
        left = Counter(expected.deliveries) - Counter(found.deliveries)
        told = Counter(at_ns for at_ns, name in found.deliveries if name == EVERYBODY)
        assert not Counter(at_ns for at_ns, _ in left.elements()) - told
    return expected
