"""What agents reach of a machine as it runs: figures to read and to watch, keys to set, cores to work on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from hwmodel.agents import Frame, OwnFrame
from hwmodel.agents.agenda import BEHIND_FS
from hwmodel.config import Config
from hwmodel.config.agents import HeardFrame
from hwmodel.config.check_agents import misfit_heard, stations_of
from hwmodel.config.check_condition import figure_of, misfits, watched_by
from hwmodel.config.check_lacp import OUTSIDE_PLACE
from hwmodel.config.condition import Condition
from hwmodel.config.kinds import suggest
from hwmodel.config.live_configuration import Setting
from hwmodel.config.names import UPLINK
from hwmodel.config.operable import concerns_only, concerns_only_bridge
from hwmodel.config.system import bridges_of, servers_of
from hwmodel.config.vms import vms_of
from hwmodel.errors import InputError
from hwmodel.machine.adapter.watches import AS_IT_BECOMES, N_SAID, ONCE, TERM_WORDS
from hwmodel.machine.counts.heard import ANY_VALUE, OUTSIDE
from hwmodel.machine.network.bridge_state import OWN_PORTS
from hwmodel.machine.time.commands import GIVEN, LISTENING
from hwmodel.rules.driver_jobs import AGENTS_FROM, JobStep
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.figures import Watched
from hwmodel.simulation.fill.watched_words import place_of, watch_values
from hwmodel.simulation.run.commands import Asked, Change, Job, Watch
from hwmodel.simulation.run.machine import BRIDGES, CameTrue, Machine
from hwmodel.simulation.run.sampled import SampledFrames
from hwmodel.wire.ethernet import ADDRESS_BYTES, format_mac
from hwmodel.wire.samples import Counters, Sample
from hwmodel.wire.tags import RuntFrameError, parse_header
from hwmodel.workload.delivered import PAYLOADS
from hwmodel.workload.traffic import Workload

SetKeys = Callable[[int, Setting, Change], Change]
NO_RECORD = -1  # as a frame's number in a capture; those below it are of the words that frames of agents carry
FIRST_WORD = NO_RECORD - 1
# Destination, source, EtherType, VLAN and priority of a frame that a driver sees.
Header = tuple[str, str, int | None, int | None, int | None]


class Hands:
    """Reach a machine for agents (`agents.live.Machine`); `set_keys`: makes a change of a setting at an instant.

    `templates`: of the frames that agents may send. `workload`: what the machine began with.
    """

    def __init__(
        self,
        machine: Machine,
        config: Config,
        set_keys: SetKeys,
        templates: Mapping[OwnFrame, int] = MappingProxyType({}),
        workload: Workload | None = None,
    ) -> None:
        self._machine, self._config, self._set_keys = machine, config, set_keys
        self._servers = servers_of(config)
        self._places = {server.name: at for at, server in enumerate(self._servers)}
        self._vms = vms_of(self._servers)
        self._words = machine.state.view(np.int64)
        self._terms: dict[tuple[str, str], list[tuple[int, ...]]] = {}
        self._ways: dict[str, int] = {}
        self._templates = templates
        self._macs = {name: port.macs for name, port in stations_of(config).items()}
        self._names = {(vm.at, vm.function): name for name, vm in self._vms.items()}
        self._names |= {(0, OUTSIDE): UPLINK}
        self._headers: dict[tuple[int, int], tuple[str, Header]] = {}
        self._bridges = {bridge.name: bridge for bridge in bridges_of(config)}
        self._ports = {port.wire: port.number for port in machine.ports}
        self._ports |= {name: OWN_PORTS + at for at, name in enumerate(self._bridges)}
        self._workload = workload
        self._at_bridges: dict[int, list[tuple[int, HeardFrame]]] = {}  # who listens at each port

    def read(self, server: str | None, of: str, figure: str) -> int:
        """Return a figure as it is now; of a link's busy time, as it was at the link's last event."""
        if (of, figure) not in self._terms:
            self._terms[of, figure] = self._terms_of(server, of, figure)
        words = self._words
        return sum(
            factor * int(words[word : word + (n - 1) * stride + 1 : stride or 1].sum())
            for word, n, stride, factor in self._terms[of, figure]
        )

    def watch(self, server: str, number: int, condition: Condition, each: int | None, at_fs: int) -> None:
        """Watch a figure from an instant on: as it becomes true, or of a count, which does not become false, once.

        Who is outside, at the other ends of an only adapter's wires, sees what that sees.
        """
        place = "" if server == OUTSIDE_PLACE else server
        self._check(place, condition.whose, [message for _, message in misfits(condition, self._config)])
        what = watched_by(condition, self._config)
        again = AS_IT_BECOMES if what.figure.is_level or what.within_fs else ONCE
        if each is not None:
            what, again = what._replace(number=what.number - 1), what.number
        found = place_of(self._servers, what.of)
        watch = Watch(found.at, watch_values(self._servers, found, what, number, again), number)
        self._machine.schedule.add(at_fs, lambda now: now.then(at_fs, watches=(watch,)))

    def hear(self, server: str, number: int, asked: HeardFrame, at_fs: int) -> None:
        """Listen for frames to a function from an instant on; of a VM with several addresses, from any of them."""
        if problems := [message for _, message in misfit_heard(asked, server, self._config)]:
            raise InputError([f"agents: {line}" for line in problems])
        if server in self._bridges:
            self._at_bridges.setdefault(self._ports[asked.to], []).append((number, asked))
            self._machine.bridge.has_agents = 1
            return
        senders: Sequence[int | None] = (
            [asked.sender] if not isinstance(asked.sender, str) else self._macs[asked.sender]
        )
        wanted = [(asked.ethertype, sender, asked.destination) for sender in senders]
        rows = [(number, *(ANY_VALUE if each is None else each for each in row)) for row in wanted]
        self._ask(at_fs, *(Asked(asked.to, LISTENING, row) for row in rows))

    def send_frame(self, frame: OwnFrame, message: str | bytes, at_fs: int) -> None:
        """Give a frame to the driver of its function, or to its port of a bridge, at an instant."""
        index, said = NO_RECORD, self._machine.said
        if message:
            index = (PAYLOADS if isinstance(message, bytes) else FIRST_WORD) - len(said)
            said.append(message)
        of, n_bytes = self._ports.get(frame.sender, frame.sender), frame.length_with(message)
        self._ask(at_fs, Asked(of, GIVEN, (self._templates[frame], n_bytes, index)))

    @cached_property
    def _samples(self) -> SampledFrames:
        assert self._workload is not None
        return SampledFrames(self._machine, self._workload)

    def sampled(self, number: int, now_fs: int) -> tuple[Sequence[Sample], Counters]:
        """Return what a bridge's sampler has sampled up to now and since it was asked, and its port's counters."""
        return self._samples.of(number, now_fs)

    def _ask(self, at_fs: int, *asked: Asked) -> None:
        self._machine.schedule.add(at_fs, lambda now: now.then(at_fs, asked=asked))

    def frame_of(self, true: CameTrue) -> Frame | None:
        """Return the frame that is heard, None where something else is seen."""
        if true.heard is None:
            return None
        number, n_bytes, index = true.heard
        if (true.server, number) not in self._headers:
            nic = self._machine.state[true.server]
            receiver = self._names[true.server, int(nic.traffic.copy_kind[number].function)]
            stored = nic.headers.copy_header[number]
            self._headers[true.server, number] = receiver, parsed(bytes(stored.octets[: int(stored.n_bytes)]))
        receiver, header = self._headers[true.server, number]
        return self._frame(true.at_fs, receiver, header, n_bytes, index)

    def kept_by_bridges(self, true: CameTrue) -> Iterator[tuple[int, Frame]]:
        """Yield the frame that a bridge keeps to itself, for each who listens for it, by the watch's number."""
        assert true.heard is not None
        hop, n_bytes, index = true.heard
        stored = self._machine.bridge.hop_header[hop]
        header = parsed(bytes(stored["octets"][: int(stored["n_bytes"])]))
        for number, asked in self._at_bridges.get(true.number, ()):
            frame = self._frame(true.at_fs, asked.to, header, n_bytes, index)
            wanted = (asked.ethertype, asked.destination)
            found = (frame.ethertype, int(frame.destination.replace(":", ""), 16))
            if all(one in (None, other) for one, other in zip(wanted, found, strict=True)):
                yield number, frame

    def _frame(self, at_fs: int, receiver: str, header: Header, n_bytes: int, index: int) -> Frame:
        first = PAYLOADS if index <= PAYLOADS else FIRST_WORD
        said = self._machine.said[first - index] if index < NO_RECORD else ""
        return Frame(0, at_fs, receiver, *header, n_bytes + FCS_BYTES, said)

    def enter(
        self, server: str, core: str, number: int, from_fs: int, told: Sequence[int], steps: Sequence[JobStep]
    ) -> None:
        """Have steps carried out on the core of a function; raise InputError where its server has no such function."""
        place = self._places.get(server)
        core = self._config.vm_at(core)
        if core not in self._vms or self._vms[core].at != place:
            own = (name for name, vm in self._vms.items() if vm.at == place)
            raise InputError(f"agents: there is no {core} at server {server}{suggest(core, own)}, to work on its core")
        job = Job.telling(core, AGENTS_FROM + number, from_fs, told, "", steps)
        at_fs = from_fs + BEHIND_FS
        self._machine.schedule.add(at_fs, lambda now: now.then(at_fs, jobs=(job,)))

    def set(self, at_fs: int, setting: Setting) -> None:
        """Set keys at an instant."""
        self._machine.schedule.add(at_fs, lambda now: self._set_keys(at_fs, setting, now), may_come_again=True)

    def concerns_only(self, server: str, changes: Mapping[str, Any]) -> bool:
        """Tell whether keys concern nothing beside a server, or the bridges, at once."""
        if server in self._bridges:
            return concerns_only_bridge(self._bridges[server].key, changes)
        return concerns_only(server, changes)

    def way_fs(self, server: str) -> int:
        """Return the longest time that anything from a server, or a bridge, takes to reach another."""
        if server not in self._ways:
            self._ways[server] = self._machine.way_fs(self._places.get(server, BRIDGES))
        return self._ways[server]

    def _check(self, server: str | None, of: str, problems: Sequence[str] = ()) -> None:
        """Raise InputError for what is wrong with a figure of an agent in Python, or where it is another server's."""
        if not problems and server is not None and server not in (of, self._config.place_of(of).rpartition(".")[0]):
            problems = [f"{of} is not at server {server}, of which alone its agents see figures"]
        if problems:
            raise InputError([f"agents: {line}" for line in problems])

    def _terms_of(self, server: str | None, of: str, figure: str) -> list[tuple[int, ...]]:
        """Return where the words of a figure are: each run's first word, how many, how far apart, how often counted."""
        self._check(server, of)
        what = Watched(figure_of(figure, of, self._config), of, is_below=False, number=0)
        values = watch_values(self._servers, place_of(self._servers, of), what, 0)[N_SAID:]
        return [tuple(values[at : at + TERM_WORDS]) for at in range(0, len(values), TERM_WORDS)]


def parsed(header: bytes) -> Header:
    """Return what a driver sees of a frame's header; a runt has no type."""
    addresses = [format_mac(int.from_bytes(header[at : at + ADDRESS_BYTES], "big")) for at in (0, ADDRESS_BYTES)]
    try:
        found = parse_header(header)
    except RuntFrameError:
        return addresses[0], addresses[1], None, None, None
    tag: Mapping[str, int | None] = {"vid": None, "pcp": None} if found.c_tag is None else found.c_tag.fields
    return addresses[0], addresses[1], found.ethertype, tag["vid"], tag["pcp"]
