"""What a header says of its flow, behind its type: addresses, protocol and ports, and nothing that differs by frame.

The bytes are those of an IP header without options and of the ports behind it; all other fields are zero, so that all
frames of a flow have the same.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import numpy as np
import numpy.typing as npt

from hwmodel.rules.steering import SCTP, TCP, UDP
from hwmodel.wire.ethernet import EtherType

IPV4_BYTES, IPV6_BYTES, PORT_BYTES = 20, 40, 4
MOST_FLOW_BYTES = IPV6_BYTES + PORT_BYTES
# Of connections (`workload.connections`): addresses by the stations' places, whoever is outside first.
FIRST_ADDRESS = IPv4Address("10.0.0.1")
SERVER_PORT = 5001
FIRST_CLIENT_PORT = 32768  # Linux, net.ipv4.ip_local_port_range
_FRAGMENT = 0x20  # more fragments, in octet 6

I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]


def flow_bytes(
    source: IPv4Address | IPv6Address, destination: IPv4Address | IPv6Address, protocol: int, ports: tuple[int, int]
) -> bytes:
    """Return the bytes for a flow with ports; both addresses are of one version."""
    if source.version == 4:
        ip = bytes([0x45, *bytes(7), 64, protocol, 0, 0]) + source.packed + destination.packed
    else:
        ip = bytes([0x60, *bytes(5), protocol, 64]) + source.packed + destination.packed
    return ip + b"".join(port.to_bytes(2, "big") for port in ports)


def flows_of(prefix: U8, valid_bytes: I64, start: I64, ethertype: I64) -> tuple[U8, I64]:
    """Return the flow bytes of n captured frames, uint8 (n, 44), and how many there are of each; 0 for no IP.

    `prefix`: uint8 (n, at least 90), the frames' first bytes, of which `valid_bytes` are there; the IP header begins at
    `start`, behind the type `ethertype`. Fragments, and other protocols than TCP, UDP and SCTP, have no ports.
    """
    found, n_bytes = np.zeros((len(prefix), MOST_FLOW_BYTES), np.uint8), np.zeros(len(prefix), np.int64)
    for kind, version, length, at_protocol in (
        (EtherType.IPV4, 4, IPV4_BYTES, 9), (EtherType.IPV6, 6, IPV6_BYTES, 6),
    ):  # fmt: skip
        rows = np.flatnonzero(ethertype == kind)
        ip = _bytes_at(prefix[rows], start[rows], length)
        is_ip = (ip[:, 0] >> 4 == version) & (valid_bytes[rows] >= start[rows] + length)
        rows, ip = rows[is_ip], ip[is_ip]
        ends = start[rows] + (4 * (ip[:, 0].astype(np.int64) & 0xF) if version == 4 else length)
        is_fragment = (version == 4) & ((ip[:, 6] & 0x3F != 0) | (ip[:, 7] != 0))
        has_ports = np.isin(ip[:, at_protocol], (TCP, UDP, SCTP)) & ~is_fragment
        has_ports &= valid_bytes[rows] >= ends + PORT_BYTES
        found[rows, 0] = version << 4 | (5 if version == 4 else 0)
        if version == 4:
            found[rows, 6] = np.where(is_fragment, _FRAGMENT, 0)
        found[rows, at_protocol] = ip[:, at_protocol]
        first_address = 12 if version == 4 else 8
        found[rows, first_address:length] = ip[:, first_address:]
        found[rows, length : length + PORT_BYTES] = _bytes_at(prefix[rows], ends, PORT_BYTES) * has_ports[:, None]
        n_bytes[rows] = np.where(has_ports, length + PORT_BYTES, length)
    return found, n_bytes


def _bytes_at(prefix: U8, start: I64, n_bytes: int) -> U8:
    columns = np.minimum(start[:, None] + np.arange(n_bytes), prefix.shape[1] - 1)
    return np.take_along_axis(prefix, columns, axis=1)
