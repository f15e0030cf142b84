"""Define the whole configuration: its blocks, its resolved form and its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Protocol, get_args, get_origin

from pydantic import BaseModel, PrivateAttr
from pydantic_core import to_json

from hwmodel.errors import InputError
from hwmodel.rules.capacities import MOST_EVENTS
from hwmodel.rules.function_names import PF, function_names, function_number
from hwmodel.rules.switch_modes import MODES

from .adapter import Nic, Pcie, WirePort
from .agents import AgentBlock, Management
from .bridge import Bridge, JoinedBridge
from .control import Control
from .document import KeyPath
from .host import Driver, Host, VmDriver
from .kinds import Block, Listing, attributes_of, key
from .names import OwnName
from .pcie_tree import MultiRoot
from .profiles import Profile
from .run import Run
from .scenario import Event
from .servers import ServerEntry
from .switch import Switch
from .virtual_switch import Bond, VirtualSwitch, n_ports_at_once
from .vm_entries import VmEntry
from .workload import Workload

HASH_DIGITS = 16
# Keys that no server has of its own.
OF_SYSTEM = ("servers", "multi_root", "bridge", "bridges", "profiles", "scenario", "agents", "management", "control")


@dataclass(frozen=True)
class Changed:
    """Hold the keys in which two configurations differ: of adapters and bridges, by number, and of all together.

    Those of adapters are without their servers, those of bridges as they stand in their settings.
    """

    of_adapters: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    of_bridges: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    of_all: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether any key differs."""
        return bool(self.of_adapters or self.of_bridges or self.of_all)


class Step(NamedTuple):
    """Hold the configuration in force from `at_fs` on, the scenario's event that made it, and what that changed."""

    at_fs: int
    event: int
    config: Config
    changed: Changed


class LiveConfiguration(Protocol):
    """Say which configuration is in force, as events and agents change it (`live_configuration`)."""

    steps: list[Step]

    @property
    def config(self) -> Config:
        """Return the configuration in force."""

    def to(self, until_fs: int) -> None:
        """Carry out the events up to an instant."""

    def carry_out(self, at_fs: int, at: int, keys: Mapping[str, Any] | None = None) -> None:
        """Carry out an event at an instant; `keys`: what a driver has granted, None to ask it."""

    def follow(self) -> None:
        """Have drivers know of what agents have set."""

    def set(self, setting: Any) -> None:
        """Set an agent's keys."""


class Drivers(Protocol):
    """Say what becomes of events that ask a driver for something, in the order of time."""

    def moments_fs(self, event: int) -> Iterable[int]:
        """Return the times at which an event takes effect."""

    def changes(self, event: int, config: Config) -> Mapping[str, Any]:
        """Return the keys, with values, that an event changes when it next takes effect; none if it is refused."""

    def follow(self, before: Config, after: Config) -> None:
        """Update the drivers' state after an event has set keys without asking them."""


@dataclass(frozen=True)
class Origin:
    """Keep what a configuration was made from, for `with_overrides`, `steps`, `live`, `is_written` and `servers_of`.

    `changed`: makes the configuration again, with further overrides. `steps`: returns the scenario's steps for a
    configuration, in the order of time; the drivers that it is given answer events that ask a driver. `live`: begins to
    go through these, with what agents set between them. `written`: the paths of the keys that the user wrote.
    `servers`: a configuration, without scenario, with the servers that it was made of. Comparison ignores all of them:
    configurations with equal values are equal.
    """

    changed: Callable[[Any], Config] | None = field(default=None, compare=False, repr=False)
    steps: Callable[[Config, Drivers | None], tuple[Step, ...]] | None = field(default=None, compare=False, repr=False)
    live: Callable[[Config, Drivers], LiveConfiguration] | None = field(default=None, compare=False, repr=False)
    written: Container[KeyPath] = field(default=(), compare=False, repr=False)
    servers: tuple[Config, tuple[Any, ...]] | None = field(default=None, compare=False, repr=False)


class Config(Block):
    """A complete, checked configuration; made by `load_config` or `config_from_mapping`."""

    _origin: Origin = PrivateAttr(default=Origin())

    pcie: Pcie = key({}, "The PCI Express link.")
    host: Host = key({}, "Memory, its latency, and the processors.")
    nic: Nic = key({}, "The adapter: functions, rings, batches, buffers.")
    driver: Driver = key({}, "The VMs' drivers: how they batch their work.")
    switch: Switch = key({}, "The embedded switch and its stations.")
    port: WirePort = key({}, "The Ethernet port to the outside.")
    servers: Annotated[tuple[ServerEntry, ...], Listing("[{name: a}, {name: b}]")] = key(
        [],
        "Servers on one bridge, each with an adapter, as the blocks above say but for its own `set`: [{name: a}, "
        "{name: b, set: {pcie.lanes: 8}}]. VMs are then called a.vf0 in workload and bridge. Without it there is one "
        "server, which has no name.",
        unsaid=(),
    )
    multi_root: MultiRoot | None = key(
        None,
        "One adapter that all servers share as its hosts, by a multi-root switch (docs/multi_root.md): {hosts: {a: "
        "{weight: 3}}, control: a}. null: each server has an adapter of its own.",
        unsaid=None,
    )
    bridge: Bridge | None = key(
        None,
        "The bridge at the other end of the wire, as docs/bridge.md says; `bridge: {}` is one with all its defaults. "
        "null: none, and what leaves by the wire is gone; servers that are listed have one in any case.",
        unsaid=None,
    )
    bridges: Annotated[tuple[JoinedBridge, ...], Listing("[{name: left}, {name: right}]")] = key(
        [],
        "Several bridges in place of one, joined by wires: [{name: left, ports: {a: {}, trunk: {to: right.trunk}}}, "
        "{name: right, ports: {b: {}, trunk: {}}}]. Each has the keys of `bridge`.",
        unsaid=(),
    )
    vms: Annotated[tuple[VmEntry, ...], Listing("[{name: web, at: vf1}]")] = key(
        [],
        "VMs with names of their own: [{name: web, at: a.vf1}]; such a name may stand wherever a VM is named, and "
        "results have it. Without one a VM has the name of its function.",
        unsaid=(),
    )
    profiles: dict[Annotated[str, OwnName("the name of a profile")], Profile] = key(
        {},
        "Named sets of what stations may be given (docs/profiles.md): {server: {guards: [arp]}, web: {inherit: server, "
        "port_vlan: 10, rate_limit: 1Gbps}}; a station says which is its own: {name: vf1, profile: web}.",
        unsaid={},
    )
    workload: Workload = key({}, "Who sends what to whom, and when.")
    run: Run = key({}, "Length and seed of a run.")
    scenario: Annotated[
        tuple[Event, ...], Listing("[{at: 2ms, set: {port.rate: 1Gbps}}]", most=MOST_EVENTS, or_file=True)
    ] = key(
        [],
        "What changes in mid-run (docs/scenario.md): [{at: 2ms, set: {switch.ports.vf3.rate_limit: 1Gbps}}]. Each "
        "event has a time, or a condition that it waits for, and keys with the values that they have from then on; "
        "what hardware fixes is refused. Or the name of a file with such a list.",
        unsaid=(),
    )
    agents: dict[Annotated[str, OwnName()], AgentBlock] = key(
        {},
        "Who reacts while the machine runs (docs/agents.md): {guard: {server: a, rules: [{when: {of: a.vf1, figure: "
        "drops.NO_DESCRIPTOR, each: 100}, set: {servers.a.set.switch.ports.vf1.rate_limit: 1Gbps}}]}}.",
        unsaid={},
    )
    management: Management | None = key(
        None, "The network over which agents talk: {latency: 50us, loss: 1%}; null: messages take no time.", unsaid=None
    )
    control: Control | None = key(
        None,
        "Who tells the network that VMs start, and how late (docs/profiles.md): {way: polling, starts: {web1: 2s}, "
        "network_manager: {poll: 10s}}; null: whoever is in `vms` runs, and has its profile, from the start.",
        unsaid=None,
    )

    def with_overrides(self, overrides: Mapping[str, object] | Iterable[str] | None = None) -> Config:
        """Return this configuration with some keys changed, as if they had been given to `load_config` too.

        What follows from a key that changes follows again: another `nic.preset` brings its own rings, unless these were
        written. `overrides` as in `load_config`. Raises InputError with a line for each problem, and where the
        configuration was not made by `load_config`.
        """
        if self._origin.changed is None:
            raise InputError("this configuration is not of hwmodel.load_config: nothing says which keys were written")
        return self._origin.changed(overrides)

    def place_of(self, vm: str) -> str:
        """Return where a VM is attached, a.vf1; a function is its own place."""
        return next((entry.at for entry in self.vms if entry.name == vm), vm)

    def function_of(self, vm: str) -> str:
        """Return the name at its own server of the function at which a VM is attached: vf1."""
        return self.place_of(vm).rpartition(".")[2]

    def vm_at(self, place: str) -> str:
        """Return the name of the VM that is attached to a function: its own, or that of its place."""
        return next((entry.name for entry in self.vms if entry.at == place), place)

    def is_written(self, key: str) -> bool:
        """Tell whether the user wrote a value of a dotted key, and it does not follow from others."""
        return tuple(key.split(".")) in self._origin.written

    def function_number(self, name: str) -> int:
        """Return the number of a function: of the PF 0, of VF K K + 1, then those of the PFs of further ports."""
        return function_number(name, self.nic.vfs)

    @property
    def function_names(self) -> list[str]:
        """Return the names of the functions that the adapter has, by their numbers."""
        return function_names(self.nic.vfs, self.port.count, has_vfs=self.nic.mode == "sriov")

    @property
    def n_queues(self) -> int:
        """Return the number of queue pairs of all functions together, those of PFs included."""
        return self.nic.queues_per_vf * len(self.switch.ports)

    def driver_of(self, function: str) -> VmDriver:
        """Return the driver of a function, pf or vfK: its own, or that of all."""
        return self.driver.vms.get(function, self.driver)

    @property
    def driver_blocks(self) -> dict[str, VmDriver]:
        """Return all drivers by the keys of their blocks: driver, and driver.vms.vf1 of each VM that has its own."""
        return {"driver": self.driver} | {f"driver.vms.{name}": own for name, own in self.driver.vms.items()}

    def driver_block_of(self, function: str) -> str:
        """Return the block that says so: driver.vms.vf1, or driver."""
        return f"driver.vms.{function}" if function in self.driver.vms else "driver"

    def cores_of(self, function: int) -> tuple[int, ...]:
        """Return the cores that serve a function's queues in rotation from queue 0; the PF is 0, VF K is K + 1."""
        return self.switch.ports[function].cores or (function % self.host.cores,)

    def cores_of_queues(self, function: int) -> tuple[int, ...]:
        """Return the core of each of a function's queues: that of its vector."""
        cores, n_vectors = self.cores_of(function), self.nic.n_vectors
        return tuple(cores[queue % n_vectors % len(cores)] for queue in range(self.nic.queues_per_vf))

    def drops_of_queues(self, function: int) -> tuple[bool, ...]:
        """Return for each of a function's queues whether frames drop, not wait, while it has no Rx descriptor."""
        own = self.switch.ports[function].drop_enable or (self.nic.drop_enable,)
        return tuple(own[queue % len(own)] for queue in range(self.nic.queues_per_vf))

    def classes_of_queues(self, function: int) -> tuple[int, ...]:
        """Return the class of traffic of each queue of a function, the PF being 0; all 0 where there are no classes."""
        arbitration, port = self.nic.arbitration, self.switch.ports[function]
        if arbitration is None:
            return (0,) * self.nic.queues_per_vf
        classes = port.classes or (arbitration.class_of_priority(port.default_priority),)
        return tuple(classes[queue % len(classes)] for queue in range(self.nic.queues_per_vf))

    def core_of(self, function: int) -> int:
        """Return the host's core on which a function's guest runs, or the first of several."""
        return self.cores_of(function)[0]

    @property
    def has_pools(self) -> bool:
        """Say whether VMs have pools of the PF's queues, which the hypervisor serves, and no functions."""
        return self.nic.mode == "vmdq"

    @property
    def has_virtual_switch(self) -> bool:
        """Say whether VMs have ports of the host's virtual switch, and nothing of the adapter."""
        return self.nic.mode == "vswitch"

    @property
    def virtual_switch(self) -> VirtualSwitch | None:
        """Return the host's virtual switch, None where VMs have no ports of it."""
        return self.host.virtual_switch if self.has_virtual_switch else None

    @property
    def uplink_costs_fs(self) -> tuple[int, int]:
        """Return what the driver of a virtual switch's uplink takes of its core, of a frame and of each byte."""
        own, driver = self.host.virtual_switch, self.driver_of(PF)
        assert own is not None, "it is filled in"
        frame_fs, byte_fs = own.uplink_time_fs, own.uplink_byte_time_fs
        return (
            driver.frame_time_fs if frame_fs is None else frame_fs,
            driver.byte_time_fs if byte_fs is None else byte_fs,
        )

    @property
    def thread_cores(self) -> tuple[int, ...]:
        """Return the cores of VMs' own threads at a virtual switch (`host.virtual_switch.thread_cores`)."""
        own = self.host.virtual_switch
        if own is None:
            return ()
        if isinstance(own.thread_cores, tuple):
            return own.thread_cores
        used = {core for function in range(self.nic.vfs + 1) for core in self.cores_of(function)}.union(own.cores)
        return tuple(core for core in range(self.host.cores) if core not in used)[-self.nic.vfs :] or own.cores

    def thread_of(self, function: int) -> int:
        """Return the core of the own thread of a VM, given by its function's number, from 1 on."""
        return self.thread_cores[(function - 1) % len(self.thread_cores)]

    def vms_of_thread(self, core: int) -> tuple[str, ...]:
        """Return the VMs whose own thread is on a core; none where that switches for all."""
        own = self.host.virtual_switch
        if own is None or core not in self.thread_cores or core in own.cores:
            return ()
        numbers = {port.name: self.function_number(port.name) for port in self.switch.ports}
        return tuple(self.vm_at(name) for name, at in numbers.items() if at and self.thread_of(at) == core)

    @property
    def switch_polls(self) -> bool:
        """Tell whether the cores of a virtual switch poll, so that nobody else has them."""
        own = self.host.virtual_switch
        assert own is not None, "it is filled in"
        return self.driver_of(PF).polls if own.polls is None else own.polls

    @property
    def rule_lookups(self) -> int:
        """Return what a virtual switch compares a frame with: tables of its access rules, or the rules of a list.

        None where the bridge above has the rules.
        """
        own, rules = self.host.virtual_switch, self.switch.acl
        assert own is not None, "it is filled in"
        if MODES[self.switch.mode].has_interfaces:
            return 0
        return len(rules) if own.rule_match == "list" else len({rule.mask for rule in rules})

    @property
    def passing_times_fs(self) -> dict[str, int]:
        """Return the times that passing a frame takes of a virtual switch's core, or each byte of it, by key.

        Those of its flow cache are not among them; 0 where nothing is done that takes it.
        """
        own = self.host.virtual_switch
        assert own is not None, "it is filled in"
        names = ("frame_time", "guest_time", "byte_time", "batch_time")
        uplink_fs, uplink_byte_fs = self.uplink_costs_fs if own.n_uplink_rings else (0, 0)
        return {
            **{name: getattr(own, f"{name}_fs") for name in names},
            "uplink_time": uplink_fs,
            "uplink_byte_time": uplink_byte_fs,
            "tag_time": self.tag_fs,
            "ring_time": own.ring_time_fs,
            "rule_time": self.rules_fs,
            "sample_time": 0 if own.sample_one_in is None else own.sample_time_fs,
            "segment_frame_time": own.segment_frame_time_fs if self.sends_cut_by == "switch" else 0,
        }

    @property
    def passing_costs_fs(self) -> tuple[int, int]:
        """Return what a virtual switch's core takes at most of a frame from VM to VM or to the wire, and of each byte.

        Without mirrored copies, batches, samples, cutting and the flow cache.
        """
        own = self.host.virtual_switch
        assert own is not None, "it is filled in"
        frame_fs, byte_fs = self.uplink_costs_fs if own.n_uplink_rings else (0, 0)
        frame_fs += own.frame_time_fs + 2 * own.guest_time_fs + own.ring_time_fs * own.further_rings
        return frame_fs + self.tag_fs + self.rules_fs, byte_fs + own.byte_time_fs

    @property
    def tag_fs(self) -> int:
        """Return what an outer tag takes of a virtual switch's core, 0 where the mode of the switch has none."""
        own = self.host.virtual_switch
        assert own is not None, "it is filled in"
        return own.tag_time_fs if MODES[self.switch.mode].tag is not None and own.n_uplink_rings else 0

    @property
    def rules_fs(self) -> int:
        """Return what access rules take of each frame at a virtual switch, beside its flow cache."""
        own = self.host.virtual_switch
        assert own is not None, "it is filled in"
        return 0 if own.flow_cache is not None else self.rule_lookups * own.rule_time_fs

    @property
    def looking_costs_fs(self) -> tuple[int, int]:
        """Return what a look-up among the wildcards of a virtual switch's flow cache takes, and the slow path."""
        own = self.host.virtual_switch
        assert own is not None and own.flow_cache is not None, "who asks has one"
        cache, n = own.flow_cache, self.rule_lookups
        if own.rule_match == "list":
            return cache.wildcard_time_fs, cache.miss_time_fs + n * own.rule_time_fs
        return cache.wildcard_time_fs * max(1, n), cache.miss_time_fs

    @property
    def switches_in_memory(self) -> bool:
        """Say whether nothing crosses the link, since VMs are on a virtual switch without an uplink."""
        return self.virtual_switch is not None and self.virtual_switch.n_uplink_rings == 0

    @property
    def sends_cut_by(self) -> Literal["adapter", "switch"] | None:
        """Say who cuts the sends of VMs into frames: the adapter, or a core of the virtual switch; None: nobody."""
        if self.workload.segment_bytes is None or self.switches_in_memory:
            return None
        return "switch" if self.has_virtual_switch and not self.nic.tso else "adapter"

    @property
    def hands_over_segments(self) -> bool:
        """Say whether VMs hand their sends over whole, to a virtual switch."""
        return self.has_virtual_switch and self.workload.segment_bytes is not None

    @property
    def bond(self) -> Bond | None:
        """Return the bond that makes the adapter's ports legs of one uplink, None if there is none."""
        own = self.virtual_switch
        return own.bond if own is not None and own.reach == "external" else None

    @property
    def n_legs(self) -> int:
        """Return how many of the adapter's ports are legs of a virtual switch's uplink."""
        return 1 if self.bond is None else self.port.count

    @property
    def legs_in_use(self) -> tuple[int, ...]:
        """Return the legs of a bond in use at the start: those with a carrier that are not left out."""
        hidden = () if self.bond is None else self.bond.left_out
        return tuple(leg for leg in range(self.n_legs) if not self.port.is_down(leg) and f"p{leg}" not in hidden)

    @property
    def switched_ports(self) -> tuple[str, ...]:
        """Return the names of the ports that each have a switch; a single port or a bond counts as one without name."""
        return self.port.names if self.bond is None else ("",)

    @property
    def ports_rate_bps(self) -> int:
        """Return the rate of all ports that send at once."""
        return self.port.rate_bps * n_ports_at_once(self.bond, self.port.count)

    @property
    def drivers(self) -> tuple[VmDriver, ...]:
        """Return the distinct drivers of all functions."""
        if not self.driver.vms:
            return (self.driver,)
        functions = (port.name for port in self.switch.ports)
        return tuple({driver.behaviour: driver for driver in map(self.driver_of, functions)}.values())

    def at_port(self, name: str) -> Config:
        """Return the configuration with only what is at one Ethernet port; all of it if the port has no name."""
        return self.model_copy(update={"switch": self.switch.at_port(name)}) if name else self

    def for_function(self, function: str) -> Config:
        """Return the configuration as a function sees it: with its driver as that of all."""
        own = self.driver.vms.get(function)
        return self if own is None else self._with_driver(own)

    def for_functions(self, functions: Iterable[str]) -> Config | None:
        """Return the configuration as all these functions see it, None where their drivers differ."""
        if not self.driver.vms:
            return self
        found = {driver.behaviour: driver for driver in map(self.driver_of, functions)}
        if len(found) > 1:
            return None
        return self._with_driver(next(iter(found.values()), self.driver))

    def _with_driver(self, driver: VmDriver) -> Config:
        values = {name: getattr(driver, name) for name in VmDriver.model_fields}
        return self.model_copy(update={"driver": Driver.model_construct(**values, vms={})})

    def steps(self, drivers: Drivers | None = None) -> tuple[Step, ...]:
        """Return what the scenario makes of this configuration, event by event in the order of time.

        `drivers`: answer the events that ask a driver instead of setting keys. Raises InputError if there is a scenario
        and the configuration was not made by `load_config`.
        """
        if not self.scenario:
            return ()
        if self._origin.steps is None:
            raise InputError("this configuration is not of hwmodel.load_config: nothing says what its scenario changes")
        steps = self._origin.steps(self, drivers)
        if all(step.config.run is self.run for step in steps):
            return steps
        return tuple(step._replace(config=step.config.model_copy(update={"run": self.run})) for step in steps)

    def live(self, drivers: Drivers) -> LiveConfiguration:
        """Return the configuration as it lives in a run; raises as `steps`."""
        if self._origin.live is None:
            raise InputError("this configuration is not of hwmodel.load_config: nothing says what may change in it")
        return self._origin.live(self, drivers)

    @property
    def changes_in_run(self) -> bool:
        """Tell whether events or agents may change anything while a run goes on."""
        return bool(self.scenario or self.reacts)

    @property
    def reacts(self) -> bool:
        """Tell whether somebody reacts while a run goes on: agents, who controls VMs, who tells of samples."""
        return bool(self.agents) or self.control is not None or self.tells_of_samples

    @property
    def tells_of_samples(self) -> bool:
        """Tell whether a bridge tells somebody of samples, as an agent does."""
        return any(one.samples for one in (self.bridge, *self.bridges) if one is not None)

    @property
    def set_in_run(self) -> list[str]:
        """Return the keys that events and agents may set while a run goes on."""
        rules = (rule for agent in self.agents.values() for rule in agent.rules or ())
        of_agents = (keys for rule in rules for keys in rule.sets or ())
        return [key for keys in (*(event.changes for event in self.scenario), *of_agents) for key in keys]

    @property
    def may_set_load(self) -> bool:
        """Tell whether events or agents may set keys of the workload while a run goes on."""
        return self.control is not None or any(key.partition(".")[0] == "workload" for key in self.set_in_run)

    @property
    def made(self) -> tuple[Config, tuple[Any, ...]] | None:
        """Return the configuration with servers that it is, or is a copy of, and what these were made of."""
        return self._origin.servers

    def remember(self, **origin: Any) -> None:
        """Keep what the configuration was made from: fields of `Origin`."""
        self._origin = replace(self._origin, **origin)

    def resolved(self) -> dict[str, Any]:
        """Return all keys as users type them, units written out; loading it gives this configuration again.

        `servers`, `multi_root`, `bridge`, `bridges` and `scenario` are left out where there are none. A server's `set`
        has every key in which it differs from the common blocks.
        """
        return self.model_dump(mode="json", by_alias=True)

    def texts(self) -> dict[str, bytes]:
        """Return what each block says, as JSON: two blocks that say the same have the same text."""
        return {name: to_json(getattr(self, name)) for name in type(self).model_fields}

    def config_hash(self, resolved: Mapping[str, Any] | None = None) -> str:
        """Return 16 hexadecimal digits of the SHA-256 of the resolved configuration.

        `resolved`: that configuration, if it is at hand. A capture file counts by its content, not by its name, so that
        the hash is the same on another machine.
        """
        plain = dict(self.resolved() if resolved is None else resolved)
        if self.workload.pcap is not None:
            plain["workload"] = {**plain["workload"], "pcap": _content_hash(self.workload.pcap)}
        text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode("ascii")).hexdigest()[:HASH_DIGITS]


@cache
def key_of(model: type[BaseModel], name: str) -> str:
    """Return the key by which users type an attribute of a block."""
    return model.model_fields[name].alias or name


def keys_of(model: type | None) -> Mapping[str, str]:
    """Return the keys that a block knows, each with its attribute's name."""
    return attributes_of(model) if model is not None and issubclass(model, BaseModel) else {}


def model_at(path: KeyPath, root: type[BaseModel] = Config) -> type[BaseModel] | None:
    """Return the block that stands at `path`, entries of lists and of mappings by name too; None if it is no block.

    `root`: the block that the whole document is.
    """
    here = root
    by_name = False
    for step in path:
        if isinstance(step, int) or by_name:
            by_name = False
            continue
        field = here.model_fields.get(keys_of(here).get(step, ""))
        inside = block_in(field.annotation) if field is not None else None
        if field is None or inside is None:
            return None
        here, by_name = inside, get_origin(field.annotation) is dict
    return here


def block_in(annotation: Any) -> type[BaseModel] | None:
    """Return the block in an annotation: itself, optional, or the entry of a list or mapping; None if there is none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (block_in(part) for part in get_args(annotation))
    return next((block for block in found if block is not None), None)


def _content_hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return str(path)
