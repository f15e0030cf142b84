"""Validate what is between adapters and hosts: a server's `tree`, and `multi_root`, a switch that hosts share.

A tree has PCIe switches, and slots in which the server's adapters stand. By a multi-root switch all servers share one
adapter as hosts, each with a port of the switch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from hwmodel.rules.capacities import MOST_HOSTS

from .adapter import Generation, Lanes
from .kinds import Block, Duration, Listing, Truth, Whole, Word, key
from .names import ServerName

ROOT = "root"  # in `behind`: a root port of the host, one for each switch or slot that names it
Passing = Literal["cut_through", "store_and_forward"]
SwitchName = Annotated[str, ServerName("a PCIe switch")]
Behind = Annotated[str, ServerName("a PCIe switch", ROOT)]
HeaderRoom = Annotated[int, Whole(1, 127)]  # never infinite, as a switch's buffers are finite
DataRoom = Annotated[int, Whole(8, 2047)]
_WEIGHT = Whole(1, 255)
MULTI_ROOT = "multi_root"
DEDICATED = "dedicated"  # in `control`: a processor of the switch's own, not a host
Controller = Annotated[str, ServerName("a host", DEDICATED)]


class SwitchCredits(Block):
    """What each port of a PCIe switch grants for what comes by it: lower ports for P and NP, the upper for CPL."""

    ph: HeaderRoom = key(64, "Posted header credits of each lower port, one a memory write.")
    pd: DataRoom = key(512, "Posted data credits of each lower port, 16 B each.")
    nph: HeaderRoom = key(64, "Non-posted header credits of each lower port, one a read request.")
    cplh: HeaderRoom = key(64, "Completion header credits of the upper port.")
    cpld: DataRoom = key(512, "Completion data credits of the upper port, 16 B each.")
    return_fs: Annotated[int, Duration("0ns", "1ms")] = key(
        "200ns", "Time from when a TLP has left the switch to the return of its credits.", alias="return"
    )


class TreeSwitch(Block):
    """A PCIe switch, by its name, with the link of its one upper port."""

    name: SwitchName = key(..., "Name of the switch; in results the two directions of its link are a.s1.up, a.s1.down.")
    behind: Behind = key(ROOT, "What the upper port's link leads to: a root port of its own, or another switch.")
    generation: Generation = key(2, "PCI Express generation of that link.")
    lanes: Lanes = key(4, "Width of that link.")
    propagation_fs: Annotated[int, Duration("0ns", "1us")] = key(
        "0ns", "Time from the end of a TLP's transmission on that link to its receipt, each way.", alias="propagation"
    )
    latency_fs: Annotated[int, Duration("1ns", "1us")] = key(
        "150ns", "Time that a TLP takes through the switch, each way, as `pcie.switch_latency`.", alias="latency"
    )
    forwarding: Annotated[Passing, Word(Passing)] = key(
        "cut_through",
        "Whether a TLP may leave as it still comes, or (store_and_forward) once its last byte has come.",
    )
    weight: Annotated[int, _WEIGHT] = key(
        1, "TLPs that the port above takes of this switch in a turn, where that is a switch's."
    )
    credits: SwitchCredits = key({}, "Flow-control credits that the switch grants at its ports.")


class Slot(Block):
    """Where an adapter stands: behind what, and how wide its slot is."""

    behind: Behind = key(ROOT, "Whose slot it is: of a root port of its own, or of a PCIe switch by its name.")
    generation: Generation | None = key(
        None, "Newest generation of the slot; null: that of the adapter, `pcie.generation`."
    )
    lanes: Lanes | None = key(
        None, "Lanes of the slot; the link has as many as the narrower end. null: as many as the adapter, `pcie.lanes`."
    )
    weight: Annotated[int, _WEIGHT] = key(1, "TLPs that the switch takes of the slot in a turn (weighted round robin).")


class PcieTree(Block):
    """The PCIe tree of a host: its switches, and a slot for each of its adapters."""

    switches: Annotated[tuple[TreeSwitch, ...], Listing("[{name: s1, lanes: 4}]")] = key(
        [], "PCIe switches: [{name: s1, lanes: 4}, {name: s2, behind: s1}]."
    )
    slots: dict[SwitchName, Slot] = key(
        {}, "The slot of each adapter of the server, by the adapter's name: {x: {behind: s1, weight: 3}, y: {behind: "
        "s1, lanes: 4}, z: {}}."
    )  # fmt: skip
    acs: Annotated[bool, Truth()] = key(
        True,
        "Whether ports keep adapters apart, as Linux lets them where it has an IOMMU (ACS: requests to each other are "
        "redirected to the root): as `config-space` shows it; `dma --peer` says what it costs.",
        unsaid=True,
    )

    @property
    def above(self) -> dict[str, str]:
        """Return what each switch is behind, by its name."""
        return {one.name: one.behind for one in self.switches}

    def switches_over(self, adapter: str) -> tuple[TreeSwitch, ...]:
        """Return the switches between an adapter and the host, the lowest first; a loop is followed only once."""
        by_name = {one.name: one for one in self.switches}
        slot = self.slots.get(adapter)
        return tuple(by_name[name] for name in way_to_root(slot.behind, self.above)) if slot else ()


class HostPort(Block):
    """What a host has of the multi-root switch: its share of the link to the adapter, and a link of its own."""

    weight: Annotated[int, _WEIGHT] = key(
        1, "Share of the host in the link between switch and adapter, in bytes, each way (deficit round robin)."
    )
    generation: Generation | None = key(
        None, "PCI Express generation of the host's own link; null: that of the adapter's, `pcie.generation`."
    )
    lanes: Lanes | None = key(None, "Width of the host's own link; null: that of the adapter's, `pcie.lanes`.")
    propagation_fs: Annotated[int, Duration("0ns", "1us")] = key(
        "0ns", "Time from the end of a TLP's transmission on the host's own link to its receipt, each way.",
        alias="propagation",
    )  # fmt: skip


class MultiRoot(Block):
    """A multi-root switch between one adapter and several hosts, which are the servers."""

    ports: Annotated[int, Whole(1, MOST_HOSTS)] = key(8, "Ports of the switch that a host may be at.")
    hosts: dict[Annotated[str, ServerName("a server")], HostPort] = key(
        {}, "Hosts that differ from the defaults, by the server's name: {a: {weight: 3, lanes: 4}}."
    )
    control: Controller = key(
        DEDICATED,
        "Who has the control plane, which says how the hosts share the adapter and which functions they have: a "
        "processor of the switch's own (dedicated), or a host by its name.",
    )
    latency_fs: Annotated[int, Duration("1ns", "1us")] = key(
        "150ns", "Time that a TLP takes through the switch, each way, as `pcie.switch_latency`.", alias="latency"
    )
    inside_latency_fs: Annotated[int, Duration("1ns", "1us")] = key(
        "20ns", "Time that a TLP takes between the adapter's link and a host's part of the adapter, each way.",
        alias="inside_latency",
    )  # fmt: skip
    forwarding: Annotated[Passing, Word(Passing)] = key(
        "cut_through",
        "Whether a TLP may leave switch and adapter as it still comes, or (store_and_forward) once its last byte has.",
    )
    credits: SwitchCredits = key(
        {}, "Flow-control credits that each port of the switch, and of the adapter's inside, grants each host."
    )

    def port_of(self, host: str) -> HostPort:
        """Return what a host has of the switch."""
        return self.hosts.get(host) or HostPort()


def way_to_root(behind: str, above: Mapping[str, str]) -> Iterator[str]:
    """Yield the switches from `behind` up to the root, the lowest first, each once; stop at one that is not known."""
    seen: set[str] = set()
    while behind in above and behind not in seen:
        seen.add(behind)
        yield behind
        behind = above[behind]
