"""Functions written as `lspci -xxxx` writes them, for `lspci -F` to decode."""

from __future__ import annotations

from collections.abc import Iterator

from hwmodel.config_space.adapter import PF, PciAdapter
from hwmodel.config_space.devices import INTEL
from hwmodel.config_space.space import FunctionSpace
from hwmodel.config_space.structures import LINK_STATUS, PCI_EXPRESS

ROW_BYTES = 16


def dump_text(adapter: PciAdapter, *, as_os: bool) -> str:
    """Return all functions that answer: a heading each, and rows of 16 B.

    `as_os`: VFs have what an operating system takes from the PF: their ids, and the link's speed and width, which is
    one for all functions. Else they have what they answer with on the bus, FFFFh, and a link status of 0.
    """
    return "\n".join("\n".join(_rows(adapter, name, as_os)) + "\n" for name in adapter.functions())


def content_of(adapter: PciAdapter, function: str, *, as_os: bool) -> bytes:
    """Return the 4 KiB of a function that answers, with ids as `dump_text` has them."""
    space = adapter.space(function)
    assert space is not None
    content = space.content()
    if function == PF or not as_os:
        return content
    told = bytearray(content)
    told[:2], told[2:4] = INTEL.to_bytes(2, "little"), adapter.device.vf_device_id.to_bytes(2, "little")
    status_of_vf, status_of_pf = (_link_status(each) for each in (space, adapter.pf))
    told[status_of_vf : status_of_vf + 2] = adapter.pf.content()[status_of_pf : status_of_pf + 2]
    return bytes(told)


def _link_status(space: FunctionSpace) -> int:
    at = space.at(PCI_EXPRESS.name)
    assert at is not None
    return at + LINK_STATUS


def address_text(routing_id: int) -> str:
    """Return a routing id as bus, device and function."""
    return f"{routing_id >> 8:02x}:{routing_id >> 3 & 0x1F:02x}.{routing_id & 7}"


def _rows(adapter: PciAdapter, function: str, as_os: bool) -> Iterator[str]:
    yield f"{address_text(adapter.routing_id_of(function))} Ethernet controller"
    content = content_of(adapter, function, as_os=as_os)
    for at in range(0, len(content), ROW_BYTES):
        yield f"{at:02x}: {content[at : at + ROW_BYTES].hex(' ')}"
