"""Define the kinds of value that name something: ports, addresses, EtherTypes, and numbers as keys of a mapping."""

from __future__ import annotations

import re
from typing import Annotated, Any

from hwmodel.rules.function_names import BEHIND_VFS, MOST_PORTS, function_number
from hwmodel.rules.mailbox_messages import WORD_MASK
from hwmodel.wire.ethernet import format_mac, is_group_mac

from .kinds import Kind, Whole, shown, suggest, wrong

MAC_PATTERN = "^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$"
UPLINK = "uplink"
OUTSIDE = "outside"  # the port of a bridge to stations beyond all bridges
MOST_CORES = 1024  # of a host
CoreNumber = Annotated[int, Whole(0, MOST_CORES - 1, what="a core of the host")]
_PORT = f"p[0-{MOST_PORTS - 1}]"
_STATION = f"vf(0|[1-9][0-9]{{0,4}})|pf[1-{MOST_PORTS - 1}]?"
_SERVER = "[A-Za-z][A-Za-z0-9_-]{0,31}"
_PARTS = f"{_SERVER}([.]{_SERVER})?"  # a server, or one of a server's several adapters
_WIRES = f"{_PARTS}([.]{_PORT})?"  # a port of a bridge to one of these, or to one of its several Ethernet ports
_NO_SERVERS = frozenset(("outside", "adapter", "uplink", "all"))  # reserved: no server may have these names
# No VM may have the names of functions and ports, or of what looks like these, nor words that stand where VMs do.
_LIKE_FUNCTIONS = "([Vv][FfMm]|[Pp][Ff]?|[Pp][Oo][Rr][Tt])[_-]?[0-9]*"
_NO_VMS = "|".join((*sorted(_NO_SERVERS), "broadcast", "multicast", "unknown", "bridge", "dedicated", "none", "null"))
VM_PATTERN = f"(?!({_LIKE_FUNCTIONS}|{_NO_VMS})$){_SERVER}"


class Mac(Kind):
    """A 48-bit address, typed like 02:00:00:00:00:02, held as a whole number.

    `group`: False: a station's only; True: a group's only; None: either.
    """

    def __init__(self, *, group: bool | None = None) -> None:
        self.group = group

    def parse(self, value: object) -> int:
        """Return the address, first byte on the wire highest."""
        if not isinstance(value, str) or not re.fullmatch(MAC_PATTERN[1:-1], value):
            raise wrong(f"{shown(value)} is not a MAC address; write it like 02:00:00:00:00:02")
        number = int(value.replace(":", "").replace("-", ""), 16)
        is_group = is_group_mac(number)
        if self.group is False and (is_group or number == 0):
            raise wrong(f"{value} is {'a group' if is_group else 'the zero'} address; a station needs its own")
        if self.group is True and not is_group:
            raise wrong(f"{value} is a station's address; a group's has the lowest bit of the first byte set")
        return number

    def write(self, value: int) -> str:
        return format_mac(value)

    def schema(self) -> dict[str, Any]:
        title = {None: "a MAC address", False: "a station's MAC address", True: "a group's MAC address"}[self.group]
        return {"title": title, "type": "string", "pattern": MAC_PATTERN}


class Hexadecimal(Kind):
    """A number typed in hexadecimal, or as a plain one."""

    title: str
    what: str
    in_range: str  # its name in the message about its range
    example: str
    least: int
    most: int
    n_digits: int

    def parse(self, value: object) -> int:
        number = value
        if isinstance(value, str) and re.fullmatch(self._pattern, value):
            number = int(value, 16)
        if isinstance(number, bool) or not isinstance(number, int):
            raise wrong(f"{shown(value)} is not {self.what}; write it like {self.example}")
        if not self.least <= number <= self.most:
            ends = f"{self.write(self.least)} to {self.write(self.most)}"
            raise wrong(f"{value} is out of range; {self.in_range} goes from {ends}")
        return number

    def write(self, value: int) -> str:
        return f"0x{value:0{self.n_digits}x}"

    def schema(self) -> dict[str, Any]:
        number = {"type": "integer", "minimum": self.least, "maximum": self.most}
        return {"title": self.title, "anyOf": [number, {"type": "string", "pattern": f"^{self._pattern}$"}]}

    @property
    def _pattern(self) -> str:
        return f"0x[0-9A-Fa-f]{{1,{self.n_digits}}}"


class EtherType(Hexadecimal):
    """An EtherType, typed like 0x0800 or 2048."""

    title, what, in_range, example = "an EtherType, 0x0600 to 0xffff", "an EtherType", "an EtherType", "0x0800"
    least, most, n_digits = 0x600, 0xFFFF, 4


class MailboxWord(Hexadecimal):
    """A word of the mailbox, 32 bits, typed like 0x00010004 or 65540."""

    title, what, in_range, example = "a word of 32 bits", "a word of 32 bits", "a word", "0x00010004"
    least, most, n_digits = 0, WORD_MASK, 8


class Name(Kind):
    """A port's name: vf0, vf1, ..., pf, pf1 of a second port, or one of the words `others`, such as uplink.

    `with_servers`: also a port of a server, a.vf0, or of one of its several adapters, a.x.vf0. `with_vms`: also a VM's
    own name; where servers' ports may stand, unless it is said.
    """

    def __init__(self, *others: str, with_servers: bool = False, with_vms: bool | None = None) -> None:
        self.others = others
        self.with_servers, self.with_vms = with_servers, with_servers if with_vms is None else with_vms

    def parse(self, value: object) -> str:
        """Return the name; whether that port exists is checked later."""
        if not isinstance(value, str) or (value not in self.others and not self._is_name(value)):
            of_servers = ("with servers a.vf0",) if self.with_servers else ()
            known = ", ".join(("pf, vf0, vf1 and so on", *of_servers, *self.others))
            raise wrong(f"{shown(value)} is not the name of a port here; {known}{self._hint(value)}")
        return value

    def schema(self) -> dict[str, Any]:
        words = [f"({_PARTS}[.])?({_STATION})" if self.with_servers else _STATION, *self.others]
        words += [VM_PATTERN] * self.with_vms
        title = ", ".join(("pf", "vf0", "vf1", "...", *self.others))
        more = " (with servers a.vf0)" * self.with_servers + ", or a VM's own name" * self.with_vms
        return {"title": f"{title}{more}", "type": "string", "pattern": f"^({'|'.join(words)})$"}

    def _is_name(self, value: str) -> bool:
        server, dot, station = value.rpartition(".")
        if is_station_name(station):
            return not dot or (self.with_servers and is_part_name(server))
        return self.with_vms and is_vm_name(value)

    def _hint(self, value: object) -> str:
        if not isinstance(value, str):
            return ""
        same = {"uplink": "outside", "outside": "uplink"}.get(value)
        if same in self.others:
            return f" (did you mean {same}?)"
        if value == "uplink":
            return "; the wire's side of the switch has a key of its own, switch.uplink"
        server = rf"(?:{_SERVER}[.]){{0,2}}" if self.with_servers else ""
        number = re.fullmatch(rf"({server})(?i:vf|vm|port)[_ -]?0*([0-9]{{1,4}})", value)
        return f" (did you mean {number[1]}vf{number[2]}?)" if number else suggest(value, self.others)


class EndName(Name):
    """An end of a flow: a function, `uplink`, or, of an adapter with several ports, `p1.uplink`."""

    def __init__(self) -> None:
        super().__init__(UPLINK, with_servers=True)

    def schema(self) -> dict[str, Any]:
        found = super().schema()
        return found | {"pattern": found["pattern"].removesuffix(")$") + f"|{_PORT}[.]{UPLINK})$"}

    def _is_name(self, value: str) -> bool:
        return re.fullmatch(rf"{_PORT}[.]{UPLINK}", value) is not None or super()._is_name(value)


class PortName(Kind):
    """The name of an Ethernet port: p0, p1, and so on."""

    def parse(self, value: object) -> str:
        """Return the name; whether the adapter has that port is checked later."""
        if not isinstance(value, str) or not is_port_name(value):
            hint = f" (did you mean p{value}?)" if value in range(MOST_PORTS) else ""
            raise wrong(f"{shown(value)} is not the name of a port of the adapter; p0 to p{MOST_PORTS - 1}{hint}")
        return value

    def schema(self) -> dict[str, Any]:
        return {"title": "p0, p1, ...", "type": "string", "pattern": f"^{_PORT}$"}


class ServerName(Kind):
    """A server's name, or one of the words `others`; `with_wires`: also the name of a wire to it: a.x, a.p1, a.x.p1."""

    def __init__(self, what: str, *others: str, with_wires: bool = False) -> None:
        self.what = what
        self.others = others
        self.with_wires = with_wires

    def parse(self, value: object) -> str:
        is_name = is_wire_name if self.with_wires else is_server_name
        if isinstance(value, str) and (value in self.others or is_name(value)):
            return value
        if isinstance(value, str) and re.fullmatch(_SERVER, value):
            raise wrong(f"{value} has a meaning of its own and is no name of {self.what}")
        raise wrong(
            f"{shown(value)} is not the name of {self.what}; letters, digits, - and _, a letter first, 32 at most"
        )

    def schema(self) -> dict[str, Any]:
        names = ", ".join((*self.others, "a server's name"))
        pattern = _WIRES if self.with_wires else _SERVER
        return {"title": names, "type": "string", "pattern": f"^{pattern}$"}


class OwnName(Kind):
    """A name of the user's choice, of an agent, a message, a profile: letters, digits, - and _, a letter first."""

    def __init__(self, what: str = "an agent") -> None:
        self.what = what

    def parse(self, value: object) -> str:
        """Return the name."""
        if not isinstance(value, str) or not re.fullmatch(_SERVER, value):
            raise wrong(f"{shown(value)} is not {self.what}; letters, digits, - and _, a letter first, 32 at most")
        return value

    def schema(self) -> dict[str, Any]:
        """Return a pattern that names fit."""
        return {"title": self.what, "type": "string", "pattern": f"^{_SERVER}$"}


class PortOfBridge(Kind):
    """A port of one of several bridges, typed like right.trunk."""

    def parse(self, value: object) -> str:
        """Return the name; whether there is that port is checked later."""
        if not isinstance(value, str) or not re.fullmatch(rf"{_SERVER}[.]{_SERVER}", value):
            raise wrong(f"{shown(value)} is not a port of a bridge; write it like right.trunk")
        return value

    def schema(self) -> dict[str, Any]:
        return {"title": "BRIDGE.PORT", "type": "string", "pattern": f"^{_SERVER}[.]{_SERVER}$"}


class LogicalName(Kind):
    """A port of a bridge or one of its logical ports, as results call them: a, a.10, a.vlan101, a.vf0."""

    _pattern = r"[A-Za-z][A-Za-z0-9_.-]{0,127}"

    def parse(self, value: object) -> str:
        """Return the name; whether there is that port is checked later."""
        if not isinstance(value, str) or not re.fullmatch(self._pattern, value):
            raise wrong(f"{shown(value)} is not a port of a bridge; write it like a, a.10, a.vlan101 or a.vf0")
        return value

    def schema(self) -> dict[str, Any]:
        return {"title": "a, a.10, a.vlan101, a.vf0, ...", "type": "string", "pattern": f"^{self._pattern}$"}


class IdKey(Kind):
    """A number from 1 on as the key of a mapping; keys are text in JSON, so digits in quotes are the same."""

    def __init__(self, most: int) -> None:
        self.most = most

    def parse(self, value: object) -> int:
        if not isinstance(value, str) or not re.fullmatch(r"0|[1-9][0-9]{0,9}", value):
            raise wrong(f"the key {shown(value)} is not a whole number")
        if not 1 <= int(value) <= self.most:
            raise wrong(f"the key {value} is out of range; 1 to {self.most}")
        return int(value)

    def write(self, value: int) -> str:
        return str(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": "^[0-9]{1,10}$"}


def is_station_name(text: str) -> bool:
    """Tell whether `text` could be the name of a function: pf, pf1 and so on, or vf with a number."""
    return re.fullmatch(_STATION, text) is not None


def is_server_name(text: str) -> bool:
    """Tell whether a server may be called `text`."""
    return re.fullmatch(_SERVER, text) is not None and text not in _NO_SERVERS and not is_station_name(text)


def is_vm_name(text: str) -> bool:
    """Tell whether a VM may be called `text`."""
    return re.fullmatch(VM_PATTERN, text) is not None


def is_part_name(text: str) -> bool:
    """Tell whether `text` could be the name of a server, or of one of its adapters: a, a.x."""
    names = text.split(".")
    return len(names) <= 2 and all(map(is_server_name, names))


def is_wire_name(text: str) -> bool:
    """Tell whether a bridge's port to an adapter, or to one of its Ethernet ports, could be called `text`."""
    part, _, port = text.rpartition(".")
    return is_part_name(text) or (is_port_name(port) and is_part_name(part))


def is_port_name(text: str) -> bool:
    """Tell whether an adapter's Ethernet port could be called `text`."""
    return re.fullmatch(_PORT, text) is not None


def ethernet_ports(count: int) -> tuple[str, ...]:
    """Return the names of an adapter's Ethernet ports: p0, p1, and so on."""
    return tuple(f"p{number}" for number in range(count))


def port_place(port: str | None) -> int:
    """Return the number of an Ethernet port by its name; 0 of None, where there is only one."""
    return int(port[1:]) if port else 0


def uplink_of(port: str) -> str:
    """Return the name of the stations outside beyond a port: p1.uplink, or uplink if the port has no name."""
    return f"{port}.{UPLINK}" if port else UPLINK


def is_uplink(name: str) -> bool:
    """Tell whether a name is that of stations outside: uplink, p1.uplink."""
    return name == UPLINK or name.endswith(f".{UPLINK}")


def port_number(name: str, n_vfs: int = BEHIND_VFS) -> int:
    """Return the number of a port by its name: uplink 0, pf 1, vfK K+2, those of further PFs behind all VFs'."""
    return 0 if name == UPLINK else function_number(name, n_vfs) + 1
