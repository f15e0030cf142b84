"""From a document to a configuration: override, fill in, validate, cross-check; report all that is wrong at once."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property, partial
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from .bridge import interfaces_before
from .check_adapter import RING_CHECKS, check_capacity, check_link
from .check_arbitration import check_arbitration
from .check_bridge import check_bridge, check_bridge_kind
from .check_control import check_control
from .check_device_limits import check_device_limits
from .check_flow_control import check_bridge_flow_control, check_control_frames, check_flow_control
from .check_pcie import check_bus, check_buses, check_multi_root, check_trees
from .check_ports import check_port_system, check_ports
from .check_profiles import check_profiles
from .check_room import check_adapter_room, check_system_room
from .check_sends import check_sends
from .check_steering import check_queues, check_steering
from .check_streams import check_streams
from .check_switch import STATION_CHECKS, SWITCH_CHECKS, check_servers
from .check_virtual_switch import check_bond, check_virtual_switch, check_virtual_switch_system
from .check_vms import check_vms
from .check_workload import check_load, check_policers, check_wire, check_workload
from .document import Document, KeyPath, Problem, is_within, raise_problems
from .findings import Doubts, Findings, Part
from .kinds import Block, shown, suggest
from .model import Config, keys_of, model_at
from .overrides import plain_data
from .resolve import fill, functions_of, number_of_ports, number_of_vfs, spread_port_defaults
from .servers import OWN_BLOCKS, ServerEntry
from .spread_profiles import with_profiles, wrong_profiles
from .system import Server, entries_of, in_slot, own_blocks, server_made, split_servers

# Other files that users take for configurations: top-level keys that give them away, and the command for them.
_OTHER_KINDS = (
    (("grid", "zip", "points"), "a sweep; its command is `hwmodel sweep`"),
    (("target", "knobs"), "a sizing file; its command is `hwmodel size`"),
    (
        ("schema_version",),
        "a stored result; `hwmodel report` makes its page, and what stands under `config` runs again",
    ),
)
OF_PARTS: tuple[Callable[[Config, Findings], None], ...] = (
    check_link, check_bus, check_device_limits, check_capacity, check_ports, *RING_CHECKS, check_sends,
    *STATION_CHECKS, *SWITCH_CHECKS, check_adapter_room, check_queues, check_virtual_switch, check_bond, check_steering,
    check_arbitration, check_flow_control,
)  # fmt: skip
# Of a system in which nothing is wrong so far; the others of any, but that a load is checked otherwise in a run.
_OF_SOUND = (check_system_room, check_streams)
SYSTEM_CHECKS: tuple[Callable[[Config, Findings, Sequence[Part]], None], ...] = (
    check_servers, check_vms, check_trees, check_multi_root, check_buses, check_port_system, check_load, check_workload,
    check_wire, check_bridge, check_policers, check_bridge_flow_control, check_control_frames,
    check_virtual_switch_system, check_profiles, check_control, *_OF_SOUND,
)  # fmt: skip
_AT_BRIDGE: Any = {"port": {"rate_bps"}, "switch": {"uplink": {"native_vlan"}}}
_MAX_ATTEMPTS = 8  # each drops all values found wrong; a second is needed only if one of these hid another
_ALIKE = 0.7  # below this similarity, a key of this block is a worse guess than the same word in another block
_MOST_HINTS = 200  # looking for similar keys is slow, and a file with more unknown keys is no configuration
# Names that keys have elsewhere, and the keys for them here.
SYNONYMS: Mapping[str, str] = {
    "mps": "pcie.max_payload", "max_payload_size": "pcie.max_payload", "mrrs": "pcie.max_read_request",
    "rcb": "pcie.read_completion_boundary", "gen": "pcie.generation", "speed": "pcie.generation",
    "width": "pcie.lanes", "lane": "pcie.lanes", "latency": "host.read_latency", "num_vfs": "nic.vfs",
    "vms": "nic.vfs", "queues": "nic.queues_per_vf", "eitr": "driver.moderation", "itr": "driver.moderation",
    "size": "workload.frame_bytes", "frame_size": "workload.frame_bytes", "mtu": "switch.ports.vf0.max_frame",
    "mac": "macs", "vlan": "vlans", "pvid": "port_vlan", "rate_bps": "rate", "device": "nic.preset",
}  # fmt: skip


def check_is_mapping(document: Document) -> None:
    """Raise InputError if a document is not a mapping, or is another kind of file, such as a sweep."""
    if isinstance(document.data, dict):
        for own_keys, kind in _OTHER_KINDS:
            if any(key in own_keys for key in document.data):
                document.problems = [document.problem((), f"this is {kind}")]
                raise_problems(document.problems)
    if not isinstance(document.data, dict):
        if () not in document.unreadable:
            message = "a configuration is made of keys and values, like pcie: {lanes: 8}"
            document.problems.append(document.problem((), message))
        raise_problems(document.problems)


@dataclass(frozen=True)
class Examined:
    """The outcome of examining a document: its configuration, None if none could be made, and what is wrong.

    `problems`: wrong keys and values. `contradictions`: values that are valid each, but not together. `system`: what a
    configuration with which nothing is wrong was made of.
    """

    config: Config | None
    problems: list[Problem]
    contradictions: list[Problem]
    system: System | None = None

    def sound_config(self) -> Config:
        """Return the configuration; raise InputError with all that is wrong, if anything is."""
        raise_problems([*self.problems, *self.contradictions])
        assert self.config is not None
        return self.config


def examine(document: Document, base_directory: str, *, is_running: bool = False) -> Examined:
    """Make the configuration of a document, and find all that is wrong; its data, a mapping, are changed in place.

    `is_running`: it is for a run under way, whose stations in use stay as they were at the start; of the load only what
    may change in mid-run is checked (`check_load`).
    """
    apart = split_servers(document)
    problems = [*document.problems, *wrong_profiles(document)]
    counts = {one.name: counts_of(one.document) for one in apart}
    others = of_others(document, {one.name: one.beside for one in apart}, counts)
    fill_in = partial(fill, base_directory=base_directory)
    own = [
        OwnPart(name, beside, counts[name], others[name], made_of(of_server, partial(fill_in, **others[name])))
        for name, of_server, beside in apart
    ]
    made = made_of(document, partial(fill_in, adapters=at_bridges(own)))
    problems.extend(made.problems)
    config = made.config
    if config is None:
        return Examined(None, problems, [])
    findings = Findings(made.document, made.doubts)
    parts = [one.part() for one in own] or [Part(Server("", config), findings)]
    of_values = {(problem.place, problem.key) for one in own for problem in one.made.problems}
    found = cross_check(config, findings, parts, problems, is_running)
    if not problems and not found:
        return sound(made, own)
    entries = {name: entry for entry in config.servers for name in entry.adapter_names}
    if own and entries.keys() == counts.keys():  # or what the entries say might be no configuration
        config.remember(
            servers=(config, tuple(in_slot(config, part.server, entries[part.server.name]) for part in parts))
        )
    problems += [problem for problem in found if (problem.place, problem.key) in of_values]
    return Examined(config, problems, [problem for problem in found if (problem.place, problem.key) not in of_values])


@dataclass
class Made:
    """A document with derived keys filled in, its configuration without wrong values (or None), and what is wrong."""

    document: Document
    config: Config | None
    problems: list[Problem]
    doubts: Doubts

    @cached_property
    def own_blocks(self) -> dict[str, Any]:
        """Return the blocks that servers may have of their own, as users type them."""
        assert self.config is not None
        return own_blocks(self.config)


def made_of(document: Document, fill_in: Callable[[Document], dict[str, Any]], before: Made | None = None) -> Made:
    """Make a configuration of a document; blocks made `before` of the same data are taken as they are."""
    n_problems = len(document.problems)
    spread_port_defaults(document, functions_of(document.data))
    document = with_profiles(document, functions_of(document.data))
    made = Made(replace(document, data=fill_in(document)), None, document.problems[n_problems:], Doubts())
    _validate(document, made, fill_in, before)
    return made


def counts_of(document: Document) -> tuple[int, int, int]:
    """Return how many functions, Ethernet ports and VFs a document asks for."""
    data = document.data
    return len(functions_of(data)), number_of_ports(data.get("port")), number_of_vfs(data.get("nic"))


def of_others(
    document: Document, beside: Mapping[str, Sequence[str]], counts: Mapping[str, tuple[int, int, int]]
) -> dict[str, dict[str, Any]]:
    """Return what each adapter has to know of the others, as keywords of `fill`; `beside`: those of the same host."""
    n_functions, n_ports, n_vfs = ({name: each[at] for name, each in counts.items()} for at in range(3))
    before = interfaces_before(document.data, n_functions, n_ports)
    return {
        name: {
            "server": at,
            "interfaces_before": before[name],
            "vfs_beside": sum(n_vfs[one] for one in beside[name]),
            "has_bridge": True,
        }
        for at, name in enumerate(counts)
    }


class OwnPart(NamedTuple):
    """An adapter's part of the system, and what it was made of.

    `counts`: what its document asks for. `of_others`: what it has to know of others, as keywords of `fill`.
    """

    name: str
    beside: tuple[str, ...]
    counts: tuple[int, int, int]
    of_others: dict[str, Any]
    made: Made

    @property
    def config(self) -> Config:
        """Return its configuration; raise InputError if nothing can be made of its document."""
        if self.made.config is None:
            raise_problems(self.made.problems)
        assert self.made.config is not None
        return self.made.config

    @property
    def at_bridge(self) -> dict[str, Any]:
        """Return the keys that its ports at a bridge follow from."""
        return self.config.model_dump(mode="json", by_alias=True, include=_AT_BRIDGE)

    def part(self) -> Part:
        """Return it for the checks, with nothing found yet but wrong values."""
        findings = Findings(self.made.document, self.made.doubts)
        findings.problems.extend(self.made.problems)
        return Part(Server(self.name, self.config), findings)


def at_bridges(own: Iterable[OwnPart]) -> dict[str, Any]:
    """Return what ports at bridges follow from, by their names."""
    return {wire: one.at_bridge for one in own for wire in Server(one.name, one.config).wires}


class System(NamedTuple):
    """What a configuration without its scenario was made of.

    `common`: its own blocks. `own`: the parts of servers, none where it lists none; `entries`: what it says of these;
    `servers`: what `servers_of` finds.
    """

    common: Made
    own: tuple[OwnPart, ...]
    entries: tuple[ServerEntry, ...] = ()
    servers: tuple[Server, ...] = ()


def sound(common: Made, own: Sequence[OwnPart], before: System | None = None) -> Examined:
    """Return the outcome where nothing is wrong; servers and entries that are as `before` are the same objects."""
    config = common.config
    assert config is not None
    if config.scenario:
        common = replace(common, config=config.model_copy(update={"scenario": ()}))
    bare = common.config
    assert bare is not None
    if not own:
        return Examined(config, [], [], System(common, ()))
    entries: dict[str, ServerEntry] = {}
    servers: dict[str, Server] = {}
    if before is not None and is_same(bare, before.common.config, *OWN_BLOCKS):
        kept = {one.name for one, old in zip(own, before.own, strict=True) if one.config is old.config}
        pairs = zip(before.entries, config.servers, strict=True)
        entries = {old.name: old for old, new in pairs if kept.issuperset(old.adapter_names) and old.tree == new.tree}
        if is_same(bare, before.common.config, "vms", "workload", "run"):
            servers = {server.name: server for server in before.servers if server.host in entries}
    parts = [Server(one.name, one.config) for one in own]
    listed = entries_of(config.servers, common.own_blocks, (one for one in parts if one.host not in entries), entries)
    of = {name: entry for entry in listed for name in entry.adapter_names}
    made = tuple(servers.get(one.name) or server_made(bare, one, of[one.name]) for one in parts)
    config = config.model_copy(update={"servers": listed})
    config.remember(servers=(config.model_copy(update={"scenario": ()}), made))
    return Examined(config, [], [], System(common, tuple(own), listed, made))


def is_same(one: Config, other: Config | None, *blocks: str) -> bool:
    """Tell whether two configurations have the very same blocks."""
    return all(getattr(one, name) is getattr(other, name) for name in blocks)


def _validate(
    document: Document, made: Made, fill_in: Callable[[Document], dict[str, Any]], before: Made | None
) -> None:
    """Make the configuration with all wrong values left out; leave it None if that is impossible."""
    kept, data = document, made.document.data
    if before is not None:
        data = with_blocks(data, before.document.data, before.config)
    for attempt in range(_MAX_ATTEMPTS):
        try:
            made.config = Config.model_validate(data)
        except ValidationError as error:
            found = complaints_from(error, made.document)
            if attempt == 0:
                made.problems.extend(found.problems)
            made.doubts.with_unknown_keys.update(found.with_unknown_keys)
            kept = replace(kept, data=_without(kept.data, found.wrong_paths, made.doubts.wrong_paths))
            data = fill_in(kept)
        else:
            return


def with_blocks(now: Any, was: Any, made: Any) -> Any:
    """Return plain data with blocks in place of those that are as they were when these were made of them.

    `was`: the data then. What is made of the data is the same: validation takes a block as it is.
    """
    if isinstance(made, Block):
        if now is was or (now == was and repr(now) == repr(was)):  # 1, 1.0 and true are equal, and not the same
            return made
        fields = keys_of(type(made))
        made = {key: getattr(made, name) for key, name in fields.items()}
    if isinstance(made, dict) and isinstance(now, dict) and isinstance(was, dict):
        return {key: with_blocks(value, was.get(key), made.get(key)) for key, value in now.items()}
    if isinstance(made, tuple) and isinstance(now, list) and isinstance(was, list) and _names(now) == _names(was):
        by_name = {getattr(block, "name", at): block for at, block in enumerate(made)}
        places = (at if name is None else name for at, name in enumerate(_names(now)))
        return [with_blocks(new, old, by_name.get(at)) for new, old, at in zip(now, was, places, strict=True)]
    return now


def _names(entries: list[Any]) -> list[Any]:
    """Return the names of a list's entries, None for each that has none."""
    return [entry.get("name") if isinstance(entry, dict) else None for entry in entries]


def _without(data: dict[str, Any], paths: list[KeyPath], dropped: set[KeyPath]) -> dict[str, Any]:
    """Return a copy of `data` without the values at `paths`; `dropped` collects the paths that were deleted."""
    copy: dict[str, Any] = plain_data(data)
    gone: set[KeyPath] = set()
    for path in paths:
        if is_within(path, gone):
            continue
        # The key itself; if it is missing or in a list, the nearest enclosing key.
        around = (path[:length] for length in range(len(path), 0, -1))
        gone.update(itertools.islice((candidate for candidate in around if _drop(copy, candidate)), 1))
    dropped |= gone
    return copy


def _drop(data: Any, path: KeyPath) -> bool:
    for step in path[:-1]:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return False
    if isinstance(data, dict) and path[-1] in data:
        del data[path[-1]]
        return True
    return False


@dataclass
class Complaints:
    """Hold what pydantic found: problems for the user, paths of wrong values, and blocks in which a key is unknown."""

    problems: list[Problem]
    wrong_paths: list[KeyPath]
    with_unknown_keys: list[KeyPath]


def complaints_from(
    error: ValidationError, document: Document, key_hint: Callable[[KeyPath], str] | None = None
) -> Complaints:
    """Return what to say of pydantic's errors on a document.

    A wrong derived value is reported only if no written value is wrong; otherwise it follows from that one. `key_hint`:
    what to add where the key at a path is unknown, for a document that is no configuration.
    """
    found = Complaints([], [], [])
    derived: list[Problem] = []
    for number, details in enumerate(error.errors(include_url=False)):
        path = tuple(step for step in details["loc"] if step != "[key]")
        message, at_key = _message(details, path, (key_hint or _key_hint) if number < _MOST_HINTS else None)
        problem = document.problem(path, message, key=at_key)
        if details["type"] == "hwmodel" and not document.is_written(path):
            derived.append(problem)
            continue
        found.wrong_paths.append(path)
        if is_within(path, document.unreadable):
            continue
        if _follows_from_name(problem, document.dotted((*path[:-1], "name")), found.problems):
            continue
        found.problems.append(problem)
        if details["type"] == "extra_forbidden":
            found.with_unknown_keys.append(path[:-1])
    found.problems = found.problems or derived
    return found


def _follows_from_name(problem: Problem, name_key: str, found: Sequence[Problem]) -> bool:
    """Tell whether a wrong name is told of the same place: a dotted key has made an entry of that name."""
    return any(one.key == name_key and one.place == problem.place for one in found)


def _message(details: ErrorDetails, path: KeyPath, key_hint: Callable[[KeyPath], str] | None) -> tuple[str, bool]:
    """Return what to say, and whether it is about the key rather than the value."""
    kind = details["type"]
    if kind == "hwmodel":
        return details["msg"], details["loc"][-1:] == ("[key]",)
    if kind == "extra_forbidden":
        return "unknown key" + (key_hint(path) if key_hint is not None else ""), True
    if kind == "missing":
        return "this key is missing", False
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return f"{shown(details['input'])} where keys with values are expected", False
    return details["msg"], False


def _key_hint(path: KeyPath) -> str:
    word = str(path[-1])
    here = ".".join(step for step in path[:-1] if isinstance(step, str))
    siblings = keys_of(model_at(path[:-1]))
    if word in siblings.values():
        return f" (did you mean {next(alias for alias, name in siblings.items() if name == word)}?)"
    lower = word.lower().replace("-", "_")
    synonym = SYNONYMS.get(lower, "")
    block, _, rest = synonym.rpartition(".")
    if synonym and (block == here or not block):
        if rest in siblings:
            return f" (did you mean {rest}?)"
    elif synonym:
        return f" (did you mean {synonym}?)"
    hint = suggest(word, siblings)
    if hint and get_close_matches(lower, siblings, cutoff=_ALIKE):
        return hint
    for block, field in Config.model_fields.items():
        if block != here and isinstance(field.annotation, type) and lower in keys_of(field.annotation):
            return f" (did you mean {block}.{lower}?)"
    if hint:
        return hint
    return f"; known here: {', '.join(siblings)}" if siblings else ""


def cross_check(
    config: Config, findings: Findings, parts: Sequence[Part], known: Sequence[Problem], is_running: bool
) -> list[Problem]:
    """Return all contradictions between keys, and the problems already in the parts' findings, less those `known`.

    `findings`: of the whole system; without servers the only part has the same.
    """
    for part in parts:
        for check in OF_PARTS:
            check(part.server.config, part.findings)
        check_bridge_kind(config, part)
    of_servers = _problems_of_servers(parts, known)
    for part in parts:
        part.findings.problems.clear()
    check_system(config, findings, parts, is_running=is_running, is_sound=not known and not of_servers)
    of_system = [problem for one in (findings, *(part.findings for part in parts)) for problem in one.problems]
    return list(dict.fromkeys([*of_servers, *of_system]))


def check_system(
    config: Config, findings: Findings, parts: Sequence[Part], *, is_running: bool, is_sound: bool,
    among: Set[Callable[..., None]] | None = None,
) -> None:  # fmt: skip
    """Check what is of several adapters, of bridges and of the workload.

    `is_sound`: nothing is wrong so far. `among`: the checks that count, None: all do.
    """
    left_out = {*((check_workload, check_streams) if is_running else (check_load,)), *(() if is_sound else _OF_SOUND)}
    for check in SYSTEM_CHECKS:
        if check not in left_out and (among is None or check in among):
            check(config, findings, parts)


def _problems_of_servers(parts: Sequence[Part], known: Sequence[Problem]) -> list[Problem]:
    """Return the parts' problems; one with the file's common blocks names its server, unless all servers have it."""
    lines = {problem.line for problem in known}
    found = [(part, problem) for part in parts for problem in dict.fromkeys(part.findings.problems)]
    n_servers = Counter(problem.line for _, problem in found)
    problems = []
    for part, problem in found:
        if problem.line in lines:
            continue
        is_of_some = n_servers[problem.line] < len(parts) and not problem.key.startswith("servers.")
        whose = f" (server {part.server.name})" if is_of_some else ""
        problems.append(replace(problem, message=problem.message + whose))
    return problems
