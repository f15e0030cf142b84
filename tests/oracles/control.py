"""A second implementation of docs/profiles.md in SimPy: way `advertisement`, with three rules to find a profile.

Each party is a process that takes what has come in turn; what it has to say goes out as its work is over.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

import simpy

Words = tuple[str, ...]


@dataclass
class Vm:
    """Say what a VM is, when it is ordered to start and to stop, and what is found: the spans under a wrong profile."""

    name: str
    host: str
    mac: str
    profile: str
    start_fs: int | None
    stop_fs: int | None
    wrong: list[tuple[int, int]] = field(default_factory=list)
    runs: bool = False
    carries: str | None = None
    since_fs: int | None = None


@dataclass
class Times:
    """Say how long messages to each party take, and how long each is busy with one; and the rest, in fs."""

    latency: Mapping[str, int]
    service: Mapping[str, int]
    boot_fs: int
    poll_fs: int
    end_fs: int


class Histories:
    """Follow VMs whose addresses are given to others later."""

    def __init__(self, vms: list[Vm], times: Times, identify: str) -> None:
        self.env, self.times, self.identify = simpy.Environment(), times, identify
        self.vms = {vm.name: vm for vm in vms}
        self.running = {vm.name: None for vm in vms if vm.start_fs is None}
        self.known = {vm.name: vm.profile for vm in vms if vm.start_fs is None}
        self.owner = {vm.mac: vm.name for vm in reversed([vm for vm in vms if vm.start_fs is not None])}
        self.owner |= {vm.mac: vm.name for vm in vms if vm.start_fs is None}
        hosts = {vm.host for vm in vms}
        self.queues = {name: simpy.Store(self.env) for name in ("vm_manager", "network_manager", "switch", *hosts)}
        for vm in vms:
            if vm.start_fs is None:
                vm.runs, vm.carries = True, vm.profile
        for name in self.queues:
            self.env.process(self.party(name))
        for vm in vms:
            for word, at_fs in (("start", vm.start_fs), ("stop", vm.stop_fs)):
                if at_fs is not None:
                    self.env.process(self.later(at_fs, "vm_manager", ("order", word, vm.name)))
        self.env.process(self.polls())

    def run(self) -> None:
        """Go on to the end."""
        self.env.run(until=self.times.end_fs + 1)
        for vm in self.vms.values():
            if vm.since_fs is not None:
                vm.wrong.append((vm.since_fs, self.times.end_fs))

    def kind(self, name: str) -> str:
        return name if name in self.times.latency else "hypervisor"

    def later(self, after_fs: int, to: str, words: Words) -> Generator[Any, Any, None]:
        yield self.env.timeout(after_fs)
        yield self.queues[to].put(words)

    def say(self, to: str, *words: str) -> None:
        self.env.process(self.later(self.times.latency[self.kind(to)], to, words))

    def polls(self) -> Generator[Any, Any, None]:
        while True:
            yield self.env.timeout(self.times.poll_fs)
            yield self.queues["network_manager"].put(("poll",))

    def party(self, name: str) -> Generator[Any, Any, None]:
        work: Callable[[Words], None] = getattr(self, f"at_{self.kind(name)}")
        while True:
            words = yield self.queues[name].get()
            yield self.env.timeout(self.times.service[self.kind(name)])
            work(words)

    def at_vm_manager(self, words: Words) -> None:
        if words[0] == "order":
            if words[1] == "start":
                self.running[words[2]] = None
            else:
                del self.running[words[2]]
            self.say(self.vms[words[2]].host, *words[1:])
        elif words[0] == "which":
            self.say("network_manager", "running", *self.running)
        else:
            self.say("network_manager", "is", words[1])

    def at_hypervisor(self, words: Words) -> None:
        vm = self.vms[words[1]]
        if words[0] == "start":
            self.env.process(self.boots(vm))
            self.say("switch", "advert", vm.name)
        else:
            self.say("switch", "left", vm.name)
            self.becomes(vm, runs=False)

    def boots(self, vm: Vm) -> Generator[Any, Any, None]:
        yield self.env.timeout(self.times.boot_fs)
        self.becomes(vm, runs=True)

    def at_switch(self, words: Words) -> None:
        if words[0] == "advert":
            self.say("network_manager", "ask", words[1])
        elif words[0] == "left":
            self.becomes(self.vms[words[1]], carries=None)
            self.say("network_manager", "gone", words[1])
        else:
            self.becomes(self.vms[words[1]], carries=words[2])

    def at_network_manager(self, words: Words) -> None:
        if words[0] == "poll":
            self.say("vm_manager", "which")
        elif words[0] == "running":
            for name in words[1:]:
                vm = self.vms[name]
                self.owner[vm.mac] = name
                if self.known.get(name, vm.profile) != vm.profile:
                    self.serve(name, name)
        elif words[0] == "gone":
            self.known.pop(words[1], None)
        elif words[0] == "is":
            self.owner[self.vms[words[1]].mac] = words[1]
            self.serve(words[1], words[1])
        elif self.identify == "mac_and_word":
            self.say("vm_manager", "whose", words[1])
        else:
            self.serve(words[1], words[1] if self.identify == "vsi" else self.owner[self.vms[words[1]].mac])

    def serve(self, name: str, by: str) -> None:
        self.known[name] = self.vms[by].profile
        self.say("switch", "carry", name, self.vms[by].profile)

    def becomes(self, vm: Vm, **what: Any) -> None:
        for key, value in what.items():
            setattr(vm, key, value)
        is_wrong, at_fs = vm.runs and vm.carries not in (None, vm.profile), int(self.env.now) + 1
        if is_wrong and vm.since_fs is None:
            vm.since_fs = at_fs
        elif not is_wrong and vm.since_fs is not None:
            vm.wrong.append((vm.since_fs, at_fs))
            vm.since_fs = None
