"""Functions written as `lspci -xxxx` writes them, for `lspci -F` to decode."""

from __future__ import annotations

from collections.abc import Iterator

from hwmodel.config_space.adapter import PF, PciAdapter
from hwmodel.config_space.devices import INTEL

ROW_BYTES = 16


def dump_text(adapter: PciAdapter, *, as_os: bool) -> str:
    """Return all functions that answer: a heading each, and rows of 16 B.

    `as_os`: VFs have the ids that an operating system reports, which it takes from the PF; else those that they answer
    with on the bus, FFFFh.
    """
    return "\n".join("\n".join(_rows(adapter, name, as_os)) + "\n" for name in adapter.functions())


def content_of(adapter: PciAdapter, function: str, *, as_os: bool) -> bytes:
    """Return the 4 KiB of a function that answers, with ids as `dump_text` has them."""
    space = adapter.space(function)
    assert space is not None
    content = space.content()
    if function == PF or not as_os:
        return content
    return INTEL.to_bytes(2, "little") + adapter.device.vf_device_id.to_bytes(2, "little") + content[4:]


def address_text(routing_id: int) -> str:
    """Return a routing id as bus, device and function."""
    return f"{routing_id >> 8:02x}:{routing_id >> 3 & 0x1F:02x}.{routing_id & 7}"


def _rows(adapter: PciAdapter, function: str, as_os: bool) -> Iterator[str]:
    yield f"{address_text(adapter.routing_id_of(function))} Ethernet controller"
    content = content_of(adapter, function, as_os=as_os)
    for at in range(0, len(content), ROW_BYTES):
        yield f"{at:02x}: {content[at : at + ROW_BYTES].hex(' ')}"
