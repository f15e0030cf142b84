"""What became of VMs that somebody started in a run: when they were served, what they lost, what telling cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import fsum
from typing import TYPE_CHECKING

from hwmodel.words.quantities import MISSING, Line, counted, table, time_text

if TYPE_CHECKING:
    from hwmodel.results.result import Result

VM_COLUMNS = (
    "VM", "profile", "ordered", "runs", "port", "wire", "served", "waited", "sent before", "lost", "under wrong rules",
)  # fmt: skip
VM_TEXT_COLUMNS = (0, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlledVm:
    """Say what became of a VM that was started in the run; times count from its first instant, None: never.

    `ordered_ns`: the administrator's order. `up_ns`: from when on it may send. `port_ns`, `wire_ns`: when its port
    first had its profile, and the bridge's port at its wire all VLANs of that; `served_ns`: both. `waited_ns`: how long
    it ran before that, and `early_frames` what it sent meanwhile. `lost_frames`: what it sent that did not arrive, some
    of it on its way at the end. `wrong_ns`, `wrong_frames`: how long it ran under another profile than its own, at its
    port or its wire, and what it sent meanwhile.
    """

    name: str
    at: str
    profile: str
    ordered_ns: float | None
    up_ns: float | None
    port_ns: float | None
    wire_ns: float | None
    served_ns: float | None
    stopped_ns: float | None
    waited_ns: float | None
    early_frames: int
    lost_frames: int
    wrong_ns: float
    wrong_frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlResult:
    """Say who told whom in a run, and what came of it.

    `messages`: how many of each kind; `bytes`: of all. `needless_vlans`: how many VLANs the bridges' ports carried on
    average that no running VM behind them needed. `flooded_frames`: at bridges. `needless_copies`: those of frames that
    came to a server, or a station, that was not to get them.
    """

    way: str
    identify: str
    vms: tuple[ControlledVm, ...]
    messages: Mapping[str, int]
    bytes: int
    needless_vlans: float
    flooded_frames: int
    needless_copies: int

    @property
    def n_messages(self) -> int:
        """Return how many messages there were."""
        return sum(self.messages.values())

    @property
    def ready_ns(self) -> list[float]:
        """Return how long after its order each VM was served, of those that were."""
        return [vm.served_ns - vm.ordered_ns for vm in self.vms if None not in (vm.served_ns, vm.ordered_ns)]  # type: ignore[operator]

    @property
    def n_unready(self) -> int:
        """Return how many VMs ran before they were served."""
        return sum(vm.up_ns is not None and vm.waited_ns != 0 for vm in self.vms)

    @property
    def lost_frames(self) -> int:
        """Return how many frames of VMs did not arrive."""
        return sum(vm.lost_frames for vm in self.vms)

    @property
    def wrong_frames(self) -> int:
        """Return how many frames VMs sent under another VM's profile."""
        return sum(vm.wrong_frames for vm in self.vms)


def control_sentence(found: ControlResult) -> str:
    """Say in one line how soon VMs were served, what they lost, and what that took."""
    ready = found.ready_ns
    n = len(found.vms)
    served = f"{len(ready)} of {counted(n, 'VM')} served"
    if ready:
        served += f" {time_text(fsum(ready) / len(ready))} after the order on average, {time_text(max(ready))} at most"
    wrong = f", {counted(found.wrong_frames, 'frame')} under wrong rules" if found.wrong_frames else ""
    return (
        f"Control by {found.way}: {served}; {found.n_unready} ran before that; {counted(found.lost_frames, 'frame')} "
        f"lost{wrong}; {counted(found.n_messages, 'message')} of {found.bytes:,} B; {found.needless_vlans:.2f} VLANs "
        "on ports that needed none"
    )


def vm_rows(found: ControlResult) -> list[tuple[str, ...]]:
    """Return a row of VM_COLUMNS for each VM."""
    return [
        (
            vm.name,
            vm.profile,
            *(
                MISSING if at_ns is None else time_text(at_ns)
                for at_ns in (vm.ordered_ns, vm.up_ns, vm.port_ns, vm.wire_ns, vm.served_ns, vm.waited_ns)
            ),
            f"{vm.early_frames:,}",
            f"{vm.lost_frames:,}",
            f"{vm.wrong_frames:,}",
        )
        for vm in found.vms
    ]


def control_lines(result: Result) -> Iterator[Line]:
    """Give a table of the VMs that were started."""
    assert result.control is not None, "who asks has one"
    yield Line("")
    yield from table(VM_COLUMNS, vm_rows(result.control), left_columns=VM_TEXT_COLUMNS)
    yield Line("")
