"""Say what a limit of a device is: the bound, its source and words, and how to find what a configuration asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from hwmodel.rules.function_names import is_pf
from hwmodel.units import format_rate_bps

from .document import KeyPath
from .model import Config


@dataclass(frozen=True)
class Bound:
    """The values that a device takes. `source`: where that is said; `above`: a least value that is itself too low."""

    source: str
    least: Any = None
    most: Any = None
    step: int | None = None
    choices: tuple[Any, ...] | None = None
    above: Any = None

    def allows(self, value: Any) -> bool:
        """Tell whether the device takes a value."""
        if self.choices is not None:
            return value in self.choices
        return (
            (self.least is None or value >= self.least)
            and (self.above is None or value > self.above)
            and (self.most is None or value <= self.most)
            and (self.step is None or value % self.step == 0)
        )

    def words(self, write: Callable[[Any], str]) -> str:
        """Name the values; `write` writes one of them."""
        if self.choices == () or self.most == 0:
            return "none"
        if self.choices is not None:
            *firsts, last = map(write, self.choices)
            return f"{', '.join(firsts)} or {last}" if firsts else last
        low = f"above {write(self.above)}" if self.above is not None else ""
        if self.least is not None and self.most is not None:
            words = f"{write(self.least)} to {write(self.most)}"
        else:
            low = low or (f"at least {write(self.least)}" if self.least is not None else "")
            high = f"at most {write(self.most)}" if self.most is not None else ""
            words = ", ".join(filter(None, (low, high)))
        step = "" if self.step is None else f"multiples of {write(self.step)}"
        return ", ".join(filter(None, (words, step)))


@dataclass(frozen=True)
class Varying:
    """A bound that depends on other keys. `words`: what it is, for the table of limits; None: then there is none."""

    words: str
    of: Callable[[Config], Bound | None]
    source: str


Bounds = Mapping[str, Bound | Varying]


def most(value: Any, source: str) -> Bound:
    """Return the bound of at most a value."""
    return Bound(source, most=value)


def one_of(*choices: Any, source: str) -> Bound:
    """Return the bound of some values alone."""
    return Bound(source, choices=choices)


def none(source: str) -> Bound:
    """Return the bound of what a device does not have at all: no value is allowed."""
    return Bound(source, choices=())


class Found(NamedTuple):
    """A value that a configuration asks of a device, and the keys that say so, most to blame first.

    In the path of a station's key its name stands for its place in `switch.ports`.
    """

    value: Any
    keys: tuple[str | KeyPath, ...]


@dataclass(frozen=True)
class Limit:
    """One thing that devices limit.

    `keys`: the keys that ask for it; `asks`: words for a value, with {} for it; `find`: the values that a configuration
    asks for; `bounds`: by device; `write`: writes a value; `of_unnamed`: it holds for the default preset too where no
    preset is written, so that nobody has named a device. `call`: the field of a `pf` event that asks the same.
    """

    keys: str
    asks: str
    find: Callable[[Config], Iterator[Found]]
    bounds: Bounds
    write: Callable[[Any], str] = str
    of_unnamed: bool = False
    call: str = ""

    def bound_of(self, config: Config) -> Bound | None:
        """Return what the device of a configuration takes; None if nothing limits it, or that is not known."""
        bound = self.bounds.get(config.nic.preset or "")
        return bound.of(config) if isinstance(bound, Varying) else bound


def for_all(devices: tuple[str, ...], bound: Bound | Varying) -> dict[str, Bound | Varying]:
    """Return one bound of several devices."""
    return dict.fromkeys(devices, bound)


def of_key(key: str) -> Callable[[Config], Iterator[Found]]:
    """Return how to find the value of one key; None is no value."""

    def find(config: Config) -> Iterator[Found]:
        value = config.value_of(key)
        if value is not None:
            yield Found(value, (key,))

    return find


def of_link(key: str) -> Callable[[Config], Iterator[Found]]:
    """Return how to find the value of a key that only PCI Express links have."""
    find = of_key(key)
    return lambda config: find(config) if config.pcie.bus is None else iter(())


def of_stations(
    key: str, read: Callable[[Any], Any] | None = None, *, of_pf: bool = True
) -> Callable[[Config], Iterator[Found]]:
    """Return how to find a key of each station at the adapter's own switch, or what is read there; None is no value."""

    def find(config: Config) -> Iterator[Found]:
        for port in () if config.has_virtual_switch else config.switch.ports:
            value = port.value_of(key) if read is None else read(port)
            if value is not None and (of_pf or not is_pf(port.name)):
                yield Found(value, (("switch", "ports", port.name, key),))

    return find


def most_of_ports(key: str, count: Callable[[Any], int], *more: str) -> Callable[[Config], Iterator[Found]]:
    """Return how to count something at each Ethernet port's own switch, the most of all ports."""

    def find(config: Config) -> Iterator[Found]:
        if not config.has_virtual_switch:
            yield Found(max(count(config.switch.at_port(name)) for name in config.port.names), (key, *more))

    return find


def if_any(key: str, *words: str) -> Callable[[Config], Iterator[Found]]:
    """Return how to find that a key asks for something at all, or for one of some words."""

    def find(config: Config) -> Iterator[Found]:
        value = config.value_of(key)
        if value in words if words else value:
            yield Found(True, (key,))

    return find


def any_station(key: str, *, of_pf: bool = True) -> Callable[[Config], Iterator[Found]]:
    """Return how to find the stations whose key asks for something at all."""
    return of_stations(key, lambda port: True if port.value_of(key) else None, of_pf=of_pf)


_MBPS = 10**6
IXGBE_LIMITED_LINK_BPS = 10 * 10**9


def tx_rates(device: str, port_rate_bps: int) -> Bound:
    """Return the rate limits that the PF's driver of a device sets for a VF, at a rate of the port's link."""
    if device == "82576":
        source = "Linux igb_ndo_set_vf_bw: whole Mb/s, up to the link's rate"
        return Bound(source, least=_MBPS, most=port_rate_bps, step=_MBPS)
    if device == "XL710":
        source = "Linux i40e_set_bw_limit: credits of 50 Mb/s, up to the link's rate"
        return Bound(source, least=50 * _MBPS, most=port_rate_bps, step=50 * _MBPS)
    if port_rate_bps != IXGBE_LIMITED_LINK_BPS:
        on = format_rate_bps(IXGBE_LIMITED_LINK_BPS)
        return none(f"Linux ixgbe_ndo_set_vf_bw: the driver limits VFs on a link of {on} alone")
    source = "Linux ixgbe_ndo_set_vf_bw: whole Mb/s above 10, up to the link's rate"
    return Bound(source, above=10 * _MBPS, most=port_rate_bps, step=_MBPS)
