"""Functions written as `lspci -xxxx` writes them, for `lspci -F` to decode."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from hwmodel.config_space.adapter import PciAdapter
from hwmodel.config_space.devices import INTEL
from hwmodel.config_space.space import FunctionSpace
from hwmodel.config_space.structures import LINK_STATUS, PCI_EXPRESS

ROW_BYTES = 16


class Shown(NamedTuple):
    """Hold a function as it is written: where it is on the bus, what a listing calls it, its 4 KiB."""

    name: str
    routing_id: int
    title: str
    content: bytes

    @property
    def address(self) -> str:
        """Return its bus, device and function."""
        return address_text(self.routing_id)


def shown_functions(adapter: PciAdapter, *, as_os: bool, prefix: str = "") -> Iterator[Shown]:
    """Give all functions of an adapter that answer; `prefix`: before their names.

    `as_os`: VFs are shown as an operating system shows them, with ids and link status filled in from the PF, as the
    link is common to all functions. Else they are shown as they answer on the bus: ids FFFFh, link status 0.
    """
    for name in sorted(adapter.functions(), key=adapter.routing_id_of):
        content = content_of(adapter, name, as_os=as_os)
        yield Shown(f"{prefix}{name}", adapter.routing_id_of(name), "Ethernet controller", content)


def text_of(functions: Iterable[Shown]) -> str:
    """Return functions as text: a heading each, and rows of 16 B."""
    return "\n".join("\n".join(_rows(one)) + "\n" for one in functions)


def content_of(adapter: PciAdapter, function: str, *, as_os: bool) -> bytes:
    """Return the 4 KiB of a function that answers, with ids as `shown_functions` has them."""
    space = adapter.space(function)
    assert space is not None
    content = space.content()
    if adapter.vf_number(function) is None or not as_os:
        return content
    told = bytearray(content)
    told[:2], told[2:4] = INTEL.to_bytes(2, "little"), adapter.device.vf_device_id.to_bytes(2, "little")
    pf = adapter.pf_of(function)
    status_of_vf, status_of_pf = (_link_status(each) for each in (space, pf))
    told[status_of_vf : status_of_vf + 2] = pf.content()[status_of_pf : status_of_pf + 2]
    return bytes(told)


def _link_status(space: FunctionSpace) -> int:
    at = space.at(PCI_EXPRESS.name)
    assert at is not None
    return at + LINK_STATUS


def address_text(routing_id: int) -> str:
    """Return a routing id as bus, device and function."""
    return f"{routing_id >> 8:02x}:{routing_id >> 3 & 0x1F:02x}.{routing_id & 7}"


def _rows(one: Shown) -> Iterator[str]:
    yield f"{one.address} {one.title}"
    for at in range(0, len(one.content), ROW_BYTES):
        yield f"{at:02x}: {one.content[at : at + ROW_BYTES].hex(' ')}"
