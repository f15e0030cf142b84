"""Carry out the events of a scenario that ask PF drivers for something, one after the other as they come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from hwmodel.config import Config, Server, servers_of, vms_of
from hwmodel.config.life import pf_beside, pf_of
from hwmodel.config.mailbox import MailboxMessage, PfCall
from hwmodel.config.message_time import RESET, Message, asking
from hwmodel.config.names import port_place
from hwmodel.config.scenario import Event, of_each_kind
from hwmodel.functions.mailbox import TYPE_MASK, Words, encode
from hwmodel.functions.pf_driver import Answer, handle
from hwmodel.functions.pf_driver_calls import administer
from hwmodel.functions.pf_driver_state import PfState, followed, state_of
from hwmodel.functions.vf_driver import Asked, asked_again
from hwmodel.rules.function_names import PF, is_pf, pf_name
from hwmodel.rules.mailbox_messages import MessageType
from hwmodel.units import FS_PER_NS, format_rate_bps, format_time_fs
from hwmodel.wire.ethernet import format_mac
from hwmodel.words.quantities import time_text


class Served(NamedTuple):
    """Say when a PF's core takes a message up, and when it has answered: what is granted holds from then on."""

    taken_fs: int
    answered_fs: int


class PfDrivers:
    """The drivers of all PFs of a system, each with its state, from event to event.

    `served`: for each event that is a message, when those that have been served were.
    """

    def __init__(self, config: Config) -> None:
        self._events = config.scenario
        self._vms = vms_of(servers_of(config))
        self.served: dict[int, list[Served]] = {}
        self._n_lost: Counter[int] = Counter()
        self._answers: dict[int, list[Answer]] = {}
        self._modes: dict[str, Words] = {}  # what VFs have asked for by update_xcast
        named = {group for event in config.scenario if event.mailbox for group in event.mailbox.groups or ()}
        self._groups = tuple(sorted(named))
        self._servers = {server.name: server for server in servers_of(config)}
        self._states = {
            server.station(port.name): state_of(server.config, server=at, known_groups=self._groups, pf=port.name)
            for at, server in enumerate(self._servers.values())
            for port in server.config.switch.ports
            if is_pf(port.name)
        }

    def state(self, server: str = "", pf: str = PF) -> PfState:
        """Return the state of the driver of a PF of a server, or of the only one."""
        return self._states[self._servers[server].station(pf)]

    def moments_fs(self, event: int) -> Iterable[int]:
        """Return the times at which an event takes effect; of messages those at which they are sent.

        How long they take is known in a run alone.
        """
        what = self._events[event]
        every_fs, n_times = (0, 1) if what.mailbox is None else (what.mailbox.every_fs or 0, what.mailbox.n_times)
        return [what.at_fs + number * every_fs for number in range(n_times)]

    def changes(self, event: int, _config: Config) -> Mapping[str, Any]:
        """Return the keys, with values, that an event changes when it next takes effect; none if it is refused."""
        what = self._events[event]
        server, pf = self._server_of(what)
        state = self._states[server.station(pf)]
        place = 0 if what.function is None else state.adapter.place_of(self._vms[what.function].port.name)
        answer = ASKING[what.kind][0](state, place, what.value)
        self._states[server.station(pf)] = answer.state
        self._answers.setdefault(event, []).append(answer)
        if what.mailbox is not None and (words := encode(what.mailbox))[0] & TYPE_MASK == MessageType.UPDATE_XCAST:
            self._modes[what.mailbox.sender] = words
        return {server.key(key): value for key, value in answer.effects.items()}

    def is_heard(self, vf: str) -> bool:
        """Tell whether its PF's driver serves a VF, or wants it to reset first."""
        state, place = self._of(vf)
        return state.vfs[place].clear_to_send

    def asks_again(self, vf: str) -> list[Asked]:
        """Return what the driver of a VF asks for as it has reset it."""
        state, place = self._of(vf)
        return asked_again(state.vfs[place], self._modes.get(vf))

    def ask(self, vf: str, words: Words) -> Mapping[str, Any]:
        """Return the keys, with values, that a message changes which a VF's driver sends of its own accord."""
        state, place = self._of(vf)
        vm, answer = self._vms[vf], handle(state, place, words)
        self._states[pf_beside(vm)] = answer.state
        return {vm.server.key(key): value for key, value in answer.effects.items()}

    def hear(self, vf: str) -> None:
        """Have a VF's PF serve it from now on, as it has reset and come up anew."""
        state, place = self._of(vf)
        own = replace(state.vfs[place], clear_to_send=True)
        self._states[pf_beside(self._vms[vf])] = state.with_vf(place, own)

    def _of(self, vf: str) -> tuple[PfState, int]:
        """Return the state of a VF's PF, and the VF's place in it."""
        vm = self._vms[vf]
        state = self._states[pf_beside(vm)]
        return state, state.adapter.place_of(vm.port.name)

    def serve(self, event: int, served: Served) -> None:
        """Note when a message of an event has been served."""
        self.served.setdefault(event, []).append(served)

    def lose(self, event: int, n: int) -> None:
        """Note that nobody serves some messages of an event, as its VF or its PF has gone."""
        self._n_lost[event] += n

    def follow(self, before: Config, after: Config) -> None:
        """Update the drivers' state after an event has set keys without asking them."""
        pairs = zip(servers_of(before), servers_of(after), strict=True)
        for at, (old, new) in enumerate(pairs):
            for pf in (new.station(port.name) for port in new.config.switch.ports if is_pf(port.name)):
                self._states[pf] = followed(self._states[pf], old.config, new.config, at)

    def asked(self, event: int) -> str:
        """Write what an event asks that asks for something."""
        return ASKING[self._events[event].kind][1](self._events[event].value)

    def answered(self, event: int, until_fs: int | None = None) -> str:
        """Write what came of an event that asked something, up to a time; for repeated messages also the core time."""
        answers = self._answers.get(event, [])
        asked = self._events[event].mailbox
        if asked is None:
            return answered_text(answers, is_call=True)
        all_served = self.served.get(event, [])
        served = [each for each in all_served if until_fs is None or each.answered_fs <= until_fs]
        told = [answered_text(answers[: len(served)])] if served else []
        n_lost = self._n_lost[event]
        for n, why in (
            (asked.n_times - len(served) - n_lost, "not answered by the end"),
            (n_lost, f"not answered, as {asked.sender} or its PF has gone"),
        ):
            if n:
                told.append(f"{n:,} " * (asked.n_times > 1) + why)
        if len(served) > 1:
            work_fs = sum(each.answered_fs - each.taken_fs for each in served)
            told.append(f"they keep the PF's core for {time_text(work_fs / FS_PER_NS)}")
        return "; ".join(told)

    def floods_over_fs(self) -> Iterator[int]:
        """Yield for each repeated message when the last repetition is answered."""
        return (served[-1].answered_fs for served in self.served.values() if len(served) > 1)

    def answers(self, event: int) -> list[Answer]:
        """Return the answers to an event, one for each time that it asked."""
        return self._answers.get(event, [])

    def _server_of(self, event: Event) -> tuple[Server, str]:
        """Return the server and the PF that is asked; the first server and PF if the event names none."""
        if event.function is not None:
            vm = self._vms[event.function]
            return vm.server, pf_of(vm.port)
        name, port = event.place
        return self._servers[name or next(iter(self._servers))], pf_name(port_place(port))


def message_of(asked: MailboxMessage) -> Message:
    """Return the numbers of words of a scenario's message, which its time depends on."""
    return RESET if asked.message == RESET.name else asking(asked.message or "words", len(encode(asked)))


# ---- What is asked, and what came of it, in words ----


def asked_text(said: MailboxMessage) -> str:
    """Write what a VF asks of the PF, as the first half of a sentence: vf2 asks for VLAN 20."""
    text = f"{said.sender} {_request(said)}"
    if said.n_times == 1:
        return text
    return f"{text}, {said.n_times:,} times, one every {format_time_fs(said.every_fs or 0)}"


def called_text(call: PfCall) -> str:
    """Write what the administrator asks of the PF's driver, as the first half of a sentence: the PF trusts vf2."""
    found = [write(value, call) for name, value in call.given().items() if (write := _CALLS.get(name))]
    return f"the PF{f' of {call.server}' if call.server else ''} {', '.join(found)}"


def answered_text(answers: Sequence[Answer], is_call: bool = False) -> str:
    """Write what came of an event: granted, refused and why, or how often each."""
    good = "done" if is_call else "granted"
    counts = Counter(_outcome(answer, good) for answer in answers)
    if len(answers) == 1:
        return next(iter(counts))
    return "; ".join(f"{n:,} {outcome}" for outcome, n in counts.items())


def _outcome(answer: Answer, good: str) -> str:
    if answer.is_refused:
        return f"refused: {answer.why}" if answer.reply is not None or good == "done" else f"ignored: {answer.why}"
    return f"{good} ({answer.why})" if answer.why else good


def _request(said: MailboxMessage) -> str:
    if said.message is None:
        words = ", ".join(f"0x{word:08x}" for word in said.words or ())
        return f"sends the words {words}"
    return _REQUESTS[said.message](said)


def _of_vlan(said: MailboxMessage) -> str:
    return f"asks for VLAN {said.vlan}" if said.add is not False else f"asks to leave VLAN {said.vlan}"


def _of_macvlan(said: MailboxMessage) -> str:
    return "clears its further addresses" if said.mac is None else f"asks for the further address {_mac(said.mac)}"


def _of_multicast(said: MailboxMessage) -> str:
    if said.groups:
        return f"asks for the groups {', '.join(map(_mac, said.groups))}"
    return f"asks for {len(said.hashes or ())} group hashes"


def _mac(mac: int | None) -> str:
    return format_mac(mac or 0)


_REQUESTS: Mapping[str, Callable[[MailboxMessage], str]] = {
    "reset": lambda _: "resets",
    "set_mac": lambda said: f"asks for the address {_mac(said.mac)}",
    "set_multicast": _of_multicast,
    "set_vlan": _of_vlan,
    "set_lpe": lambda said: f"asks for frames up to {said.max_frame_bytes} B",
    "set_macvlan": _of_macvlan,
    "api_negotiate": lambda said: f"asks for API {said.api}",
    "get_queues": lambda _: "asks for its queues",
    "get_reta": lambda _: "asks for the RSS table",
    "get_rss_key": lambda _: "asks for the RSS key",
    "update_xcast": lambda said: f"asks for mode {said.mode}",
    "ipsec_add": lambda _: "asks for a security association",
    "ipsec_del": lambda said: f"gives security association {said.sa} back",
    "get_link_state": lambda _: "asks for its link's state",
    "pf_control": lambda _: "sends what is the PF's to send",
}
_CALLS: Mapping[str, Callable[[object, PfCall], str]] = {
    "mac": lambda _, call: (
        f"sets {call.vf}'s address to {_mac(call.mac)}" if call.mac else f"takes {call.vf}'s address"
    ),
    "vlan": lambda vlan, call: f"puts {call.vf} into VLAN {vlan}" if vlan else f"takes {call.vf} out of its port VLAN",
    "qos": lambda qos, _: f"with priority {qos}",
    "rate_limit_bps": lambda rate, call: (
        f"limits {call.vf} to {format_rate_bps(call.rate_limit_bps or 0)}" if rate else f"lifts {call.vf}'s rate limit"
    ),
    "min_rate_bps": lambda rate, call: (
        f"guarantees {call.vf} {format_rate_bps(call.min_rate_bps or 0)}" if rate else f"guarantees {call.vf} no rate"
    ),
    "spoof_check": lambda is_on, call: f"{'checks' if is_on else 'no longer checks'} {call.vf}'s source addresses",
    "link": lambda link, call: f"sets {call.vf}'s link to {link}",
    "query_rss": lambda is_on, call: f"{'lets' if is_on else 'no longer lets'} {call.vf} read the RSS table",
    "trust": lambda is_on, call: f"{'trusts' if is_on else 'no longer trusts'} {call.vf}",
    "promiscuous": lambda is_on, _: "is promiscuous" if is_on else "is no longer promiscuous",
}

# Of each kind of event that asks a PF's driver: the answer, by the driver's state, the VF's place in the adapter (0 of
# none) and what is asked; and the words for that.
ASKING: Mapping[str, tuple[Callable[[PfState, int, Any], Answer], Callable[[Any], str]]] = of_each_kind(
    f"what a PF's driver answers, {__name__}",
    {
        "mailbox": (lambda state, place, said: handle(state, place, encode(said)), asked_text),
        "pf": (administer, called_text),
    },
    lambda row: row.asks,
)
