"""Endless writes through PCIe switches, to the host or to peers: docs/datapath/pcie_link.md, "Writes to peers"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import simpy

from ..simpy_nic.cutting import Uncut, write_bytes
from ..simpy_nic.link import Direction, Transaction
from ..simpy_nic.model import link_of
from ..simpy_nic.parameters import NicParameters
from .pcie_tree import ROOT, Below, PcieTreeParameters, plant_tree


class PeerWriter(NamedTuple):
    """What an adapter writes: to whom (None: the host), how much at once, from where in a page on, how many wait."""

    peer: str | None
    n_bytes: int
    address: int
    waiting: int


class Moment(NamedTuple):
    """What has gone over an adapter's link up to a time, and come where it was for: TLPs, bytes, busy time; data."""

    up: tuple[int, int, int]
    down: tuple[int, int, int]
    came: int


class PeerWrites:
    """Adapters that write without end, and the switches between them."""

    def __init__(
        self, tree: PcieTreeParameters, adapters: Mapping[str, NicParameters], writers: Mapping[str, PeerWriter],
        *, by_root: bool,
    ) -> None:  # fmt: skip
        """Begin at 0. A root port that grants without end grants here what the switch below it does."""
        self.env = simpy.Environment()
        top = {one.name: one for one in tree.switches if one.behind == ROOT}
        behind = {one.name: one.behind for one in tree.switches}
        links: dict[str, tuple[NicParameters, tuple[Direction, Direction]]] = {}
        for name, nic in adapters.items():
            at = tree.slots[name].behind
            while at != ROOT and behind[at] != ROOT:
                at = behind[at]
            if at != ROOT:
                ph, pd = nic.posted_header_credits or top[at].ph, nic.posted_data_credits or top[at].pd
                nic = replace(nic, posted_header_credits=ph, posted_data_credits=pd)  # noqa: PLW2901
            links[name] = (nic, link_of(self.env, nic))
        self.switches, self.below = plant_tree(self.env, tree, links)
        for one in self.switches.values():
            one.grants_posted()
        self._links, self._writers = links, writers
        self._done = dict.fromkeys(writers, 0)
        for name, writer in writers.items():
            if writer.peer is not None:
                self.below[name].peer, self.below[name].by_root = self.below[writer.peer], by_root
            for _ in range(writer.waiting):
                self._write(name)

    def _write(self, name: str) -> None:
        nic, (up, _) = self._links[name]
        writer = self._writers[name]

        def done() -> None:
            self._done[name] += writer.n_bytes

        data = Uncut(writer.address, writer.n_bytes, nic, write_bytes)
        up.enter_posted(Transaction(nic.request_header_bytes, data, done, chosen=lambda: self._write(name)))

    def moments(self, at_fs: int) -> tuple[dict[str, Moment], dict[str, tuple[int, int]]]:
        """Run up to a time, all of it; return what has been, by adapter, and the bytes of each switch's link."""
        self.env.run(at_fs + 1)
        found = {}
        for name, (_, (up, down)) in self._links.items():
            sums = [(each.tlps, each.tlp_bytes, each._busy_fs) for each in (up, down)]
            found[name] = Moment(sums[0], sums[1], self._came(name))
        return found, {one.settings.name: (one.way_up.bytes_sent, one.way_down.bytes_sent)
                       for one in self.switches.values()}  # fmt: skip

    def _came(self, name: str) -> int:
        writer = self._writers.get(name)
        if writer is None or writer.peer is None:
            return self._done.get(name, 0)
        own: Below = self.below[name]
        return self.below[writer.peer].came.get(own, 0)
