"""Check what events of a scenario wait for: whether a thing has the figure, and whether the unit fits it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction

from hwmodel.errors import InputError
from hwmodel.rules.figures import ADAPTER, FIGURES, FUNCTION, NAMES, PORT, Figure, Unit, Watched, short_of
from hwmodel.rules.function_names import PF, is_pf
from hwmodel.units import BITS_PER_BYTE, FS_PER_S, Dimension, UnitError

from .bridge import BRIDGE
from .condition import AMOUNTS, RATES, Condition
from .kinds import suggest
from .model import Config
from .system import Server, bridges_of, servers_of
from .vms import vms_of

MOST_UNITS = 1 << 62  # of a figure


def watched_by(when: Condition, config: Config) -> Watched:
    """Return what a good condition waits for in a system."""
    if when.figure is None:
        (kind,) = when.kinds
        return short_of(kind, when.vm or "", getattr(when, kind))
    figure = _known(when.figure, when.of or "", config)
    within_fs, is_below = when.within_fs or 0, when.below is not None
    number = number_of(figure.unit, when.amount, within_fs, is_below=is_below)
    return Watched(figure, when.of or "", is_below, number, within_fs)


def figure_of(name: str, of: str, config: Config) -> Figure:
    """Return a figure of something in a system, by its name; raise InputError where there is none."""
    if name not in NAMES:
        raise InputError(f"{name} is no figure{suggest(name, NAMES)}")
    when = Condition.model_validate({"figure": name, "of": of or None, "above": 0})
    problems = [message for key, message in misfits(when, config) if key in ("of", "figure")]
    if problems:
        raise InputError(problems)
    return _known(name, of, config)


def _known(name: str, of: str, config: Config) -> Figure:
    thing = _thing(config, of)
    figure = None if thing is None else _figure_of(name, thing)
    assert figure is not None
    return figure


def misfits(when: Condition, config: Config) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a well-formed condition in a system: the key, and why."""
    name, of_key = (when.vm, "vm") if when.figure is None else (when.of, "of")
    thing = _thing(config, name or "")
    if thing is None:
        wanted = when.figure or "delivered"
        having = [each for each, one in _things(servers_of(config)) if _figure_of(wanted, one)]
        yield of_key, _unknown(name, having, config)
    elif when.figure is not None:
        figure = _figure_of(when.figure, thing)
        if figure is None:
            yield "figure", _of_others(when.figure, name, thing, config)
        elif figure.needs and not has(figure, thing[1]):
            yield "figure", f"{figure.name} is counted with {HAS[figure.needs][0]} alone"
        else:
            yield from _uncompared(when, figure)


Thing = tuple[str, Config, bool]  # what it is, its adapter's configuration, and whether it is an adapter's first PF


def _things(servers: Iterable[Server]) -> Iterator[tuple[str, Thing]]:
    """Yield all that has figures, by name: functions, adapters, and Ethernet ports of those that have several."""
    for server in servers:
        yield server.name, (ADAPTER, server.config, False)
        for port in filter(None, server.config.port.names):
            yield f"{server.prefix}{port}", (PORT, server.config, False)
        for name, vm in vms_of([server]).items():
            yield name, (FUNCTION, server.config, vm.port.name == PF)


def _thing(config: Config, name: str) -> Thing | None:
    """Return what has a name."""
    place, name = config.place_of(name), config.vm_at(name)
    near = (server for server in servers_of(config) if server.name in (place, place.rpartition(".")[0]))
    return next((thing for each, thing in _things(near) if each == name), None)


def _figure_of(name: str, thing: Thing) -> Figure | None:
    """Return a thing's figure; an adapter has its ports' too, added up, and its first PF has all of these."""
    what, _, is_first_pf = thing
    adapters = (ADAPTER, PORT) if is_first_pf or what == ADAPTER else ()
    return next((FIGURES[of, name] for of in (what, *adapters) if (of, name) in FIGURES), None)


def _unknown(name: str | None, having: Sequence[str], config: Config) -> str:
    """Say that there is no such thing, or that nothing is named; `having`: what has the figure."""
    if name is None:
        return f"it does not say whose figure it is; write `of: {_example(having)}`"
    if name.partition(".")[0] in (BRIDGE, *(bridge.name for bridge in bridges_of(config))):
        return f"{name} is a bridge's; conditions wait for figures of VMs, adapters and their Ethernet ports"
    return f"there is no {name}{suggest(name, having)}"


def _example(names: Iterable[str]) -> str:
    """Return the first of the shortest names, of a VM rather than a PF."""
    return min(names, key=lambda name: (is_pf(name), len(name)))


def _of_others(figure: str, name: str | None, thing: Thing, config: Config) -> str:
    """Say whose figure it is that a thing does not have, and how those are named."""
    having = [of for of in (FUNCTION, PORT, ADAPTER) if (of, figure) in FIGURES]
    own = (server for server in servers_of(config) if server.config is thing[1])
    others = [each for each, one in _things(own) if _figure_of(figure, one) is not None]
    hint = "leave `of` out" if "" in others else f"write `of: {_example(others)}`" if others else "there is none here"
    what = f"{name} is {thing[0]}" if name else "nothing is named, which is an adapter"
    return f"it is a figure of {' or '.join(having)}, and {what}; {hint}"


def _uncompared(when: Condition, figure: Figure) -> Iterator[tuple[str, str]]:
    """Yield why a figure cannot be compared with what a condition says."""
    side = "above" if when.below is None else "below"
    if when.within_fs is not None and figure.is_level:
        yield "within", f"{figure.name} is a level, which is what it is at an instant; only counts grow within a time"
        return
    if when.below is not None and when.within_fs is None and not figure.is_level:
        yield "below", f"{figure.name} is a count, which only grows; say `within` what time it grows by less"
        return
    try:
        number = number_of(figure.unit, when.amount, when.within_fs, is_below=when.below is not None)
    except UnitError as error:
        yield side, str(error)
        return
    if number == 0 and when.below is not None:
        yield side, "nothing is below 0"
    if number > MOST_UNITS:
        yield side, f"{when.amount} is out of range"


def number_of(unit: Unit, amount: int | str, within_fs: int | None, *, is_below: bool) -> int:
    """Return the whole number of units that a figure must exceed, or fall short of; of a rate, in the time given.

    Raises UnitError, with a message for who typed it, if the unit does not fit.
    """
    if isinstance(amount, str) and (share := _share(unit, amount)) is not None:
        exact = share * (within_fs or 0)
    elif isinstance(amount, str) and unit.rate in RATES and _is_in(RATES[unit.rate], amount):
        by_s = Fraction(RATES[unit.rate].parse(amount), BITS_PER_BYTE if unit.rate == "bits" else 1)
        exact = by_s * (within_fs or 0) / FS_PER_S
    elif unit.amount in AMOUNTS:
        return AMOUNTS[unit.amount].parse(amount)
    elif not unit.amount:
        exact = Fraction(RATES[unit.rate].parse(amount))
    elif isinstance(amount, str):
        rate = f", or a rate like {RATES[unit.rate].example}" if unit.rate in RATES else ""
        raise UnitError(f"{amount!r} is no number of {unit.noun}s; write it without a unit, like 1000{rate}")
    else:
        return amount
    if not within_fs:
        raise UnitError(f"{amount!r} is a rate; say `within` what time it is taken, like within: 1ms")
    return -(-exact.numerator // exact.denominator) if is_below else exact.numerator // exact.denominator


def _share(unit: Unit, amount: str) -> Fraction | None:
    text = amount.replace(" ", "")
    is_share = unit.rate == "share" and text.endswith("%") and text[:-1].replace(".", "", 1).isdecimal()
    return Fraction(text[:-1]) / 100 if is_share else None


def _is_in(dimension: Dimension, text: str) -> bool:
    try:
        dimension.parse(text)
    except UnitError:
        return False
    return True


def has(figure: Figure, config: Config) -> bool:
    """Tell whether an adapter has what a figure needs."""
    if figure.needs == "rings":
        return int(figure.name.split("_")[2]) < config.nic.queues_per_vf
    return HAS[figure.needs][1](config)


def _flow_control(config: Config, mode: str, *, obeys: bool = False) -> bool:
    own = config.nic.flow_control
    return own is not None and own.mode == mode and (own.obey or not obeys)


# What `Figure.needs`: the key, and whether an adapter has it.
HAS: Mapping[str, tuple[str, Callable[[Config], bool]]] = {
    "rings": ("as many rings (nic.queues_per_vf)", lambda _: True),
    "vswitch": ("nic.mode: vswitch", lambda config: config.virtual_switch is not None),
    "switch core": ("switch.timing: core", lambda config: config.switch.timing != "none"),
    "engines": ("nic.dma", lambda config: config.nic.dma is not None),
    "stalls": ("host.stall", lambda config: config.host.stall is not None),
    "iotlb": ("host.iotlb", lambda config: config.host.iotlb is not None),
    "flow control": ("nic.flow_control", lambda config: config.nic.flow_control is not None),
    "pause": ("nic.flow_control.mode: pause", lambda config: _flow_control(config, "pause")),
    "pfc": ("nic.flow_control.mode: pfc", lambda config: _flow_control(config, "pfc")),
    "pause that is obeyed": (
        "nic.flow_control of mode: pause and obey: true", lambda config: _flow_control(config, "pause", obeys=True),
    ),
    "pfc that is obeyed": (
        "nic.flow_control of mode: pfc and obey: true", lambda config: _flow_control(config, "pfc", obeys=True),
    ),
    "flow director": (
        "nic.steering.flow_director",
        lambda config: config.nic.steering is not None and config.nic.steering.flow_director is not None,
    ),
    "flow cache": (
        "host.virtual_switch.flow_cache",
        lambda config: config.virtual_switch is not None and config.virtual_switch.flow_cache is not None,
    ),
}  # fmt: skip
