"""Validate `control`: which VMs start when, and who tells the network of it, how late (docs/profiles.md)."""

from __future__ import annotations

from typing import Annotated, Literal

from .edge_agents import VdpEnd
from .kinds import Block, ByteCount, Duration, Listing, Truth, Word, key
from .names import Name, OwnName
from .run import LONGEST_RUN

# Who tells a port what its VM needs.
ControlWay = Literal[
    "trunks", "polling", "events", "orchestrator", "push", "vem", "advertisement", "vdp", "learned_mac"
]
Identity = Literal["mac", "mac_and_word", "vsi"]
MOST_MODULES = 64  # that a supervisor of virtual switches has (Cisco Nexus 1000V: 64 VEMs at a VSM)
_Time = Duration("0ns", LONGEST_RUN)
_When = Annotated[int, _Time]
VmName = Annotated[str, Name(with_servers=True)]
ProfileName = Annotated[str, OwnName("the name of a profile")]


class Party(Block):
    """Somebody who takes part: how late messages come to it, and what each takes it."""

    latency_fs: Annotated[int, _Time] = key("0ns", "Time that a message to it takes.", alias="latency")
    service_fs: Annotated[int, Duration("0ns", "10s")] = key(
        "0ns", "What each message, or order, takes it; those that come meanwhile wait.", alias="service"
    )


class NetworkManager(Party):
    """Who configures the network."""

    poll_fs: Annotated[int, Duration("1us", LONGEST_RUN)] | None = key(
        None, "How often it asks the VM manager which VMs run, the first time after as long; null: never.", alias="poll"
    )


class Modules(Block):
    """The supervisors (VSM) of the virtual switches of all servers, in way `vem`."""

    heartbeat_fs: Annotated[int, Duration("1us", LONGEST_RUN)] = key(
        "1s", "How often the active one sends each module, and the standby, a heartbeat.", alias="heartbeat"
    )
    standby: Annotated[bool, Truth()] = key(True, "Whether there is a standby, which takes over.")
    takeover_fs: Annotated[int, Duration("1us", LONGEST_RUN)] = key(
        "6s", "How long after the last heartbeat that it has heard the standby takes over.", alias="takeover"
    )
    fails_fs: _When | None = key(None, "When the active one fails; null: never.", alias="fails")


class ProfileChange(Block):
    """What an administrator changes in mid-run: who has a profile is given another."""

    at_fs: _When = key(..., "When it is changed.", alias="at")
    profile: ProfileName = key(..., "The profile that VMs have.")
    becomes: ProfileName = key(..., "The one that they get in its place.")


class Control(Block):
    """Who tells whom that a VM starts."""

    way: Annotated[ControlWay, Word(ControlWay)] = key(
        "events",
        "trunks: ports carry all VLANs; polling: the network manager asks the VM manager; events: that tells it; "
        "orchestrator: one tells both, the network first; push: an advertisement has the manager push the profile to "
        "the virtual switch and the port; vem: the virtual switch fetches it from its supervisor; advertisement: the "
        "port's switch asks the manager; vdp: the hypervisor asks the switch by frames of VDP; learned_mac: the switch "
        "asks the manager once it sees the VM's first frame.",
    )
    identify: Annotated[Identity, Word(Identity)] = key(
        "vsi",
        "By what the network manager finds a profile where it is asked for one. mac: by the address, as it was last "
        "told whose that is; mac_and_word: by the address, and it asks the VM manager whose it is; vsi: by the VM.",
    )
    starts: dict[VmName, _When] = key({}, "When VMs are ordered to start: {web1: 2s}; the others of `vms` run.")
    stops: dict[VmName, _When] = key({}, "When VMs are ordered to stop: {web1: 9s}.")
    vm_start_fs: Annotated[int, _Time] = key(
        "5s", "From the hypervisor's start of a VM to the first frame that it may send.", alias="vm_start"
    )
    changes: Annotated[tuple[ProfileChange, ...], Listing("[{at: 3s, profile: web, becomes: gold}]")] = key(
        [], "Profiles that become others in mid-run, port by port as messages reach them."
    )
    vm_manager: Party = key({}, "The VM manager.")
    network_manager: NetworkManager = key({}, "The network manager; in way vem the supervisors.")
    orchestrator: Party = key({}, "The orchestrator, in the way of that name.")
    hypervisor: Party = key({}, "The hypervisor of each server, with its virtual switch or adapter.")
    switch: Party = key({}, "The control of each bridge.")
    modules: Modules = key({}, "The supervisors, in way vem.")
    vdp: VdpEnd = key({}, "Both ends of VDP, in way vdp.")
    message_bytes: Annotated[int, ByteCount("64B", "64KiB")] = key(
        "256B", "What a message counts, all headers included."
    )
