"""The part on memory ranges of the page of registers in docs/, made from the tables."""

from __future__ import annotations

from collections.abc import Iterator

from hwmodel.config_space.memory_registers import Block
from hwmodel.config_space.msix_table import PENDING, TABLE
from hwmodel.config_space.registers import Field, Register
from hwmodel.config_space.vf_register_tables import VF_REGISTERS

_INTRODUCTION = """## Memory ranges

A script reads and writes memory ranges as well, named by function and BAR, and lets functions raise interrupts:

```
write vf0:bar3 0x00 4 0xfee00000   # MSI-X entry 0: address
write vf0:bar3 0x08 4 0x4021       # and data
raise vf0 0                        # pending: it is masked
read vf0:bar3 0x2000 4             # pending bits: 0x00000001
write vf0:bar3 0x0c 4 0            # unmasked; vf0 vector 0 writes 0x00004021 to 0xfee00000
write vf0:bar0 0x1008 4 8192       # VFRDLEN(0): 512 descriptors of 16 B
write vf0:bar0 0x1028 4 0x02000000 # VFRXDCTL(0): enabled
write vf0:bar0 0x1018 4 511        # VFRDT(0)
```

Accesses are of 4 B, aligned, to MSI-X structures also of 8 B. A range answers while its function is there and Memory
Space Enable is set: the PF's in its Command register, for VFs VF Memory Space Enable in the SR-IOV capability; the
PF's not in D3hot. Else reads bring ones, writes are lost, and the answer says why. What has registers is the MSI-X
table of each function, and range 0 of VFs of the 82576, 82599, X540 and X550. They begin as a reset leaves them,
whatever driver is bound, and like all registers here they change nothing in a run: a queue that a script enables
carries no frames.

### What an access to memory leads to

- **Time.** A read takes what [a register read](functions.md) takes, a write `driver.doorbell_time`: it is posted, and
  the core does not wait for it. What an access does is done as it begins.
- **`raise FUNCTION VECTOR`** sets the vector's pending bit. A vector that is pending is told of, and its bit cleared,
  as soon as nothing holds it back: its mask bit, Function Mask, MSI-X Enable clear, Bus Master Enable clear. The
  answer to the access that does so has the memory write: data and address. That MSI-X and bus mastering hold back,
  and do not drop, is the model's choice.
- **A reset** of the function masks all vectors, with addresses and data 0, and nothing pending. In a VF's range 0 it
  leaves what the 82599's specification update says (RWS below), the enabled queues among them. VFCTRL.RST does the
  same but for MSI-X.
- **Causes.** VTEICS sets bits of VTEICR; a bit of VTEICR that VTEIMS has raises the vector of its number, and is
  cleared if VTEIAC has it.
- **Mailbox.** A write of REQ to VFMAILBOX gives the 16 words of VFMBMEM to the PF's driver, which answers at once as
  [the mailbox](mailbox.md) has it: the reply in VFMBMEM, PFACK and PFSTS, and the cause that VTIVAR_MISC maps. It
  does so while the PF's Command register has Memory Space Enable and Bus Master Enable; else RSTI reads 1. VFs that a
  script enables have to reset before it serves them, as do those beyond the configured. PFSTS, PFACK and RSTD are
  cleared by a read. How long messages take is in [functions](functions.md).

### What ends a script

Beside accesses that cannot be and offsets at which no register is, with the line's number and exit status 2:

- VFRDLEN or VFTDLEN that is no multiple of 128 B (eight descriptors), or above the device's longest ring;
- head or tail at or behind the ring's end, as they are written and as the queue is enabled; 0 is allowed always;
- base, length or head of a queue whose ENABLE is set. Linux disables a queue "to avoid issues while updating state";
  of the head, Intel's manuals say that it is for software to write only before the queue is enabled;
- registers of a queue that the VF has not (it has `nic.queues_per_vf`), or moderation of a vector that it has not;
- VTIVAR and VTIVAR_MISC that map a queue or name a vector that the VF has not;
- address or data of an MSI-X entry, changed while nothing masks it (PCI 6.8.3.5).

"""


def memory_text() -> str:
    """Return the part: how to use ranges, what accesses lead to, the registers of each block."""
    return _INTRODUCTION + "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield "### MSI-X"
    yield ""
    yield "Where a function's MSI-X capability says; offsets are from there."
    yield ""
    for block in (TABLE, PENDING):
        yield from _table(block)
    for blocks, devices in _by_blocks().items():
        yield f"### Range 0 of VFs: {', '.join(devices)}"
        yield ""
        for block in blocks:
            yield from _table(block)


def _by_blocks() -> dict[tuple[Block, ...], list[str]]:
    """Return blocks that devices share, and such as only one has, with the devices' names."""
    devices_of: dict[Block, list[str]] = {}
    for name, registers in VF_REGISTERS.items():
        for block in registers.blocks:
            devices_of.setdefault(block, []).append(name)
    found: dict[tuple[str, ...], list[Block]] = {}
    for block, devices in devices_of.items():
        found.setdefault(tuple(devices), []).append(block)
    return {tuple(blocks): list(devices) for devices, blocks in found.items()}


def _table(block: Block) -> Iterator[str]:
    times = f", one for each {block.each}, {block.stride:#x} apart" if block.each else ""
    yield f"**{block.name}**{times}. Source: {block.source}."
    yield ""
    yield "| offset | register | bits | field | attribute | reset | needs |"
    yield "|---|---|---|---|---|---|---|"
    for register in block.registers:
        for one in register.fields:
            yield _row(register, one)
    yield ""


def _row(register: Register, one: Field) -> str:
    bits = f"{one.low + one.n_bits - 1}:{one.low}" if one.n_bits > 1 else f"{one.low}"
    reset = f"{one.reset:#x}" if one.attribute.can_write else ""
    cells = (f"{register.offset:#06x}", register.name, bits, one.name, one.attribute.name, reset, one.needs)
    return f"| {' | '.join(cells)} |"
