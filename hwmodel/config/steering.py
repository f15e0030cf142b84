"""Validate the block `nic.steering`: which queue of a function or pool a received frame goes to, by its header."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Any, Literal

from hwmodel.rules.steering import (
    KEY_BYTES,
    LARGEST_TABLE,
    PROTOCOLS,
    VERIFICATION_KEY,
    perfect_filters,
    signature_filters,
)

from .kinds import Block, ByteCount, Kind, Listing, OrWord, Truth, Whole, Word, key, shown, wrong
from .names import EtherType, Name
from .switch import VlanId

MODEL_MAX_TUPLE_FILTERS = 128
MODEL_MAX_ETHERTYPE_FILTERS = 8
Protocol = Literal["tcp", "udp", "sctp", "other"]
assert set(Protocol.__args__) == set(PROTOCOLS)  # type: ignore[attr-defined]
FilterMode = Literal["perfect", "signature"]
Queue = Annotated[int, Whole(0, 15, what="a queue of the pool")]
L4Port = Annotated[int, Whole(0, 65535)]
PoolName = Annotated[str, Name()]


class HashKey(Kind):
    """The key of the RSS hash: 40 bytes in hexadecimal, held as text in lower case."""

    def parse(self, value: object) -> str:
        """Return the digits; spaces and colons between them are left out."""
        digits = re.sub("[ :]", "", value).lower() if isinstance(value, str) else ""
        if not re.fullmatch(f"[0-9a-f]{{{2 * KEY_BYTES}}}", digits):
            raise wrong(
                f"{shown(value)} is not a key; it has {KEY_BYTES} bytes, written as hexadecimal digits in quotes"
            )
        return digits

    def schema(self) -> dict[str, Any]:
        """Return a text of so many pairs of digits."""
        digits = f"^([ :]*[0-9a-fA-F]){{{2 * KEY_BYTES}}}[ :]*$"
        return {"title": f"{KEY_BYTES} bytes in hexadecimal", "type": "string", "pattern": digits}


class IpAddress(Kind):
    """An address of IPv4 or IPv6."""

    def parse(self, value: object) -> IPv4Address | IPv6Address:
        """Return the address."""
        try:
            if isinstance(value, str):
                return ip_address(value)
        except ValueError:
            pass
        raise wrong(f"{shown(value)} is not an IP address; write it like 10.0.0.1 or 2001:db8::1")

    def write(self, value: Any) -> str:
        """Write the address in its usual form."""
        return str(value)

    def schema(self) -> dict[str, Any]:
        """Return a text."""
        return {"title": "an address of IPv4 or IPv6", "type": "string"}


Address = Annotated[IPv4Address | IPv6Address, IpAddress()]


class Rss(Block):
    """Receive side scaling: hash, table, queue."""

    key_digits: Annotated[str, HashKey()] = key(
        VERIFICATION_KEY.hex(),
        "Key of the Toeplitz hash, 40 bytes in hexadecimal. The default is that of the published verification suite.",
        alias="key",
    )
    entries: Annotated[int, Whole(choices=(64, 128, 512))] = key(
        ...,
        "Entries of the table, of which the hash's lowest bits choose one.",
        derived="those of the device: 128; X550 and XL710 512, with SR-IOV 64 a VF",
    )
    table: Annotated[tuple[Queue, ...], Listing("[0, 1, 2, 3]", least=1, most=LARGEST_TABLE)] = key(
        ...,
        "Queues that the entries name, from entry 0; fewer of them are repeated until the table is full.",
        derived="all queues of the pool, in turn",
    )


class EthertypeFilter(Block):
    """Frames of one EtherType from the wire, for one queue of one pool whatever their address."""

    ethertype: Annotated[int, EtherType()] = key(..., "EtherType behind the tags, like 0x88F7.")
    pool: PoolName = key(..., "Station, or pool, that gets the frames, and nobody else.")
    queue: Queue = key(0, "Queue of the pool.")


class TupleFilter(Block):
    """Frames with some of a flow's five fields, for one queue; null matches everything."""

    pool: PoolName | None = key(None, "Pool whose frames the filter looks at; null: each pool's.")
    protocol: Annotated[Protocol, Word(Protocol)] | None = key(None, "Protocol, or null.")
    source: Address | None = key(None, "Source address, or null.")
    destination: Address | None = key(None, "Destination address, or null.")
    source_port: L4Port | None = key(None, "Source port, or null.")
    destination_port: L4Port | None = key(None, "Destination port, or null.")
    priority: Annotated[int, Whole(1, 7)] = key(1, "Of several filters that match the one of the highest counts.")
    queue: Queue = key(..., "Queue of the pool.")


class FlowFilter(Block):
    """Frames of one flow, for one queue or for none."""

    pool: PoolName | None = key(
        None, "Pool whose frames the filter looks at; null: each pool's. Needed in signature mode."
    )
    vlan: VlanId | None = key(None, "VLAN of the frame's tag, or null; in signature mode null is no tag.")
    protocol: Annotated[Protocol, Word(Protocol)] = key(..., "Protocol; without ports: other.")
    source: Address | None = key(None, "Source address, or null.")
    destination: Address | None = key(None, "Destination address, or null.")
    source_port: L4Port | None = key(None, "Source port, or null.")
    destination_port: L4Port | None = key(None, "Destination port, or null.")
    queue: Annotated[Queue | Literal["drop"], OrWord("drop", Queue)] = key(
        ..., "Queue of the pool; drop: nobody gets the frames (ACL_DENY), as with the drop queue 127 of the 82599."
    )


def at_pools(filters: Sequence[Any], pools: Container[str]) -> tuple[Any, ...]:
    """Return the filters that apply to any of these pools; a filter without a pool applies to all."""
    return tuple(one for one in filters if one.pool is None or one.pool in pools)


class FlowDirector(Block):
    """Flow Director: filters of single flows, written by hand or as flows begin."""

    mode: Annotated[FilterMode, Word(FilterMode)] = key(
        "perfect",
        "perfect: filters compare fields, the same ones in all filters; signature: they compare hashes of all fields, "
        "which two flows may have in common.",
    )
    memory_bytes: Annotated[int, ByteCount("64KiB", "256KiB", power_of_two=True)] = key(
        "64KiB",
        "Part of the adapter's Rx buffer that holds the filters, of each Ethernet port its own: 64, 128 or 256 KiB. 64 "
        "KiB hold 2046 perfect or 8191 signature filters.",
        alias="memory",
    )
    filters: Annotated[
        tuple[FlowFilter, ...],
        Listing("[{pool: vf0, protocol: tcp, destination_port: 80, queue: 1}]"),
    ] = key([], "Filters that are there from the start; the first that matches counts.")
    atr: Annotated[bool, Truth()] = key(
        False,
        "Whether drivers write a signature filter as a TCP connection begins to send (application targeted routing): "
        "its frames in the other direction then come to the queue that it sends by.",
    )

    @property
    def capacity(self) -> int:
        """Return how many filters the memory holds."""
        return (perfect_filters if self.mode == "perfect" else signature_filters)(self.memory_bytes)


class Steering(Block):
    """How the adapter chooses a queue for what it receives; in this order, as the keys stand."""

    ethertype_filters: Annotated[tuple[EthertypeFilter, ...], Listing("[{ethertype: 0x88F7, pool: pf, queue: 0}]")] = (
        key([], "Filters by EtherType, of frames from the wire.")
    )
    tuple_filters: Annotated[tuple[TupleFilter, ...], Listing("[{destination_port: 80, queue: 1}]")] = key(
        [], "Filters by addresses, ports and protocol (5-tuple)."
    )
    flow_director: FlowDirector | None = key(None, "Filters of single flows; null: none.")
    rss: Rss = key({}, "What is left goes by its hash.")

    def at_port(self, pools: Container[str]) -> Steering:
        """Return the filters in one Ethernet port's tables; `pools`: those at that port."""
        kept: dict[str, Any] = {
            name: at_pools(getattr(self, name), pools) for name in ("ethertype_filters", "tuple_filters")
        }
        if self.flow_director is not None:
            filters = at_pools(self.flow_director.filters, pools)
            kept["flow_director"] = self.flow_director.model_copy(update={"filters": filters})
        return self.model_copy(update=kept)
