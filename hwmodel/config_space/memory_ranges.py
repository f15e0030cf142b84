"""The memory ranges of an adapter's functions: which registers answer there, and the effects of accesses.

A range answers while its function is there, its PF not in D3hot, and its memory enabled: for a PF by Memory Space
Enable, for VFs by VF Memory Space Enable in the PF's SR-IOV capability. Otherwise reads return all ones and writes are
lost. Registers are modelled in the MSI-X table of each function, and in a VF's range 0 (`vf_register_tables.py`); they
start with their reset values, whatever driver is bound. The PF's driver answers the mailbox while the PF's Command
register has Memory Space Enable and Bus Master Enable.
"""

from __future__ import annotations

from typing import NamedTuple

from hwmodel.config.device_limits import most_of
from hwmodel.config.message_time import RegisterTimes
from hwmodel.config.system import Server
from hwmodel.config_space.adapter import CONTROL, VF_MEMORY, PciAdapter
from hwmodel.config_space.devices import ROM
from hwmodel.config_space.memory_registers import REGISTER_BYTES
from hwmodel.config_space.msix_table import MsixTable
from hwmodel.config_space.space import D3_HOT, POWER_STATE, FunctionSpace
from hwmodel.config_space.structures import BUS_MASTER, COMMAND, MEMORY_SPACE, POWER_MANAGEMENT
from hwmodel.config_space.vf_range import MailboxPartner, VfRange
from hwmodel.config_space.vf_register_tables import VF_REGISTERS
from hwmodel.errors import InputError
from hwmodel.functions.pf_driver_state import state_of
from hwmodel.rules.function_names import PF
from hwmodel.units import format_bytes

DRIVEN = MEMORY_SPACE | BUS_MASTER  # what a driver leaves set in Command
SEPARATOR = ":"
VF_REGISTERS_BAR = 0
QUAD_WORD_BYTES = 8  # MSI-X structures may be accessed by these too (PCI 6.8.2)


def is_range(name: str) -> bool:
    """Say whether a name is that of a memory range, like `vf0:bar0`, and not of a function."""
    return SEPARATOR in name


def check_memory_access(offset: int, n_bytes: int) -> None:
    """Raise InputError unless an access to memory is one of software's: 4 or 8 B, aligned."""
    if n_bytes not in (REGISTER_BYTES, QUAD_WORD_BYTES):
        raise InputError(f"{n_bytes} B cannot be accessed at once ({REGISTER_BYTES}; for MSI-X {QUAD_WORD_BYTES} too)")
    if offset % n_bytes:
        raise InputError(f"offset {offset:#x} is not aligned to the {n_bytes} B of the access")


class _Held(NamedTuple):
    """Hold the registers in a function's ranges; `n_resets`: how many resets of its space they have followed."""

    space: FunctionSpace
    n_resets: int
    table: MsixTable
    registers: VfRange | None


class MemoryRanges:
    """The ranges of all functions of a server's adapter, named `pf:bar3`, `vf0:bar0`; `number`: the server's among all.

    The server's configuration says how many queues a VF has, what accesses take, and what the PF's driver knows.
    """

    def __init__(self, adapter: PciAdapter, server: Server, number: int) -> None:
        self.adapter, self._config = adapter, server.config
        self._partners = {
            pf: MailboxPartner(state_of(server.config, server=number, pf=pf if is_own else PF))
            for pf in adapter.pf_names
            for is_own in [any(port.name == pf for port in server.config.switch.ports)]
        }
        self._at_start = {name: self._reset_count(name) for name in adapter.functions()}
        self._held: dict[str, _Held] = {}

    def read(self, name: str, offset: int, n_bytes: int) -> int | None:
        """Answer a read of 4 B, little endian, of MSI-X structures also of 8 B; None where nothing answers.

        Raises InputError where no such range can be, or no register is there, or it is not aligned.
        """
        target = self._target(name, offset, n_bytes)
        self.adapter.wait(self._times(name).read_fs)
        return None if target is None else _joined([target.read(at) for at in _registers(offset, n_bytes)])

    def write(self, name: str, offset: int, n_bytes: int, value: int) -> int | None:
        """Take a write, and return the value after it. Raises InputError as `read`, and for forbidden writes."""
        target = self._target(name, offset, n_bytes)
        if value >> 8 * n_bytes:
            raise InputError(f"the value {value:#x} has more than {n_bytes} B")
        self.adapter.wait(self._times(name).write_fs)
        if target is None:
            return None
        return _joined(
            [target.write(at, value >> 8 * (at - offset) & 0xFFFFFFFF) for at in _registers(offset, n_bytes)]
        )

    def raise_vector(self, function: str, vector: int) -> str:
        """Let a function raise a vector; return why it sends no message now, an empty text if it does.

        Raises InputError where no such function can be, or it has no such vector.
        """
        if self.adapter.space(function) is None:
            return self._why_absent(function)
        table = self._of(function).table
        table.raise_vector(vector)
        why = self._why_asleep(function) or table.why_held(vector)
        return f"pending: {why}" if why else ""

    def told(self) -> list[str]:
        """Return, in words, the effects of accesses since the last call: answers of the PF, messages of vectors.

        Call it after each access, also to configuration space: it applies what that has changed to the ranges.
        """
        found = [said for partner in self._partners.values() for said in partner.said]
        for partner in self._partners.values():
            partner.said = []
        for function in list(self._held):
            if self.adapter.space(function) is not None and not self._why_asleep(function):
                sent = self._of(function).table.sent()
                found += [f"{function} {message}" for message in sent]
        return found

    def why_silent(self, name: str) -> str:
        """Return why a range does not answer, an empty text where it does. Raises InputError where none can be."""
        function, _ = self._parts(name)
        pf, is_vf = self.adapter.pf_of(function), self.adapter.vf_number(function) is not None
        if self.adapter.space(function) is None:
            return self._why_absent(function)
        why = self._why_asleep(function)
        if why:
            return why
        if is_vf:
            return "" if pf.get(pf.sr_iov + CONTROL, 1) & VF_MEMORY else "VF Memory Space Enable is clear"
        return "" if pf.get(COMMAND, 2) & MEMORY_SPACE else "Memory Space Enable is clear"

    def _why_asleep(self, function: str) -> str:
        """Return why a function answers no memory access and sends nothing, an empty text in D0.

        A VF without power management of its own is in the state of its PF (SR-IOV 6.1.2).
        """
        pf = self.adapter.pf_of(function)
        power = pf.at(POWER_MANAGEMENT.name)
        if power is None or pf.get(power + 4, 1) & POWER_STATE != D3_HOT:
            return ""
        return "it is in D3hot" if self.adapter.vf_number(function) is None else "its PF is in D3hot"

    def _why_absent(self, function: str) -> str:
        return "not before 100 ms behind VF Enable" if self.adapter.is_coming(function) else "it is not there"

    def _target(self, name: str, offset: int, n_bytes: int) -> MsixTable | VfRange | None:
        """Return what holds a range's registers, None if the range does not answer."""
        function, index = self._parts(name)
        check_memory_access(offset, n_bytes)
        device = self.adapter.device
        is_pf = self.adapter.vf_number(function) is None
        of_vf_bytes = self.adapter.pf_of(function).vf_bar_bytes
        size_bytes = device.bars[index].size_bytes if is_pf else of_vf_bytes(index)
        if offset > size_bytes - n_bytes:
            raise InputError(f"offset {offset:#x} is not in the {format_bytes(size_bytes)} of {name}")
        if self.why_silent(name):
            return None
        held = self._of(function)
        if index == held.table.bar:
            return held.table
        if held.registers is None or index != VF_REGISTERS_BAR:
            whose = f"the {device.name}'s {'PF' if is_pf else 'VFs'}"
            raise InputError(f"{name}: of {whose} the model has no registers there (MSI-X: bar{held.table.bar})")
        if n_bytes != REGISTER_BYTES:
            raise InputError(f"{n_bytes} B cannot be accessed at once ({REGISTER_BYTES})")
        return held.registers

    def _parts(self, name: str) -> tuple[str, int]:
        """Return the function and the number of a range. Raises InputError where none can be called so."""
        function, _, word = name.partition(SEPARATOR)
        is_pf = self.adapter.vf_number(function) is None
        bars = self.adapter.device.bars if is_pf else self.adapter.device.vf_bars
        indices = [index for index, bar in bars.items() if index != ROM and not bar.is_io]
        for index in indices:
            if word == f"bar{index}":
                return function, index
        raise InputError(f"no memory range is called {name!r} ({', '.join(f'{function}:bar{at}' for at in indices)})")

    def _times(self, name: str) -> RegisterTimes:
        function, _ = self._parts(name)
        return RegisterTimes.of(self._config, function)

    def _of(self, function: str) -> _Held:
        """Return the registers of a function that answers, with all resets of the function applied."""
        space, held = self.adapter.space(function), self._held.get(function)
        assert space is not None
        if held is None or held.space is not space:
            held = self._begin(function, space)
        elif held.n_resets != space.n_resets:
            held.table.reset()
            if held.registers is not None:
                held.registers.reset()
        self._held[function] = held._replace(n_resets=space.n_resets)
        if held.registers is not None:
            held.registers.serve(self.adapter.pf_of(function).get(COMMAND, 2) & DRIVEN == DRIVEN)
        return self._held[function]

    def _begin(self, function: str, space: FunctionSpace) -> _Held:
        table, number = MsixTable(space), self.adapter.vf_place(function)
        partner = self._partners[self.adapter.pf_name_of(function)]
        device = self.adapter.device
        registers = None if number is None else VF_REGISTERS.get(device.name)
        if number is None or registers is None:
            return _Held(space, space.n_resets, table, None)
        space_at_start, n_resets_at_start = self._at_start.get(function, (None, 0))
        if space is not space_at_start or space.n_resets != n_resets_at_start:
            partner.see_reset(number, is_new=space is not space_at_start)
        most = most_of("nic.tx_ring, nic.rx_ring", device.name)
        assert most is not None, "every device with registers has a longest ring"
        own = VfRange(registers, number, self._config.nic.queues_per_vf, most, table, partner, function)
        own.tell_link(partner.link_rate_bps(number))
        return _Held(space, space.n_resets, table, own)

    def _reset_count(self, function: str) -> tuple[FunctionSpace | None, int]:
        space = self.adapter.space(function)
        return space, 0 if space is None else space.n_resets


def _registers(offset: int, n_bytes: int) -> range:
    return range(offset, offset + n_bytes, REGISTER_BYTES)


def _joined(words: list[int]) -> int:
    return sum(word << 32 * at for at, word in enumerate(words))
