"""Validate `multi_root`: one adapter that all servers share as hosts, each by a port of a multi-root switch."""

from __future__ import annotations

from typing import Annotated

from .adapter import Generation, Lanes
from .kinds import Block, Duration, Whole, Word, key
from .names import ServerName
from .pcie_tree import Passing, SwitchCredits

MULTI_ROOT = "multi_root"
DEDICATED = "dedicated"  # in `control`: a processor of the switch's own, not a host
MOST_HOSTS = 16  # each takes two of the switches that a run has room for
Controller = Annotated[str, ServerName("a host", DEDICATED)]


class HostPort(Block):
    """What a host has of the multi-root switch: its share of the link to the adapter, and a link of its own."""

    weight: Annotated[int, Whole(1, 255)] = key(
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
