"""Who says where VMs are as they start: sends their gratuitous ARP, RARP and neighbour advertisements, in rounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hwmodel.agents.agent import Agent, Message, Thing, Timer, Turn
from hwmodel.config import Config
from hwmodel.config.agents import AgentBlock, OwnFrame
from hwmodel.config.announcer import Rounds
from hwmodel.config.check_announcer import announcements_of


class Announcer(Agent):
    """Announce VMs when a configuration says so, and when it is told a VM's name or the word for it.

    Who begins anew with a VM gives up what is left of the rounds before.
    """

    def __init__(self, name: str, block: AgentBlock, config: Config) -> None:
        own = block.announcer
        assert own is not None
        self._vms, self._rounds = own.vms, own.rounds
        self._frames = {
            vm: {kind: _frame(vm, one) for kind, one in kinds.items()} for vm, kinds in announcements_of(own, config)
        }
        frames = [frame for kinds in self._frames.values() for frame, _ in kinds.values()]
        super().__init__(name, block.server or "", work_fs=block.work_fs or 0, core=block.core or "", frames=frames)
        self._n_begun = dict.fromkeys(own.vms, 0)
        self._of_watch: dict[int, str] = {}

    def begin(self, at: Turn) -> None:
        """Set the times of all VMs, and watch those that are announced as they come up."""
        for vm, entry in self._vms.items():
            if entry.at_fs is not None:
                at.wake(entry.at_fs, (vm, "", 0, 0))
            if entry.up:
                self._of_watch[at.watch(vm=vm, up=True)] = vm

    def heeds(self, at: Turn, thing: Thing) -> bool:
        """Tell whether a word is about a VM, and a timer of rounds that still go on."""
        if isinstance(thing, Message):
            return any(self._meant(thing.text))
        if isinstance(thing, Timer):
            vm, kind, _, begun = thing.name
            return not kind or begun == self._n_begun[vm]
        return True

    def saw(self, at: Turn, watch: int) -> None:
        """Announce a VM that has come up."""
        self._announce(at, self._of_watch[watch])

    def heard(self, at: Turn, message: str, sender: str) -> None:
        """Announce the VMs that a word is about."""
        for vm in self._meant(message):
            self._announce(at, vm)

    def woke(self, at: Turn, timer: Any) -> None:
        """Begin with a VM, or send its next frame of a kind."""
        vm, kind, number, _ = timer
        if kind:
            self._send(at, vm, kind, number)
        else:
            self._announce(at, vm)

    def _meant(self, message: str) -> Iterator[str]:
        return (vm for vm, entry in self._vms.items() if message in (vm, entry.message))

    def _announce(self, at: Turn, vm: str) -> None:
        self._n_begun[vm] += 1
        for kind in self._rounds:
            self._send(at, vm, kind, 0)

    def _send(self, at: Turn, vm: str, kind: str, number: int) -> None:
        rounds: Rounds = self._rounds[kind]
        at.send_frame(*self._frames[vm][kind])
        if number + 1 < rounds.n:
            at.wake(rounds.gap_fs(number), (vm, kind, number + 1, self._n_begun[vm]))


def _frame(vm: str, said: Any) -> tuple[OwnFrame, bytes]:
    """Return a frame of a VM, and its bytes behind the type."""
    return OwnFrame(vm, said.destination, said.ethertype, packet=said.body[: said.n_read]), said.body
