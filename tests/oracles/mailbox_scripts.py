"""Drawn messages of VFs and administrators' calls between them, most of them valid or nearly so.

A step is ("message", VF, words) or ("admin", name of a method of ReferencePf, its arguments).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from tests.oracles.mailbox import (
    ACK,
    API_NEGOTIATE,
    CTS,
    GET_LINK_STATE,
    GET_QUEUES,
    GET_RETA,
    GET_RSS_KEY,
    N_VLVF,
    NACK,
    RESET,
    SET_LPE,
    SET_MAC,
    SET_MACVLAN,
    SET_MULTICAST,
    SET_VLAN,
    UPDATE_XCAST,
)

Step = tuple[str, int | str, list | tuple]
STATIONS = [bytes([2, 0, 0, 0, 0, number]) for number in range(1, 7)]
BAD_MACS = [bytes(6), b"\xff" * 6, bytes([1, 0, 0x5E, 0, 0, 1])]
VLANS = [0, 1, 2, 10, 100, 4094, 4095]
TYPES = [SET_MAC, SET_MULTICAST, SET_VLAN, SET_LPE, SET_MACVLAN, API_NEGOTIATE, UPDATE_XCAST]
TYPES += [GET_QUEUES, GET_RETA, GET_RSS_KEY, GET_LINK_STATE]


def drawn_messages(seed: int, n: int, n_vfs: int = 4) -> Iterator[Step]:
    """Draw `n` steps; now and then a burst fills a table."""
    rng = random.Random(seed)
    left = n
    while left > 0:
        steps = _some(rng, n_vfs)[:left]
        left -= len(steps)
        yield from steps


def replay(pf, steps: Sequence[Step]) -> list:
    """Run steps on anything shaped like ReferencePf, and give each one's reply, or whether it was taken."""
    return [pf.handle(first, rest) if kind == "message" else getattr(pf, first)(*rest) for kind, first, rest in steps]


def _some(rng: random.Random, n_vfs: int) -> list[Step]:
    vf, kind = rng.randrange(n_vfs), rng.random()
    if kind < 0.10:
        return [("message", vf, [RESET]), ("message", vf, [API_NEGOTIATE, rng.choice([0, 2, 3, 4, 5, 5])])]
    if kind < 0.24:
        return [_administer(rng, vf, n_vfs)]
    if kind < 0.245:
        first = rng.randrange(1, 3000)
        return [("message", vf, [SET_VLAN | 1 << 16, first + k]) for k in range(N_VLVF)]
    if kind < 0.25:
        macs = [bytes([2, 1, vf, 0, 0, k]) for k in range(120)]
        return [("message", vf, [SET_MACVLAN | min(k + 1, 255) << 16, *mac_words(mac)]) for k, mac in enumerate(macs)]
    if kind < 0.28:
        return [("message", vf, _odd(rng))]
    return [("message", vf, _valid(rng, rng.choice(TYPES)))]


def mac_words(mac: bytes) -> list[int]:
    """Lay an address out as messages have it."""
    return [int.from_bytes(mac[:4], "little"), int.from_bytes(mac[4:], "little")]


def _mac(rng: random.Random) -> bytes:
    return rng.choice(STATIONS if rng.random() < 0.85 else BAD_MACS)


def _valid(rng: random.Random, number: int) -> list[int]:
    """Draw a message of a type, sound or with one thing at its edge."""
    if number == SET_MAC:
        words = [number, *mac_words(_mac(rng))]
    elif number == SET_MULTICAST:
        n_hashes = rng.choice([0, 1, 2, 3, 29, 30, 31, 255])
        words = [number | n_hashes << 16, *[rng.getrandbits(12) | rng.getrandbits(12) << 16 for _ in range(15)]]
        words = words[: rng.choice([2, 16, 1 + (min(n_hashes, 30) + 1) // 2])]
    elif number == SET_VLAN:
        words = [number | rng.choice([0, 0, 1, 1, 1, 2]) << 16, rng.choice([*VLANS, *VLANS, rng.randrange(1 << 16)])]
    elif number == SET_LPE:
        words = [number, rng.choice([0, 67, 68, 1500, 1514, 1518, 1519, 1522, 9728, 9729, 0xFFFFFFFF])]
    elif number == SET_MACVLAN:
        words = [number | rng.choice([0, 1, 1, 2, 2, 3, 255]) << 16, *mac_words(_mac(rng))]
    elif number == API_NEGOTIATE:
        words = [number, rng.choice([0, 1, 2, 3, 4, 5, 5, 6, 7, 0xFFFFFFFF])]
    elif number == UPDATE_XCAST:
        words = [number, rng.choice([0, 1, 2, 2, 3, 3, 4, 0x7FFFFFFF, 0xFFFFFFFF])]
    else:
        words = [number, *[rng.getrandbits(32) for _ in range(rng.choice([0, 0, 4, 15]))]]
    if rng.random() < 0.1:
        words[0] |= CTS
    return words


def _odd(rng: random.Random) -> list[int]:
    """Draw a message that carries a reply's bits, an unknown type, or nothing known."""
    words = rng.choice(
        [
            [_valid(rng, rng.choice(TYPES))[0] | rng.choice([ACK, NACK, ACK | NACK])],
            [rng.choice([0, 7, 0xD, 0xE, 0xF, 0x11, 0x100, 0xFFFF]), rng.getrandbits(8)],
            [RESET | rng.choice([1 << 16, CTS, 1 << 24])],
            [rng.getrandbits(32) & ~(ACK | NACK), *[rng.getrandbits(32) for _ in range(3)]],
        ]
    )
    return words


def _administer(rng: random.Random, vf: int, n_vfs: int) -> Step:
    if rng.random() < 0.03:
        vf = n_vfs
    arguments = {
        "set_vf_mac": (vf, rng.choice([_mac(rng), _mac(rng), bytes(6)])),
        "set_vf_vlan": (vf, rng.choice([0, 0, 0, *VLANS, 4096]), rng.choice([0, 0, 0, 3, 7, 8])),
        "set_vf_spoofchk": (vf, rng.random() < 0.6),
        "set_vf_trust": (vf, rng.random() < 0.6),
        "set_vf_link_state": (vf, rng.choice(["auto", "enable", "disable", "up"])),
        "set_vf_rss_query": (vf, rng.random() < 0.8),
        "set_vf_rate": (vf, rng.choice([0, 1, 10, 11, 1000, 10_000, 10_001])),
        "set_promiscuous": (rng.random() < 0.7,),
    }
    name = rng.choice(list(arguments))
    return ("admin", name, arguments[name])
