"""Those who control VMs in a run: who is told what, by whom, in each way (docs/profiles.md).

Each is an agent beside the servers with a queue of its own: it takes `service` for each message, and a message to it
comes `latency` after it was sent. What it does to a device holds 1 fs behind the end of its work.
"""

from __future__ import annotations

from collections.abc import Sequence

from hwmodel.agents.agenda import BEHIND_FS
from hwmodel.agents.agent import Agent, Message, Thing, Timer, Turn
from hwmodel.agents.control_plane import ControlPlane, switch_of
from hwmodel.agents.control_vdp import ends_of, station_of
from hwmodel.agents.edge_end import Association
from hwmodel.config import Config
from hwmodel.config.check_edge_agents import vlans_key
from hwmodel.config.control import Party
from hwmodel.config.live_configuration import Setting

VM_MANAGER, NETWORK_MANAGER, ORCHESTRATOR, STANDBY = "vm_manager", "network_manager", "orchestrator", "standby"
SIGHT = "frame"  # what the switch sees on its wire, which is no message of control
# Who gives a VM's port its profile: the hypervisor by itself as it starts the VM, or whoever it asks.
_ASKED = ("push", "vem")
# The manager tells bridges nothing: all their ports carry all, or hypervisors tell them.
_NOT_TOLD = ("trunks", "vdp")


class Controller(Agent):
    """Take part in the control of VMs: what a message, or a timer, says is done by the method of its first word."""

    reaches = True

    def __init__(self, plane: ControlPlane, name: str, party: Party) -> None:
        super().__init__(name, apart=True, work_fs=party.service_fs, sets_load=True)
        self.latency_fs, self.plane, self.way = party.latency_fs, plane, plane.control.way

    def tell(self, at: Turn, to: str, *words: str) -> None:
        """Send a message of control."""
        self.plane.messages[words[0]] += 1
        at.send(to, " ".join(words))

    def heard(self, at: Turn, message: str, sender: str) -> None:
        """Do what a message asks for."""
        word, *about = message.split()
        getattr(self, f"on_{word}")(at, sender, *about)

    def woke(self, at: Turn, timer: tuple[str, ...]) -> None:
        """Do what was to be done now."""
        getattr(self, f"on_{timer[0]}")(at, "", *timer[1:])

    def heeds(self, at: Turn, thing: Thing) -> bool:
        """Do at once what its work has just been for; take everything else."""
        if isinstance(thing, Timer) and thing.name[0] == "then":
            getattr(self, f"then_{thing.name[1]}")(at, *thing.name[2:])
            return False
        return True

    def then(self, at: Turn, word: str, *about: str | None) -> None:
        """Do something at the end of this turn's work, with what there is then."""
        at.wake(0, ("then", word, *about))

    def sent(self, at: Turn, vm: str) -> int:
        """Return how many frames a VM has sent by now."""
        return at.read(vm, "sent")


class Starter(Controller):
    """Whom the administrator tells to start and stop VMs: the VM manager, or an orchestrator above it."""

    def begin(self, at: Turn) -> None:
        """Wait for the times of starts and stops."""
        for word, times in (("start", self.plane.control.starts), ("stop", self.plane.control.stops)):
            for vm, at_fs in times.items():
                at.wake(at_fs, (word, vm))

    def heeds(self, at: Turn, thing: Thing) -> bool:
        """Note when a start is ordered."""
        if isinstance(thing, Timer) and thing.name[0] == "start":
            self.plane.ordered(thing.name[1], at.now_fs)
        return super().heeds(at, thing)


class VmManager(Starter):
    """Have VMs started by their hypervisors, and say which run to whoever may ask."""

    def __init__(self, plane: ControlPlane, name: str, party: Party) -> None:
        super().__init__(plane, name, party)
        self.running = {name: None for name in plane.courses if name not in plane.control.starts}

    def begin(self, at: Turn) -> None:
        """Wait for the administrator, unless there is an orchestrator."""
        if self.way != "orchestrator":
            super().begin(at)

    def on_start(self, at: Turn, sender: str, vm: str) -> None:
        """Have a VM started."""
        self.running[vm] = None
        self.tell(at, self.plane.host(vm), "start", vm)
        if self.way == "events":
            self.tell(at, NETWORK_MANAGER, "started", vm)

    def on_stop(self, at: Turn, sender: str, vm: str) -> None:
        """Have a VM stopped."""
        self.running.pop(vm, None)
        self.tell(at, self.plane.host(vm), "stop", vm)
        if self.way == "events":
            self.tell(at, NETWORK_MANAGER, "stopped", vm)

    def on_which(self, at: Turn, sender: str) -> None:
        """Say which VMs run."""
        self.tell(at, sender, "running", *self.running)

    def on_whose(self, at: Turn, sender: str, vm: str) -> None:
        """Say whose the address of a VM is."""
        self.tell(at, sender, "owner", vm)


class Orchestrator(Starter):
    """Have the network made ready first, and then the VM started."""

    def on_start(self, at: Turn, sender: str, vm: str) -> None:
        """Have the network made ready."""
        self.tell(at, NETWORK_MANAGER, "prepare", vm)

    def on_ready(self, at: Turn, sender: str, vm: str) -> None:
        """Have the VM started."""
        self.tell(at, VM_MANAGER, "start", vm)

    def on_stop(self, at: Turn, sender: str, vm: str) -> None:
        """Have the VM stopped, and the network told."""
        self.tell(at, VM_MANAGER, "stop", vm)
        self.tell(at, NETWORK_MANAGER, "stopped", vm)


class NetworkManager(Controller):
    """Find the profile of a VM, and have its wire carry the VLANs of that; in way vem a supervisor of modules."""

    unlisted = frozenset({"beat"})

    def __init__(self, plane: ControlPlane, name: str, party: Party, poll_fs: int | None) -> None:
        super().__init__(plane, name, party)
        self.poll_fs, self.is_active, self.n_beats = poll_fs, name == NETWORK_MANAGER, 0
        self.waiting: list[tuple[str, str]] = []  # changes that come while nobody is active
        # VMs that run, with the profile that each was found to have.
        self.known = {name: one.profile for name, one in plane.courses.items() if one.runs}

    def begin(self, at: Turn) -> None:
        """Wait for the first poll, for changes, and for failures."""
        control = self.plane.control
        if self.poll_fs is not None and self.is_active:
            at.wake(self.poll_fs, ("poll",))
        for change in control.changes:
            at.wake(change.at_fs, ("change", change.profile, change.becomes))
        if self.way == "vem" and self.is_active:
            if control.modules.fails_fs is not None:
                at.wake(control.modules.fails_fs, ("fail",))
            if control.modules.standby:
                at.wake(control.modules.heartbeat_fs, ("beat",))
        elif self.way == "vem":
            at.wake(self.latency_fs + control.modules.takeover_fs, ("unheard", 0))

    def heeds(self, at: Turn, thing: Thing) -> bool:
        """Wind polls and heartbeats up; hear nothing while it is not active, but heartbeats, and keep changes."""
        modules = self.plane.control.modules
        if isinstance(thing, Message) and thing.text == "beat":
            self.n_beats += 1
            at.wake(modules.takeover_fs, ("unheard", self.n_beats))
            return False
        match thing.name if isinstance(thing, Timer) else ():
            case ("poll",):
                assert self.poll_fs is not None, "else nothing was wound up"
                at.wake(self.poll_fs, ("poll",))
            case ("beat",):
                if self.is_active:
                    at.send(STANDBY, "beat")
                    at.wake(modules.heartbeat_fs, ("beat",))
                return False
            case ("fail",):
                self.is_active = False
            case ("unheard", n_beats):
                return not self.is_active and n_beats == self.n_beats
            case ("change", profile, becomes) if not self.is_active:
                self.waiting.append((profile, becomes))
        return self.is_active and super().heeds(at, thing)

    def on_unheard(self, at: Turn, sender: str, n_beats: int) -> None:
        """Take over, as no heartbeat has come for so long: what changed since the other failed is done now."""
        self.is_active = True
        for host in self.plane.hosts:
            self.tell(at, host, "active", self.name)
        fails_fs = self.plane.control.modules.fails_fs
        since = {(one.profile, one.becomes): one.at_fs for one in self.plane.control.changes}
        for change in self.waiting:
            if fails_fs is not None and since[change] >= fails_fs:
                self.on_change(at, "", *change)

    def on_poll(self, at: Turn, sender: str) -> None:
        """Ask which VMs run."""
        self.tell(at, VM_MANAGER, "which")

    def on_running(self, at: Turn, sender: str, *vms: str) -> None:
        """Take the VM manager's word for who runs, and so for whose an address is."""
        for vm in vms:
            self.plane.owners[self.plane.courses[vm].mac] = vm
            if (self.way == "polling" and vm not in self.known) or self.known.get(vm, "") not in (
                "",
                self._profile(vm),
            ):
                self._serve(at, vm, self._profile(vm))
        if self.way == "polling":
            for vm in [vm for vm in self.known if vm not in vms]:
                self.on_stopped(at, sender, vm)

    def on_started(self, at: Turn, sender: str, vm: str) -> None:
        """Serve a VM by the VM manager's word."""
        self.plane.owners[self.plane.courses[vm].mac] = vm
        self._serve(at, vm, self._profile(vm))

    on_prepare = on_started

    def on_carried(self, at: Turn, sender: str, vm: str) -> None:
        """Tell an orchestrator that the network is ready."""
        self.tell(at, ORCHESTRATOR, "ready", vm)

    def on_stopped(self, at: Turn, sender: str, vm: str) -> None:
        """Have a wire carry the VLANs of a VM no longer."""
        if self.known.pop(vm, None) is not None and self.way not in (*_NOT_TOLD, "push", "advertisement"):
            self.tell(at, self.plane.switch(vm), "drop", vm)

    def on_ask(self, at: Turn, sender: str, vm: str) -> None:
        """Find the profile of a VM, by what `identify` says."""
        identify = self.plane.control.identify
        if identify == "mac_and_word":
            self.tell(at, VM_MANAGER, "whose", vm)
        else:
            owner = vm if identify == "vsi" else self.plane.owners[self.plane.courses[vm].mac]
            self._serve(at, vm, self._profile(owner))

    on_owner = on_started

    def on_change(self, at: Turn, sender: str, profile: str, becomes: str) -> None:
        """Give whoever has a profile another, port by port."""
        for vm, course in self.plane.courses.items():
            if course.profile == profile:
                course.profile = becomes
                if course.runs:
                    self.known[vm] = becomes
                    self.tell(at, self.plane.host(vm), "give", vm, becomes)
                    if self.way not in _NOT_TOLD:
                        self.tell(at, self.plane.switch(vm), "carry", vm, becomes)

    def _profile(self, vm: str) -> str:
        return self.plane.courses[vm].profile

    def _serve(self, at: Turn, vm: str, profile: str) -> None:
        self.known[vm] = profile
        if self.way not in _NOT_TOLD:
            self.tell(at, self.plane.switch(vm), "carry", vm, profile)
        if self.way in _ASKED:
            self.tell(at, self.plane.host(vm), "give", vm, profile)


class SwitchControl(Controller):
    """Have the ports of a bridge carry VLANs; find out by itself who is there where nobody tells it."""

    def begin(self, at: Turn) -> None:
        """Begin with what VMs that run need, in way trunks with all there is."""
        for wire, bridge in self.plane.bridges.items():
            if switch_of(bridge) == self.name:
                self._set(at, wire)

    def on_carry(self, at: Turn, sender: str, vm: str, profile: str) -> None:
        """Have a VM's wire carry the VLANs of a profile."""
        self.then(at, "carry", vm, profile)
        if self.way == "orchestrator" and self.plane.courses[vm].up_fs is None:
            self.tell(at, sender, "carried", vm)

    def on_drop(self, at: Turn, sender: str, vm: str) -> None:
        """Have a VM's wire no longer carry VLANs for it."""
        self.then(at, "carry", vm, None)

    def then_carry(self, at: Turn, vm: str, profile: str | None) -> None:
        """Give the bridge's port its VLANs."""
        self.plane.carry(vm, profile, at.now_fs + BEHIND_FS, self.sent(at, vm))
        self._set(at, self.plane.courses[vm].vm.wire)

    def on_advert(self, at: Turn, sender: str, vm: str) -> None:
        """Ask what a VM needs that a hypervisor has advertised, or whose frame has come."""
        self.tell(at, NETWORK_MANAGER, "ask", vm)

    on_frame = on_advert

    def on_left(self, at: Turn, sender: str, vm: str) -> None:
        """Forget a VM that a hypervisor says has left."""
        self.on_drop(at, sender, vm)
        self.tell(at, NETWORK_MANAGER, "stopped", vm)

    def on_silence(self, at: Turn, sender: str, vm: str) -> None:
        """Forget a VM once its address has aged."""
        at.wake(self.plane.bridges[self.plane.courses[vm].vm.wire].settings.ageing_fs, ("drop", vm))

    def _set(self, at: Turn, wire: str) -> None:
        key = vlans_key(self.plane.bridges[wire], wire)
        at.set(Setting(self.name, (), {key: sorted(self.plane.carried(wire))}))


class Hypervisor(Controller):
    """Start VMs, and give their ports their profiles: at once, or as somebody says."""

    def __init__(self, plane: ControlPlane, name: str, party: Party) -> None:
        super().__init__(plane, name, party)
        self.supervisor, self.pending = NETWORK_MANAGER, dict[str, None]()

    def heeds(self, at: Turn, thing: Thing) -> bool:
        """Note that a VM has booted, which is no work of the hypervisor's."""
        if isinstance(thing, Timer) and thing.name[0] == "up":
            vm = thing.name[1]
            self.plane.up(vm, at.now_fs + BEHIND_FS, self.sent(at, vm))
            at.set(Setting(self.name, (), {"workload.stopped": self.plane.stopped()}))
            return False
        return super().heeds(at, thing)

    def on_start(self, at: Turn, sender: str, vm: str) -> None:
        """Start a VM, and have its port given its profile."""
        at.wake(self.plane.control.vm_start_fs, ("up", vm))
        if self.way not in _ASKED:
            self.on_give(at, sender, vm, self.plane.courses[vm].profile)
        if self.way in ("push", "advertisement"):
            self.tell(at, self.plane.switch(vm), "advert", vm)
        if self.way == "vem":
            self.pending[vm] = None
            self.tell(at, self.supervisor, "ask", vm)

    def on_give(self, at: Turn, sender: str, vm: str, profile: str) -> None:
        """Give the port of a VM a profile."""
        self.pending.pop(vm, None)
        self.then(at, "give", vm, profile)

    def then_give(self, at: Turn, vm: str, profile: str) -> None:
        """Give the port its profile."""
        before = self.plane.courses[vm].given
        self.plane.give(vm, profile, at.now_fs + BEHIND_FS, self.sent(at, vm))
        if self.way == "vdp":
            self._associate(at, vm, before, profile)
        at.set(Setting(self.name, (), {self.plane.courses[vm].vm.key("profile"): profile}))

    def on_stop(self, at: Turn, sender: str, vm: str) -> None:
        """Stop a VM, and take its port's profile away."""
        self.then(at, "stop", vm)
        if self.way in ("push", "advertisement"):
            self.tell(at, self.plane.switch(vm), "left", vm)
        if self.way == "vem":
            self.tell(at, self.supervisor, "stopped", vm)
        if self.way == "learned_mac":
            at.send(self.plane.switch(vm), f"silence {vm}")

    def then_stop(self, at: Turn, vm: str) -> None:
        """Take the VM down."""
        before = self.plane.courses[vm].given
        self.plane.down(vm, at.now_fs + BEHIND_FS, self.sent(at, vm))
        if self.way == "vdp":
            self._associate(at, vm, before, None)
        key = self.plane.courses[vm].vm.key("profile")
        at.set(Setting(self.name, (), {"workload.stopped": self.plane.stopped(), key: None}))

    def _associate(self, at: Turn, vm: str, before: str | None, now: str | None) -> None:
        """Have the bridge asked for what a VM needs now, and no longer for what it needed before."""
        station = station_of(self.plane.courses[vm].vm.wire)
        for word, profile in (("associate", now), ("de_associate", before)):
            if profile is not None:
                at.send(station, f"{word} {vm} {profile}")

    def on_active(self, at: Turn, sender: str, supervisor: str) -> None:
        """Ask a new supervisor what the one before has not answered."""
        self.supervisor = supervisor
        for vm in self.pending:
            self.tell(at, supervisor, "ask", vm)


class Sight(Agent):
    """See the first frame of each VM of a server, and have it come to the bridge's control."""

    def __init__(self, plane: ControlPlane, server: str) -> None:
        super().__init__(f"wire_{server}" if server else "wire", server)
        own = (name for name in plane.control.starts if plane.courses[name].vm.server.name == server)
        self.plane, self.of_watch = plane, dict(enumerate(own))
        self.numbers = dict[int, str]()

    def begin(self, at: Turn) -> None:
        """Watch each VM."""
        self.numbers = {at.watch(of=vm, figure="sent", above=0): vm for vm in self.of_watch.values()}

    def saw(self, at: Turn, watch: int) -> None:
        """Have the frame come to the bridge."""
        vm = self.numbers[watch]
        at.send(self.plane.switch(vm), f"{SIGHT} {vm}")


def controllers_of(config: Config, notes: list[Association]) -> tuple[ControlPlane | None, Sequence[Agent]]:
    """Return those who control VMs in a configuration, with what they know together; None and nobody without any.

    Associations of VDP are added to `notes`.
    """
    control = config.control
    if control is None:
        return None, ()
    plane = ControlPlane(config)
    way, manager = control.way, control.network_manager
    found: list[Agent] = [VmManager(plane, VM_MANAGER, control.vm_manager)]
    if way == "orchestrator":
        found.append(Orchestrator(plane, ORCHESTRATOR, control.orchestrator))
    found.append(NetworkManager(plane, NETWORK_MANAGER, manager, manager.poll_fs))
    if way == "vem" and control.modules.standby:
        found.append(NetworkManager(plane, STANDBY, manager, None))
    for vm in plane.courses:
        for kind, name, party in (
            (SwitchControl, plane.switch(vm), control.switch), (Hypervisor, plane.host(vm), control.hypervisor),
        ):  # fmt: skip
            if name not in [one.name for one in found] and (kind is Hypervisor or way != "vdp"):
                found.append(kind(plane, name, party))
    if way == "vdp":
        found += ends_of(plane, switch_of, notes)
    if way == "learned_mac":
        found += (Sight(plane, server) for server in dict.fromkeys(
            plane.courses[vm].vm.server.name for vm in control.starts))  # fmt: skip
    return plane, found
