"""The page of registers in docs/, made from the tables."""

from __future__ import annotations

from collections.abc import Iterator

from hwmodel.config_space import extended_structures, port_structures, structures
from hwmodel.config_space.devices import DEVICES, ROM, PciDevice
from hwmodel.config_space.memory_reference import memory_text
from hwmodel.config_space.registers import Attribute, Field, Register, Structure
from hwmodel.units import format_bytes

_INTRODUCTION = """# Configuration space

<!-- Written by hwmodel.config_space.reference; a test keeps it current. -->

`hwmodel config-space CONFIG` writes the configuration space of the PF and of each VF of a configuration's adapter,
4 KiB a function, as `lspci -xxxx` prints it:

```
hwmodel config-space configs/sriov_10g_gen2x8.yaml --out out/functions.txt
lspci -F out/functions.txt -vvv
hwmodel config-space configs/sriov_10g_gen2x8.yaml --script accesses.txt
```

What is written is the state of a running system: the functions are enumerated by the same reads and writes that an
operating system makes (ranges sized and placed, link, payload and request size as configured, ARI, NumVFs, VF Enable,
drivers bound). Link speed and width, payload, request size, tags, ECRC and the number of VFs are the configuration's;
the serial number is made from the PF's address. With several servers `--server NAME` says whose adapter it is.

- `--as os` (without it, too): VFs have what an operating system takes from the PF: their ids, from its capability, and
  the speed and width of the link, which all functions share. `--as hardware`: what VFs answer with on the bus, FFFFh,
  and 0 for the link's status, reserved in a VF (SR-IOV 3.5.8): lspci then says `LnkSta: Speed unknown, Width x0`.
- `--at TIME`: behind the events of the configuration's [scenario](scenario.md) up to that time, each when a run has it:
  what was reset is as a reset leaves it until its driver is up, VFs that `enable_vfs` brings answer 100 ms later, the
  interface of a VM that was unplugged has no driver, and the link is what events have made of it.
- `--script FILE`: reads and writes, from that state on, each line answered:

```
read pf 0x16c 4              # InitialVFs, TotalVFs
write pf 0x168 2 0           # VF Enable off
write pf 0x170 2 4           # NumVFs
write pf 0x168 2 0x19        # VF Enable, VF Memory Space Enable, ARI Capable Hierarchy
read vf0 0x00 4              # -> 0xffffffff, does not answer
wait 100ms
read vf0 0x04 2
```

Accesses are of 1, 2 or 4 B, aligned. A write's answer is what stands there then. A script ends, with the line's number
and exit status 2, at an access that cannot be, at NumVFs above TotalVFs, and at VFs whose ranges end behind the last
address; nothing is written then. With `--out` the dump is that of the functions behind the script. What a function has
in memory, MSI-X table and queues, is [below](#memory-ranges).

`--json FILE` has `functions` (`name`, `address`, `bytes` in hexadecimal) and `answers` (`access`, as printed; `value`;
`at_ns`, when it began, counted from the script's first line or, with `--at`, from the run's first instant; `took_ns`).

Vital product data and the subsystem's ids are not modelled.

## A tree

Of a server with a [tree](pcie.md#several-adapters-behind-one-switch) the command writes everything that an operating
system finds behind its host bridge; `--server NAME` names the server where there are several, or with `--server a.x`
one adapter alone, as above. `lspci -t` draws it:

```
hwmodel config-space configs/pcie_tree.yaml --out out/tree.txt
lspci -F out/tree.txt -tv
```

```text
-[0000:00]-+-01.0-[01]--+-00.0
           |            +-10.0
           |            ...
           \\-02.0-[02-05]----00.0-[03-05]--+-00.0-[04]--+-00.0
                                           |            +-10.0
                                           |            ...
                                           \\-01.0-[05]--+-00.0
                                                        +-10.0
                                                        ...
```

- **Ports.** Root ports are devices 1 to 31 of bus 0, first those of adapters as they are listed, then those of
  switches; a switch is an upstream port and, on the bus inside it, downstream ports from device 0 on in the same
  order. In `--json` they are `root.z`, `root.s1`, `s1` (the upstream port), `s1.x`; functions of adapters `x.pf`,
  `x.vf0`.
- **Buses** are numbered depth first. A port's subordinate bus leaves room for all the VFs that the adapter behind it
  could have, as Linux' PCI core does it (`pci_iov_bus_range`): with ARI, 82599s with more than 64 VFs reach into the
  next bus.
- **Windows.** Ranges lie in the same order, those behind a port within its windows: I/O in units of 4 KiB, memory in
  units of 1 MiB, 64-bit prefetchable memory from 256 GiB on, where no other ranges are. A port with nothing of a kind
  behind it has that window shut. I/O has room for 14 ports with some; adapters behind further ones go without (a
  range of I/O is 0 then, and I/O Space Enable off).
- **Links.** Link Status is what both ends came to; Link Capabilities of a card are its own, of a port those of its
  slot. So lspci says `Width x4 (downgraded)` of a card of eight lanes in a slot of four. Physical slots are numbered
  as adapters are listed, from 1.
- **ARI Forwarding Enable** is set where an adapter is right behind a port. **ACS**: root ports and downstream ports
  can do all that keeps devices apart; with `tree.acs` source validation, redirect of requests and completions, and
  upstream forwarding are on, as Linux sets them where it has an IOMMU.
- `--script` and `--at` are for one adapter. What an access takes is counted on the adapter's own link and its root
  complex, without the switches of a tree.

Ids are those of QEMU's root port and of a PEX 8747. Ports have no error reporting (AER) and no hot plug.

## What an access leads to

A written bit is taken where the tables below say so, and only where the device has what it needs. Beside them:

- **Reset.** Initiate Function Level Reset (which a VF of the 82599 obeys though its capability does not say so), and
  the way from D3hot to D0, give all bits that can be written their reset value, but those that are sticky
  (RWS, RW1CS) or named as kept. Of a PF it takes the VFs away. It is over at once here; that a function needs up to
  100 ms, and what follows, is in [functions](functions.md).
- **Ranges.** BAR 0 to 5 stand at 0x10 of the header, the expansion ROM at 0x30, VF BAR 0 to 5 at 0x24 of SR-IOV. Bits
  from a range's size on can be written, those below are its kind: so software finds the size, by writing ones.
- **NumVFs**, System Page Size and ARI Capable Hierarchy stay as they are while VF Enable is set; NumVFs does too where
  more than TotalVFs is written, System Page Size where it is not exactly one of the supported sizes.
- **First VF Offset and VF Stride** follow ARI Capable Hierarchy. VF k (from 0) has the routing id of the PF + First VF
  Offset + k * VF Stride, on the next bus where the number goes beyond 255.
- **VFs** are there from VF Enable on and answer 100 ms later; until then, and where there is none, reads bring ones and
  writes are lost. They have no ranges of their own: VF k's begins at VF BAR + k * size, the size being at least a page.
- **Power.** States that a device does not offer are not entered.

## What an access takes

Each access is a request and a completion on the idle link, and both have headers of 3 double words: with framing,
sequence number and LCRC 20 B, with ECRC 24 B. A read's completion and a write's request have 4 B of data more, whatever
the bytes that are wanted of them; where no function answers, the completion has none. To this come the flight both ways
and `host.read_latency`, the way through the root complex, as for [other registers](functions.md). A register is read or
written when the request has arrived; the 100 ms of new VFs count from then on.

On Gen2 x8 a byte takes 0.25 ns, and a little more with SKP ordered sets: 20 B there, 24 B back, 11 ns.

Registers change nothing in a run: what they say is made from the configuration, not the other way round.

"""

_ORDER = (
    structures.HEADER, structures.POWER_MANAGEMENT, structures.MSI, structures.MSI_X, structures.PCI_EXPRESS,
    extended_structures.AER, extended_structures.SERIAL_NUMBER, extended_structures.ARI, extended_structures.SR_IOV,
    extended_structures.TPH, extended_structures.ACS, extended_structures.SECONDARY_PCI_EXPRESS,
)  # fmt: skip
_OF_PORTS = (port_structures.TYPE_1_HEADER, port_structures.PORT_EXPRESS)


def reference_text() -> str:
    """Return the page: how to use it, the devices, the registers of each capability, memory ranges."""
    lines = [*_devices(), *_attributes(), *(line for each in _ORDER for line in _table(each))]
    lines += [line for each in _OF_PORTS for line in _table(each, is_of_port=True)]
    lines.append(memory_text())
    return _INTRODUCTION + "\n".join(lines)


def _devices() -> Iterator[str]:
    yield "## Devices"
    yield ""
    yield "| | PF, VF id | VFs | offset, stride with ARI; without | ranges | VF ranges | MSI-X vectors, of a VF |"
    yield "|---|---|---|---|---|---|---|"
    for device in DEVICES.values():
        with_ari, without = (f"{first}, {stride}" for first, stride in (device.offsets[True], device.offsets[False]))
        yield (
            f"| {device.name} | {device.device_id:04x}, {device.vf_device_id:04x} | {device.total_vfs} "
            f"| {with_ari}; {without} | {_bars(device)} | {_vf_bars(device)} "
            f"| {device.msix_vectors}, {device.vf_msix_vectors} |"
        )
    yield ""
    yield "Sources, and what is recalled or chosen, stand beside each number in `hwmodel/config_space/devices.py`."
    yield ""


def _bars(device: PciDevice) -> str:
    return ", ".join(
        f"{'ROM' if index == ROM else index}: {format_bytes(bar.size_bytes)}{' of I/O' if bar.is_io else ''}"
        for index, bar in device.bars.items()
    )


def _vf_bars(device: PciDevice) -> str:
    return ", ".join(f"{index}: {format_bytes(bar.size_bytes)}" for index, bar in device.vf_bars.items())


def _attributes() -> Iterator[str]:
    yield "## Registers"
    yield ""
    for attribute in Attribute:
        yield f"- {_short(attribute)}: {attribute.value}."
    yield ""


def _table(structure: Structure, *, is_of_port: bool = False) -> Iterator[str]:
    kind = (
        "" if not structure.number else f", capability {structure.number:#06x}" + " (extended)" * structure.is_extended
    )
    yield f"### {structure.name}{kind}"
    yield ""
    yield f"Source: {structure.source}."
    yield ""
    yield f"| offset | bytes | register | bits | field | {'port' if is_of_port else 'PF | VF'} | reset | needs |"
    yield "|---|---|---|---|---|---|---|---|" + "---|" * (not is_of_port)
    for register, one in structure.fields():
        yield _row(register, one, is_of_port)
    yield ""


def _row(register: Register, one: Field, is_of_port: bool) -> str:
    bits = f"{one.low + one.n_bits - 1}:{one.low}" if one.n_bits > 1 else f"{one.low}"
    reset = f"{one.reset:#x}" if one.attribute.can_write else ""
    kept = ", kept by a reset" if one.keeps else ""
    needs = one.needs.replace("#", ", bit ")
    in_vf = "" if is_of_port else f" | {_short(one.of(is_vf=True))}"
    return (
        f"| {register.offset:#04x} | {register.n_bytes} | {register.name} | {bits} | {one.name} "
        f"| {_short(one.attribute)}{kept}{in_vf} | {reset} | {needs} |"
    )


def _short(attribute: Attribute) -> str:
    return "HwInit" if attribute is Attribute.HWINIT else attribute.name
