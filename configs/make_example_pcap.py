"""Write example.pcap: a small made-up conversation among four VMs and a host beyond the wire.

    python configs/make_example_pcap.py configs/example.pcap

The same bytes come out each time. Addresses are the defaults of vf0 to vf3; the outside host is 02:ff:00:00:00:01.
"""

from __future__ import annotations

import sys
from ipaddress import IPv4Address

from hwmodel.rules.ethernet import MIN_UNPADDED_BYTES
from hwmodel.rules.switch_modes import C_TAG
from hwmodel.wire.ethernet import BROADCAST_MAC, EtherType, counting_payload
from hwmodel.wire.pcap import PcapWriter
from hwmodel.wire.tags import build_header, tag_of

N_VMS = 4
N_ROUNDS = 12
OUTSIDE = N_VMS
UDP = 17
IP_HEADER_BYTES, UDP_HEADER_BYTES = 20, 8
UDP_PORT = 5001
FIRST_NS = 1_700_000_000_000_000_000
ROUND_NS = 20_000


def mac(host: int) -> int:
    """Give the default address of vf0 to vf3, by port number, or that of the outside host."""
    return 0x02FF_0000_0001 if host == OUTSIDE else 0x0200_0000_0000 + host + 2


def address(host: int) -> int:
    """Give 10.0.0.1 and so on."""
    return int(IPv4Address("10.0.0.1")) + host


def ones_complement_sum(data: bytes) -> int:
    """Sum 16-bit words as the Internet checksum does (RFC 1071)."""
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def udp_packet(source: int, destination: int, n_payload_bytes: int, identification: int) -> bytes:
    """Build an IPv4 packet with a UDP datagram whose checksum is left out, as IPv4 allows."""
    n_bytes = IP_HEADER_BYTES + UDP_HEADER_BYTES + n_payload_bytes
    words = (0x4500, n_bytes, identification, 0x4000, 64 << 8 | UDP, 0)
    addresses = address(source).to_bytes(4, "big") + address(destination).to_bytes(4, "big")
    header = b"".join(word.to_bytes(2, "big") for word in words) + addresses
    checksum = (0xFFFF ^ ones_complement_sum(header)).to_bytes(2, "big")
    ports = (UDP_PORT + source, UDP_PORT, UDP_HEADER_BYTES + n_payload_bytes, 0)
    datagram = b"".join(word.to_bytes(2, "big") for word in ports) + counting_payload(n_payload_bytes)
    return header[:10] + checksum + header[12:] + datagram


def arp_request(source: int, destination: int) -> bytes:
    """Build the body of an ARP request."""
    sender = mac(source).to_bytes(6, "big") + address(source).to_bytes(4, "big")
    return bytes.fromhex("0001080006040001") + sender + bytes(6) + address(destination).to_bytes(4, "big")


def frames() -> list[tuple[int, bytes]]:
    """List (nanoseconds, frame): ARP first, then rounds of short and long datagrams, some tagged, some by the wire."""
    made: list[tuple[int, bytes]] = []
    for vm in range(N_VMS):
        header = build_header(BROADCAST_MAC, mac(vm), EtherType.ARP)
        frame = header + arp_request(vm, (vm + 1) % N_VMS)
        made.append((FIRST_NS + vm * 1000, frame.ljust(MIN_UNPADDED_BYTES, b"\0")))
    for turn in range(N_ROUNDS):
        for vm in range(N_VMS):
            # Neighbours talk to each other; every fourth round a VM sends out, and the host answers.
            target = OUTSIDE if turn % 4 == 3 else vm ^ 1
            # A priority tag: VLAN 0, so that it stays in the VM's own VLAN.
            tags = [tag_of(C_TAG, pcp=5)] if turn % 3 == 2 else []
            start_ns = FIRST_NS + 10_000 + turn * ROUND_NS + vm * 1700
            for source, destination, n_payload_bytes in ((vm, target, 18), (target, vm, 200 + 300 * (turn % 4))):
                header = build_header(mac(destination), mac(source), EtherType.IPV4, tags if source == vm else [])
                packet = udp_packet(source, destination, n_payload_bytes, len(made))
                made.append((start_ns + (0 if source == vm else 800), header + packet))
    return sorted(made)


def main() -> None:
    """Write the file that the first argument names."""
    with PcapWriter(sys.argv[1]) as writer:
        for at_ns, frame in frames():
            writer.write(at_ns, frame)


if __name__ == "__main__":
    main()
