"""A VF's range 0 as its driver uses it: queues, interrupt causes, mailbox; and the PF's driver at its other end.

A write raises InputError at what software must not do, where hardware would behave as it likes: a ring that is no
multiple of eight descriptors or too long, a head or tail beyond its end, a ring changed while its queue is enabled,
queues and vectors that the VF does not have.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hwmodel.config_space.memory_registers import Place, RegisterFile
from hwmodel.config_space.msix_table import MsixTable
from hwmodel.config_space.vf_register_tables import (
    FUNCTION_RESET,
    QUEUE_ENABLE,
    RING_STEP_BYTES,
    TWO_QUEUES,
    VECTOR_NUMBER,
    VECTOR_VALID,
    VfMailbox,
    VfRegisters,
)
from hwmodel.errors import InputError
from hwmodel.functions.mailbox import Words
from hwmodel.functions.pf_driver import handle
from hwmodel.functions.pf_driver_state import PfState, Vf
from hwmodel.rules.mailbox_messages import MAILBOX_WORDS, MessageType
from hwmodel.rules.pcie_link import DESCRIPTOR_BYTES

# Names of a ring's registers, after the prefix VFR or VFT.
BASES, LENGTH, HEAD, TAIL, CONTROL = ("DBAL", "DBAH"), "DLEN", "DH", "DT", "XDCTL"


class MailboxPartner:
    """The PF's driver (`functions.pf_driver`) as VFs meet it over their mailboxes, with its state kept.

    `state`: what it knows. `said`: its answers in words, until they are collected.
    """

    def __init__(self, state: PfState) -> None:
        self.state = state
        self.said: list[str] = []

    def answer(self, vf: int, words: Words) -> Words | None:
        """Return the reply to a VF's message, None for nothing."""
        answer = handle(self._knowing(vf), vf, words)
        self.state = answer.state
        what = f"the PF answers 0x{answer.reply[0]:08x}" if answer.reply else "the PF answers nothing"
        self.said.append(f"{what} ({answer.why})" if answer.why else what)
        return answer.reply

    def see_reset(self, vf: int, *, is_new: bool = False) -> None:
        """Handle a VF's reset like a RESET message, but let it send only if it could before; a new VF cannot yet."""
        before = self._knowing(vf)
        after = handle(before, vf, (MessageType.RESET,)).state
        is_heard = before.vfs[vf].clear_to_send and not is_new
        self.state = after.with_vf(vf, replace(after.vfs[vf], clear_to_send=is_heard))

    def link_rate_bps(self, vf: int) -> int | None:
        """Return the rate of a VF's link, None where it is down."""
        state = self._knowing(vf)
        return state.adapter.port_rate_bps if state.vfs[vf].link_enabled else None

    def _knowing(self, vf: int) -> PfState:
        """Return the state with a VF added, if software has enabled more VFs than are configured."""
        n_more = vf + 1 - len(self.state.vfs)
        return replace(self.state, vfs=(*self.state.vfs, *[Vf(clear_to_send=False)] * n_more))


class VfRange:
    """Hold the registers of a VF, beside its MSI-X table; `most_descriptors`: of the longest ring.

    `number`: its place among the VFs of its PF.
    """

    def __init__(
        self,
        registers: VfRegisters,
        number: int,
        n_queues: int,
        most_descriptors: int,
        table: MsixTable,
        partner: MailboxPartner,
        name: str = "vf0",
    ) -> None:
        self._registers, self._number, self._vf = registers, number, name
        self._table, self._partner = table, partner
        self._n = {"queue": n_queues, "vector": table.n_vectors}
        self._most_descriptors = most_descriptors
        self._file = RegisterFile(registers.blocks, registers.offers)
        self._is_served = False
        self._put("VFMAILBOX", VfMailbox.RSTI)

    def read(self, at: int) -> int:
        """Answer a read. Raises InputError where no register of this VF is."""
        return self._file.read(self._place(at).at)

    def write(self, at: int, value: int) -> int:
        """Take a write, with its effects; return the value after it. Raises InputError as `read` and as said above."""
        place = self._place(at)
        self._check(place, value)
        self._file.write(at, value)
        follows = _FOLLOWS.get(place.register.name)
        if follows is not None:
            follows(self, value)
        return self._file.get(at)

    def reset(self) -> None:
        """Reset the VF's queues and interrupts, by itself (VFCTRL) or with the function; tell the PF's driver."""
        link = self._get(self._registers.link)
        self._file.reset()
        self._put(self._registers.link, link)
        self._put("VFMAILBOX", 0 if self._is_served else VfMailbox.RSTI)
        self._partner.see_reset(self._number)

    def serve(self, is_served: bool) -> None:
        """Show the VF whether the PF's driver is there: RSTI says that it is not, RSTD that it has come."""
        if is_served != self._is_served:
            flags = self._get("VFMAILBOX") & ~(VfMailbox.RSTI | VfMailbox.RSTD)
            self._put("VFMAILBOX", flags | (VfMailbox.RSTD if is_served else VfMailbox.RSTI))
        self._is_served = is_served

    def tell_link(self, rate_bps: int | None) -> None:
        """Show the link up at a rate, or down (None); rates that the register cannot show appear as its highest."""
        values = self._registers.link_values
        self._put(self._registers.link, 0 if rate_bps is None else values.get(rate_bps, values[max(values)]))

    def _get(self, name: str, index: int = 0) -> int:
        return self._file.get(self._registers.at(name, index))

    def _put(self, name: str, value: int, index: int = 0) -> None:
        self._file.put(self._registers.at(name, index), value)

    def _place(self, at: int) -> Place:
        place = self._file.place(at)
        if place is None:
            raise InputError(f"no register is at {at:#x}")
        each = place.block.each
        if place.number >= self._n.get(each, place.number + 1):
            n = self._n[each]
            raise InputError(
                f"{self._vf} has {n} {each}{'s' * (n > 1)}; {at:#x} is {place.name}, of {each} {place.number}"
            )
        return place

    def _check(self, place: Place, value: int) -> None:
        if place.block.each == "queue":
            self._check_ring(place, value)
        elif place.block.each == TWO_QUEUES:
            for byte in range(4):
                queue = 2 * place.number + byte // 2
                is_mapped = self._check_vector(place, value >> 8 * byte & 0xFF)
                if is_mapped and queue >= self._n["queue"]:
                    raise InputError(f"{place.name} maps queue {queue}, and {self._vf} has {self._n['queue']}")
        elif place.register.name == "VTIVAR_MISC":
            self._check_vector(place, value & 0xFF)

    def _check_vector(self, place: Place, entry: int) -> bool:
        """Say whether an entry maps a cause. Raises InputError where it names a vector that the VF has not."""
        n = self._n["vector"]
        if entry & VECTOR_VALID and entry & VECTOR_NUMBER >= n:
            raise InputError(
                f"{place.name} names vector {entry & VECTOR_NUMBER}, and {self._vf} has {n} (0 to {n - 1})"
            )
        return bool(entry & VECTOR_VALID)

    def _check_ring(self, place: Place, value: int) -> None:
        side, what, queue = place.register.name[:3], place.register.name[3:], place.number
        if what in (*BASES, LENGTH, HEAD) and self._get(side + CONTROL, queue) & QUEUE_ENABLE:
            control = f"{side}{CONTROL}({queue})"
            raise InputError(
                f"queue {queue} is enabled, and {place.name} may not change then (clear ENABLE of {control})"
            )
        if what == LENGTH:
            self._check_length(value)
        # A new length may be written while head and tail are still old, so these are checked again as the queue starts.
        pointers = {what: value} if what in (HEAD, TAIL) else {}
        if what == CONTROL and value & QUEUE_ENABLE:
            pointers = {each: self._get(side + each, queue) for each in (HEAD, TAIL)}
        for each, pointer in pointers.items():
            n = self._get(side + LENGTH, queue) // DESCRIPTOR_BYTES
            if pointer and pointer >= n:
                raise InputError(f"{side}{each}({queue}) {pointer} is not within the ring of {n} descriptors")

    def _check_length(self, n_bytes: int) -> None:
        if n_bytes % RING_STEP_BYTES:
            step = RING_STEP_BYTES // DESCRIPTOR_BYTES
            raise InputError(f"a ring of {n_bytes} B is no multiple of {RING_STEP_BYTES} B ({step} descriptors)")
        n = n_bytes // DESCRIPTOR_BYTES
        if n > self._most_descriptors:
            raise InputError(f"a ring of {n} descriptors is longer than {self._most_descriptors}")

    def _cause(self, vectors: int) -> None:
        """Set the cause bits of vectors; unmasked ones are raised, and their bits then cleared if VTEIAC says so."""
        own = vectors & (1 << self._n["vector"]) - 1
        self._put("VTEICR", self._get("VTEICR") | own)
        self._unmask(own)

    def _unmask(self, vectors: int) -> None:
        raised = vectors & self._get("VTEICR") & self._get("VTEIMS")
        for vector in range(self._n["vector"]):
            if raised >> vector & 1:
                self._table.raise_vector(vector)
        self._put("VTEICR", self._get("VTEICR") & ~(raised & self._get("VTEIAC")))

    def _mask(self, vectors: int) -> None:
        self._put("VTEIMS", self._get("VTEIMS") & ~vectors)

    def _control(self, value: int) -> None:
        if value & FUNCTION_RESET:
            self.reset()

    def _post(self, flags: int) -> None:
        """Pass the mailbox memory to the PF's driver on REQ; it answers at once, with an interrupt if one is mapped."""
        if not flags & VfMailbox.REQ or not self._is_served:
            return
        words = tuple(self._get("VFMBMEM", at) for at in range(MAILBOX_WORDS))
        reply = self._partner.answer(self._number, words)
        for at, word in enumerate(reply or ()):
            self._put("VFMBMEM", word, at)
        told = VfMailbox.PFACK | (VfMailbox.PFSTS if reply is not None else 0)
        self._put("VFMAILBOX", self._get("VFMAILBOX") | told)
        entry = self._get("VTIVAR_MISC")
        if entry & VECTOR_VALID:
            self._cause(1 << (entry & VECTOR_NUMBER))


_FOLLOWS: dict[str, Callable[[VfRange, int], None]] = {
    "VFCTRL": VfRange._control,
    "VTEICS": VfRange._cause,
    "VTEIMS": VfRange._unmask,
    "VTEIMC": VfRange._mask,
    "VFMAILBOX": VfRange._post,
}
