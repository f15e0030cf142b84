"""Kinds of values that access lists match beyond the EtherType: prefixes, protocols, ranges, operations of ARP."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from hwmodel.rules.packets import ARP_OPERATIONS, PROTOCOLS

from .kinds import Kind, shown, suggest, wrong

OWN = "own"


class IpPrefix(Kind):
    """An address of IPv4 or IPv6, or a prefix, held as a network."""

    def __init__(self, example: str = "10.0.0.0/8 or 2001:db8::1", version: int | None = None) -> None:
        self.example, self.version = example, version

    def parse(self, value: object) -> IPv4Network | IPv6Network:
        """Return the network; host bits that are set are refused."""
        try:
            found = ip_network(value, strict=False) if isinstance(value, str) else None
        except ValueError:
            found = None
        if found is None or self.version not in (None, found.version):
            of = f"IPv{self.version}" if self.version else "IP"
            raise wrong(f"{shown(value)} is not an address or prefix of {of}; write it like {self.example}")
        try:
            return ip_network(str(value))
        except ValueError:
            raise wrong(f"{value} has bits set behind its prefix (did you mean {found}?)") from None

    def write(self, value: Any) -> str:
        """Write the network; a single address without its prefix length."""
        return str(value.network_address if value.prefixlen == value.max_prefixlen else value)

    def schema(self) -> dict[str, Any]:
        of = f"IPv{self.version}" if self.version else "IPv4 or IPv6"
        return {"title": f"an address or a prefix of {of}", "type": "string"}


class OwnOr(Kind):
    """The word `own`, for the sending station's own addresses, or another kind of value."""

    def __init__(self, other: Kind) -> None:
        self.other = other

    def parse(self, value: object) -> Any:
        return value if value == OWN else self.other.parse(value)

    def write(self, value: Any) -> Any:
        return value if value == OWN else self.other.write(value)

    def schema(self) -> dict[str, Any]:
        other = self.other.schema()
        return {"title": f"{other['title']}, or {OWN}", "anyOf": [{"enum": [OWN]}, other]}


class _Numbered(Kind):
    """A word that stands for a number, or the number."""

    words: Mapping[str, int]
    most: int
    what: str

    def parse(self, value: object) -> int:
        if isinstance(value, str) and value.lower() in self.words:
            return self.words[value.lower()]
        if isinstance(value, bool) or not isinstance(value, int):
            known = ", ".join(self.words)
            hint = suggest(value, list(self.words)) if isinstance(value, str) else ""
            raise wrong(f"{shown(value)} is not {self.what}; {known}, or its number{hint}")
        if not 0 <= value <= self.most:
            raise wrong(f"{value} is out of range; 0 to {self.most}")
        return value

    def write(self, value: int) -> str | int:
        return next((word for word, number in self.words.items() if number == value), value)

    def schema(self) -> dict[str, Any]:
        number = {"type": "integer", "minimum": 0, "maximum": self.most}
        title = f"{', '.join(self.words)}, or 0 to {self.most}"
        return {"title": title, "anyOf": [{"enum": list(self.words)}, number]}


class Protocol(_Numbered):
    """A protocol of IP, by its name or number."""

    words, most, what = PROTOCOLS, 255, "a protocol"


class ArpOperation(_Numbered):
    """An operation of ARP, by its name or number."""

    words, most, what = ARP_OPERATIONS, 65535, "an operation of ARP"


class Span(Kind):
    """A number from 0 on, or a range of them like 5000-5010; held as the least and the most."""

    def __init__(self, most: int, what: str) -> None:
        self.most, self.what = most, what

    def parse(self, value: object) -> tuple[int, int]:
        """Return the ends; both belong to the range."""
        if isinstance(value, int) and not isinstance(value, bool):
            ends = value, value
        elif isinstance(value, str) and (found := re.fullmatch(r"([0-9]{1,5}) ?- ?([0-9]{1,5})", value)):
            ends = int(found[1]), int(found[2])
        else:
            raise wrong(f"{shown(value)} is not {self.what} or a range; write it like 68 or 5-10")
        if ends[0] > ends[1]:
            raise wrong(f"{value} ends before it begins (did you mean {ends[1]}-{ends[0]}?)")
        if ends[0] < 0 or ends[1] > self.most:
            raise wrong(f"{value} is out of range; 0 to {self.most}")
        return ends

    def write(self, value: tuple[int, int]) -> int | str:
        """Write the range; a single number if both ends are equal."""
        least, most = value
        return least if least == most else f"{least}-{most}"

    def schema(self) -> dict[str, Any]:
        number = {"type": "integer", "minimum": 0, "maximum": self.most}
        span = {"type": "string", "pattern": "^[0-9]+ ?- ?[0-9]+$"}
        return {"title": f"{self.what} or a range", "anyOf": [number, span]}
