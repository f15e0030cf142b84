"""What those who control VMs know together, and what is told of it: who was given what, when, by how many messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from hwmodel.config import Config
from hwmodel.config.profiles import vlans_of
from hwmodel.config.system import NamedBridge, bridge_with, servers_of
from hwmodel.config.vms import Vm, vms_of

Spans = list[tuple[int, int]]


@dataclass
class VmCourse:
    """Say what became of a VM. Times are None while they are to come.

    `profile`: the one that it is to have. `port_fs`, `wire_fs`: when its port first had that, and its wire all VLANs of
    it; `served_fs`: when both first held at once. `given`: the profile that its port has now; `carries`: that for which
    its wire carries VLANs. `n_sent`: what it had sent as it came up, was served, stopped. `wrong`: the spans in which
    it ran under another profile than its own at either; `frames_wrong`: what it sent meanwhile.
    """

    vm: Vm
    profile: str
    mac: int
    ordered_fs: int | None = None
    up_fs: int | None = None
    stopped_fs: int | None = None
    port_fs: int | None = None
    wire_fs: int | None = None
    served_fs: int | None = None
    given: str | None = None
    carries: str | None = None
    n_sent: dict[str, int] = field(default_factory=dict)
    wrong: Spans = field(default_factory=list)
    wrong_from: tuple[int, int] | None = None  # the instant, and frames sent by then
    frames_wrong: int = 0

    @property
    def runs(self) -> bool:
        """Tell whether it is up."""
        return self.up_fs is not None and self.stopped_fs is None

    @property
    def is_wrong(self) -> bool:
        """Tell whether it runs under a profile that is not its own."""
        return self.runs and not {self.given, self.carries} <= {None, self.profile}


class ControlPlane:
    """Keep account of what parties do: they tell it of each thing as it takes effect.

    `courses`: of VMs, by name. `carried`: the VLANs that wires carry, by name, by those for whom. `messages`: how many
    there were of each kind; `speakers`: who says things by frames.
    """

    def __init__(self, config: Config) -> None:
        control = config.control
        assert control is not None, "who asks has one"
        self.config, self.control = config, control
        self._vlans = vlans_of(config.profiles)
        self.vms = vms_of(servers_of(config))
        named = {entry.name: entry.profile for entry in config.vms if entry.profile is not None}
        self.courses = {
            name: VmCourse(self.vms[name], profile, next(iter(self.vms[name].port.macs), 0))
            for name, profile in named.items()
        }
        self.messages: Counter[str] = Counter()
        self.speakers: set[str] = set()
        self.bridges: dict[str, NamedBridge] = {}
        self.wires: dict[str, dict[str, frozenset[int]]] = {}
        self.base: dict[str, frozenset[int]] = {}
        for name, course in self.courses.items():
            wire = course.vm.wire
            bridge = bridge_with(config, wire)
            assert bridge is not None, "it is checked"
            self.bridges[wire] = bridge
            written = bridge.settings.ports[wire].vlans
            native = bridge.settings.ports[wire].native_vlan
            self.base[wire] = frozenset(written if written != "all" else () if native is None else (native,))
            self.wires.setdefault(wire, {})
            if name not in control.starts:
                course.ordered_fs = course.up_fs = course.port_fs = course.wire_fs = course.served_fs = 0
                course.given = course.carries = course.profile
                self.wires[wire][name] = self.vlans(course.profile)
        self.owners: dict[int, str] = {}  # whose an address is, as the network manager was last told
        for name in sorted(self.courses, key=lambda one: control.starts.get(one, -1)):
            self.owners.setdefault(self.courses[name].mac, name)
        self._excess, self._excess_fs, self._since_fs = self._needless(), 0, 0

    def vlans(self, profile: str) -> frozenset[int]:
        """Return the VLANs of a profile."""
        return self._vlans[profile]

    @cached_property
    def all_vlans(self) -> frozenset[int]:
        """Return the VLANs of all profiles."""
        return frozenset[int]().union(*self._vlans.values())

    def carried(self, wire: str) -> frozenset[int]:
        """Return the VLANs that a wire carries now."""
        if self.control.way == "trunks":
            return self.base[wire] | self.all_vlans
        return self.base[wire].union(*self.wires[wire].values())

    def host(self, vm: str) -> str:
        """Return the hypervisor of a VM."""
        return hypervisor_of(self.courses[vm].vm.server.host)

    def switch(self, vm: str) -> str:
        """Return the control of the bridge at a VM's wire."""
        return switch_of(self.bridges[self.courses[vm].vm.wire])

    @property
    def hosts(self) -> tuple[str, ...]:
        """Return all hypervisors, each once."""
        return tuple(dict.fromkeys(self.host(vm) for vm in self.courses))

    def stopped(self, but: Iterable[str] = ()) -> list[str]:
        """Return the VMs that do not run."""
        return [name for name, course in self.courses.items() if not course.runs and name not in but]

    # ---- What takes effect ----

    def ordered(self, vm: str, at_fs: int) -> None:
        """Note that somebody has ordered a VM's start."""
        self.courses[vm].ordered_fs = at_fs

    def up(self, vm: str, at_fs: int, n_sent: int) -> None:
        """Note that a VM runs."""
        self.courses[vm].up_fs = at_fs
        self.courses[vm].n_sent["up"] = n_sent
        self._changed(vm, at_fs, n_sent)

    def down(self, vm: str, at_fs: int, n_sent: int) -> None:
        """Note that a VM has stopped; its port has nothing any more."""
        self.courses[vm].stopped_fs = at_fs
        self.courses[vm].n_sent["stopped"] = n_sent
        self._changed(vm, at_fs, n_sent)
        self.courses[vm].given = None

    def give(self, vm: str, profile: str, at_fs: int, n_sent: int) -> None:
        """Note what the port of a VM has."""
        self.courses[vm].given = profile
        self._changed(vm, at_fs, n_sent)

    def carry(self, vm: str, profile: str | None, at_fs: int, n_sent: int) -> None:
        """Note for which profile of a VM its wire carries VLANs; None: for none."""
        own = self.wires[self.courses[vm].vm.wire]
        self.courses[vm].carries = profile
        own.pop(vm, None)
        if profile is not None:
            own[vm] = self.vlans(profile)
        self._changed(vm, at_fs, n_sent)

    def _changed(self, vm: str, at_fs: int, n_sent: int) -> None:
        course = self.courses[vm]
        has_port = course.given == course.profile
        has_wire = self.vlans(course.profile) <= self.carried(course.vm.wire) and self._is_told(vm)
        if has_port and course.port_fs is None:
            course.port_fs = at_fs
        if has_wire and course.wire_fs is None:
            course.wire_fs = at_fs
        if has_port and has_wire and course.served_fs is None:
            course.served_fs = at_fs
            course.n_sent["served"] = n_sent
        if course.is_wrong and course.wrong_from is None:
            course.wrong_from = at_fs, n_sent
        elif not course.is_wrong and course.wrong_from is not None:
            self._ends_wrong(course, at_fs, n_sent)
        self._excess_fs += self._excess * (at_fs - self._since_fs)
        self._excess, self._since_fs = self._needless(), at_fs

    def _is_told(self, vm: str) -> bool:
        """Tell whether a VM has been ordered: before, nobody waits for its wire."""
        return self.courses[vm].ordered_fs is not None

    def _ends_wrong(self, course: VmCourse, at_fs: int, n_sent: int) -> None:
        assert course.wrong_from is not None, "it is wrong"
        from_fs, n_before = course.wrong_from
        course.wrong.append((from_fs, at_fs))
        course.frames_wrong += max(0, n_sent - n_before)
        course.wrong_from = None

    def _needless(self) -> int:
        """Count the VLANs that wires carry and no VM there that runs needs."""
        needed: dict[str, set[int]] = {wire: set() for wire in self.wires}
        for course in self.courses.values():
            if course.runs:
                needed[course.vm.wire] |= self.vlans(course.profile)
        return sum(len(self.carried(wire) - self.base[wire] - needed[wire]) for wire in self.wires)

    def needless_mean(self, end_fs: int) -> float:
        """Return how many VLANs ports carried on average that no running VM there needed."""
        whole_fs = self._excess_fs + self._excess * max(0, end_fs - self._since_fs)
        return whole_fs / end_fs if end_fs else float(self._excess)


def hypervisor_of(host: str) -> str:
    """Return what the hypervisor of a server is called."""
    return f"hypervisor_{host}" if host else "hypervisor"


def switch_of(bridge: NamedBridge) -> str:
    """Return what the control of a bridge is called."""
    return f"switch_{bridge.name}" if bridge.is_joined else "switch"
