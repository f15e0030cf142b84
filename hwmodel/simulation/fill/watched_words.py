"""What a watch looks at: the words of a server's record that make up a figure, and the values of its command."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from hwmodel.compiled.far_tables import WORD_BYTES, Table
from hwmodel.compiled.records import I64
from hwmodel.config import Server
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.machine.adapter.watches import IS_COUNT, IS_OF_LINKS, IS_RECEIVED, MOST_STEPS
from hwmodel.machine.server import SERVER
from hwmodel.machine.tlp_kinds import OF_KIND
from hwmodel.rules.figures import CORES, EACH, OFF, OWN, PORTS, RINGS, Part, Path, Ring, Watched
from hwmodel.rules.pcie_link import tlp_overhead_of
from hwmodel.simulation.fill.nic_state import function_of

AWAY = 1 << 40  # of a figure that a function which is off has nothing of: so that it is not below any number


class Words(NamedTuple):
    """Hold words that are added up, `factor` times each: `n`, the first at `word` of a server, `stride` apart."""

    word: int
    n: int
    stride: int
    factor: int


class Place(NamedTuple):
    """Hold where a figure is looked at: the server's number, a function there to name it by, and its own numbers.

    `function`: -1 of what is no function's; `ports`: the Ethernet ports.
    """

    server: int
    at: str
    function: int
    ports: range


def place_of(servers: Sequence[Server], of: str) -> Place:
    """Return where the figures of a VM (`a.vf1`), an Ethernet port (`a.p1`) or an adapter (`a`) are."""
    here = servers[0].config.place_of(of)
    near = ((at, one) for at, one in enumerate(servers) if one.name in (here, here.rpartition(".")[0]))
    for number, server in near:
        own = server.config
        first, ports = server.station(own.switch.ports[0].name), range(own.port.count)
        if of == server.name:
            return Place(number, first, -1, ports)
        for at, port in enumerate(own.port.names):
            if port and of == f"{server.prefix}{port}":
                return Place(number, first, -1, range(at, at + 1))
        for station in own.switch.ports:
            if here == f"{server.prefix}{station.name}":
                return Place(number, server.station(station.name), function_of(station.number), ports)
    raise LookupError(f"nothing is called {of}")


def watch_values(
    servers: Sequence[Server], place: Place, watched: Watched, number: int, again: int = 0
) -> tuple[int, ...]:
    """Return the values of a command that begins a watch (`machine.adapter.watches.begin_watch`).

    `number`: the watch's; `again`: by how much more a count comes each time after the first. Words are counted over the
    records of all servers.
    """
    figure = watched.figure
    parts = (*figure.parts, Part(OFF, AWAY)) if figure.while_on and watched.is_below else figure.parts
    config, first = servers[place.server].config, place.server * SERVER.itemsize // WORD_BYTES
    terms: list[int] = []
    for part in parts:
        each = part.factor * (getattr(tlp_overhead_of(config.pcie), part.times) if part.times else 1)
        for words in _words(part.path, place, config):
            terms += (first + words.word, words.n, words.stride, words.factor * each)
    step = max(1, -(-watched.number // (MOST_STEPS - 2)))
    places = 1 << (watched.number // step + 1).bit_length() if watched.within_fs else 0
    about = IS_COUNT * (not figure.is_level) | IS_OF_LINKS * any(part.path[0] == "pcie" for part in parts)
    is_received = all(part.path[-1] in ("received_frames", "received_bytes") for part in parts)
    about |= IS_RECEIVED * (is_received and not watched.within_fs)
    return (number, watched.number, watched.is_below, watched.within_fs, step, places, about, again, *terms)


def _words(path: Path, place: Place, config: Any) -> Iterator[Words]:
    """Yield where the words of a path are; entries that follow each other at one distance are told together."""
    runs = [(0, 1, 0)]  # offset in bytes, how many, how far apart
    kind: Any = SERVER
    for name, step in zip((None, *path), path, strict=False):
        if isinstance(step, str) and kind.subdtype is None:
            kind, offset = kind.fields[step][:2]
            runs = [(at + offset, n, stride) for at, n, stride in runs]
            continue
        item, (length,) = kind.subdtype
        numbers = _numbers(step, name, place, config, length)
        assert not issubclass(item.type, Table), f"{path} leads into a table outside its record"
        runs = _spread(runs, numbers, item.itemsize)
        kind = item
    assert kind == I64, f"{path} leads to no words"
    for at, n, stride in runs:
        yield Words(at // WORD_BYTES, n, stride // WORD_BYTES, 1)


def _spread(
    runs: Sequence[tuple[int, int, int]], numbers: range | list[int], n_bytes: int
) -> list[tuple[int, int, int]]:
    """Return runs of words with one of them for each entry of an array: a single word becomes a run of many."""
    is_even = isinstance(numbers, range) and len(numbers) > 1
    if is_even and all(n == 1 for _, n, _ in runs):
        return [(at + numbers[0] * n_bytes, len(numbers), n_bytes) for at, *_ in runs]
    return [(at + number * n_bytes, n, stride) for at, n, stride in runs for number in numbers]


def _numbers(step: Any, name: Any, place: Place, config: Any, length: int) -> range | list[int]:
    """Return the entries with which a path goes on in an array of the field `name`."""
    own, queues = place.function, config.nic.queues_per_vf
    if isinstance(step, Ring):
        return [own * queues + step.number]
    if isinstance(step, str):
        if name in ("drops", "mirrored_drops"):
            return [DropReason[step].value]
        return [kind for kind, about in OF_KIND.items() if about.purpose == step]
    if isinstance(step, int):
        return [step]
    n_functions = len(config.switch.ports)
    each = len(DropReason) if name in ("drops", "mirrored_drops") else n_functions if name == "function" else length
    return {
        OWN: range(own, own + 1),
        RINGS: range(own * queues, (own + 1) * queues),
        PORTS: place.ports,
        CORES: range(config.host.cores),
        EACH: range(each),
    }[step]
