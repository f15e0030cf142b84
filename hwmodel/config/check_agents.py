"""Check agents: whether each can see, hear and set what its rules say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from hwmodel.rules.packets import TYPE_ARP, TYPE_IPV4, TYPE_IPV6
from hwmodel.rules.switch_modes import C_TAG, OUTER_TAGS

from .agents import OF_FIGURE, OWN, AgentBlock, HeardFrame, OwnFrame, Rule, Sending, Trigger
from .check_announcer import wrong_announcer
from .check_condition import misfits, watched_by
from .check_edge_agents import Wrong, ports_to_servers, vdp_settings, wrong_role
from .check_lacp import OUTSIDE_PLACE, ends_outside, lacp_settings, wrong_lacp
from .condition import malformed
from .control_ends import control_settings, wrong_ends
from .document import Document, DocumentError, KeyPath, Problem
from .kinds import suggest
from .live_configuration import LiveConfiguration, Setting
from .model import Config
from .switch import Port
from .system import bridges_of, servers_of
from .vms import vms_of

# EtherTypes that say more of a frame than a made-up one has.
UNMADE = frozenset((TYPE_IPV4, TYPE_ARP, TYPE_IPV6, *(tag.ethertype for tag in (C_TAG, *OUTER_TAGS))))


def names_of(config: Config) -> list[str]:
    """Return the names of a system's adapters, by which agents say where they are; one empty one of an only adapter."""
    return [server.name for server in servers_of(config)]


def wrong_agents(document: Document, config: Config) -> list[Problem]:
    """Return a problem for each thing that an agent cannot be, see, hear or send; what it sets is `wrong_settings`'."""
    found: list[Wrong] = []
    if config.run.precision is not None:
        message = "a run with agents has no steady figures to be sure of; leave one of them out"
        found.append(Wrong(("run", "precision"), message))
    if any(server.config.pcie.bus is not None for server in servers_of(config)):
        found.append(Wrong(("agents",), "nothing changes in mid-run where adapters are on a bus (pcie.bus)", True))
    for name, agent in config.agents.items():
        if agent.role is not None:
            found += wrong_role(("agents", name), agent, config)
            found += wrong_announcer(("agents", name), agent, config)
            found += wrong_lacp(("agents", name), agent, config)
        if agent.vdp_bridge is None and agent.lacp_partner is None:
            found += _wrong_place(("agents", name), agent, config)
        for at, rule in enumerate(agent.rules or ()):
            found += _wrong_rule(("agents", name, "rules", at), rule, agent, config)
    found += [Wrong(("control", "way"), f"way vdp: {message}") for message in wrong_ends(config)]
    return [document.problem(one.path, one.message, key=one.is_key) for one in found]


def _wrong_place(path: KeyPath, agent: AgentBlock, config: Config) -> Iterator[Wrong]:
    """Yield what is wrong with where an agent is, and with its core."""
    names = names_of(config)
    if agent.apart and agent.server is not None:
        yield Wrong((*path, "server"), "an agent that is apart has no server; leave one of them out", True)
    elif not agent.apart and agent.server is None and names != [""]:
        some = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        yield Wrong(path, f"it is at no server; say `server` ({some}), or `apart: true` of a manager beside them")
    elif agent.server is not None and agent.server not in names:
        one = "; the only one has no name, leave it out" if names == [""] else f"; there are {', '.join(names[:8])}"
        yield Wrong((*path, "server"), f"there is no server {agent.server}{suggest(agent.server, names) or one}")
    if agent.core is not None:
        own = [] if agent.apart else functions_at(agent, config)
        if agent.apart:
            yield Wrong((*path, "core"), "an agent that is apart has no core of a server's", True)
        elif agent.core not in own:
            yield Wrong((*path, "core"), f"there is no {agent.core} at its server{suggest(agent.core, own)}")
    if agent.core is not None and not agent.work_fs:
        yield Wrong((*path, "core"), "its work takes no time, so it takes no core; say `work`", True)


def stations_of(config: Config, *at: str) -> dict[str, Port]:
    """Return the functions of a system, or of some of its servers, with their ports of the switch."""
    vms = vms_of(servers_of(config))
    return {name: vm.port for name, vm in vms.items() if not at or vm.server.name in at}


def ends_at(place: str, config: Config) -> Sequence[str]:
    """Return by what an agent sends and hears frames: functions of its server, ports of its bridge, a bond's uplink."""
    if place == OUTSIDE_PLACE:
        return ends_outside(config)
    if any(bridge.name == place for bridge in bridges_of(config)):
        return [*ports_to_servers(config, place)]
    return [*stations_of(config, place)]


def functions_at(agent: AgentBlock, config: Config) -> list[str]:
    """Return the functions at an agent's server."""
    return list(stations_of(config, agent.server or ""))


def _wrong_rule(path: KeyPath, rule: Rule, agent: AgentBlock, config: Config) -> Iterator[Wrong]:
    when = rule.when
    if rule.sets is None and rule.send is None:
        yield Wrong(path, "nothing is done; a rule has `set`, `send` or both")
    if agent.apart and rule.sets is not None:
        message = "an agent that is apart changes nothing itself; it can `send` to one at a server"
        yield Wrong((*path, "set"), message, True)
    if rule.send is not None:
        yield from _wrong_sending((*path, "send"), rule.send, agent, config)
    here = (*path, "when")
    if len(when.what) != 1:
        waits = "nothing is waited for" if not when.what else f"it waits for {' and for '.join(when.what)}"
        yield Wrong(here, f"{waits}; a rule waits for one thing: a figure, {', '.join(OWN)}")
        return
    kind = when.what[0]
    yield from _foreign_keys(here, when, kind)
    if kind == "figure":
        yield from _wrong_watch(here, when, agent, config)
    if when.frame is not None:
        yield from _wrong_frame((*here, "frame"), when.frame, agent, config)
    if kind == "silence" and when.for_fs is None:
        yield Wrong(here, "it does not say how long; write `for`, as in {silence: alive, for: 3ms}")
    if isinstance(when.from_fs, str) and kind in ("message", "silence") and when.from_fs not in config.agents:
        yield Wrong((*here, "from"), f"there is no agent {when.from_fs}{suggest(when.from_fs, list(config.agents))}")


def _foreign_keys(here: KeyPath, when: Trigger, kind: str) -> Iterator[Wrong]:
    """Yield the keys that belong to another kind of trigger."""
    if kind != "figure":
        for name in OF_FIGURE:
            if when.value_of(name) is not None:
                yield Wrong((*here, name), f"it belongs to a figure, not to {kind}", True)
    elif isinstance(when.from_fs, str):
        yield Wrong((*here, "from"), "of a figure this is a time, like 2ms", False)
    if kind in ("message", "silence") and isinstance(when.from_fs, int):
        yield Wrong((*here, "from"), f"of a {kind} this is an agent, not a time", False)
    if kind in ("every", "frame") and when.from_fs is not None:
        yield Wrong((*here, "from"), f"it belongs to a figure, a message or a silence, not to {kind}", True)
    if kind != "silence" and when.for_fs is not None:
        yield Wrong((*here, "for"), f"it belongs to a silence, not to {kind}", True)


def _wrong_sending(here: KeyPath, send: Sending, agent: AgentBlock, config: Config) -> Iterator[Wrong]:
    """Yield what is wrong with a message, or a frame, that an agent sends."""
    if send.frame is None:
        yield from (
            Wrong((*here, name), "this key is missing") for name in ("to", "message") if getattr(send, name) is None
        )
        if send.to is not None and send.to not in config.agents:
            yield Wrong((*here, "to"), f"there is no agent {send.to}{suggest(send.to, list(config.agents))}")
        return
    for name in ("to", "message"):
        if getattr(send, name) is not None:
            yield Wrong((*here, name), "a frame has its own, within `frame`; send a frame or a message", True)
    if agent.apart:
        yield Wrong((*here, "frame"), "an agent that is apart sends no frames; it can `send` to one at a server", True)
        return
    for name, message in misfit_sent(send.frame.own, agent.server or "", config):
        yield Wrong((*here, "frame", name), message)


def misfit_sent(frame: OwnFrame, server: str, config: Config) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a frame that an agent of a server sends: the key, and why."""
    stations, own = stations_of(config), ends_at(server, config)
    if frame.sender not in own:
        yield "from", f"there is no {frame.sender} at its server{suggest(frame.sender, own)}, by which alone it sends"
    elif frame.sender in stations and not stations[frame.sender].macs:
        yield "from", f"{frame.sender} has no MAC address to send from"
    if isinstance(frame.to, str):
        yield from _unaddressed("to", frame.to, stations)
    if frame.ethertype in UNMADE and not frame.packet:
        yield "ethertype", f"0x{frame.ethertype:04x} says what follows it, which a made-up frame lacks; take 0x88b6"
    longest = min((server.config.switch.longest_frame_bytes for server in servers_of(config)), default=0)
    if frame.frame_bytes > longest:
        yield "frame_bytes", f"{frame.frame_bytes} B is longer than what the switch passes, {longest} B"


def _unaddressed(key: str, name: str, stations: Mapping[str, Port]) -> Iterator[tuple[str, str]]:
    """Yield why a VM cannot be told by its address."""
    if name not in stations:
        yield key, f"there is no {name}{suggest(name, list(stations))}"
    elif not stations[name].macs:
        yield key, f"{name} has no MAC address to be known by"


def _wrong_frame(here: KeyPath, frame: HeardFrame, agent: AgentBlock, config: Config) -> Iterator[Wrong]:
    """Yield what is wrong with a frame that an agent waits for."""
    if agent.apart:
        yield Wrong(here, "an agent that is apart hears no frames; one at a server can `send` it what it hears", True)
        return
    for name, message in misfit_heard(frame, agent.server or "", config):
        yield Wrong((*here, name), message)


def misfit_heard(frame: HeardFrame, server: str, config: Config) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with frames that an agent of a server listens for: the key, and why."""
    own = ends_at(server, config)
    if frame.to not in own:
        yield "to", f"there is no {frame.to} at its server{suggest(frame.to, own)}, of which alone it hears frames"
    if isinstance(frame.sender, str):
        yield from _unaddressed("from", frame.sender, stations_of(config))


def _wrong_watch(here: KeyPath, when: Trigger, agent: AgentBlock, config: Config) -> Iterator[Wrong]:
    """Yield what is wrong with a figure that an agent waits for."""
    if agent.apart:
        yield Wrong(here, "an agent that is apart sees no figures; one at a server can `send` it what it sees")
        return
    condition = when.condition
    said = [*malformed(condition)]
    if when.each is not None:
        said += [
            (name, "it is compared with nothing: `each` says how often it comes", True)
            for name in ("above", "below", "within")
            if when.value_of(name) is not None
        ]
        if when.figure is None:
            said.append(("each", "it belongs to `figure`", True))
    if not said:
        said += [(name, message, False) for name, message in misfits(condition, config)]
    if not said and when.each is not None and watched_by(condition, config).figure.is_level:
        said.append(("each", f"{when.figure} is a level, which does not only grow; say `above` or `below`", True))
    yield from (Wrong((*here, *filter(None, (name,))), message, is_key) for name, message, is_key in said)
    of, own = when.whose, agent.server or ""
    if not said and own in names_of(config) and own not in (of, config.place_of(of).rpartition(".")[0]):
        yield Wrong(here, f"{of or 'that'} is not at its server, {own}, of which alone it sees figures")


def settings_of(config: Config) -> Iterator[Setting]:
    """Yield all that a configuration's agents set: by rules, what bridges may grant and LACP use at most."""
    for name, agent in config.agents.items():
        for at, rule in enumerate(agent.rules or ()):
            yield from settings_in(name, at, rule)
    yield from vdp_settings(config)
    yield from lacp_settings(config)
    yield from control_settings(config)


def settings_in(agent: str, at: int, rule: Rule) -> list[Setting]:
    """Return what a rule of an agent sets, in turn."""
    path: KeyPath = ("agents", agent, "rules", at, "set")
    sets = rule.sets or ()
    return [Setting(agent, (*path, turn) if len(sets) > 1 else path, changes) for turn, changes in enumerate(sets)]


def wrong_settings(live: LiveConfiguration, settings: Sequence[Setting]) -> list[Problem]:
    """Return what is wrong with settings in the configuration in force."""
    problems: list[Problem] = []
    for setting in settings:
        try:
            live.with_set(setting)
        except DocumentError as error:
            problems += error.problems
    return problems
