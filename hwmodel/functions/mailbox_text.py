"""What a message or a call asks, and what came of it, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from hwmodel.config.mailbox import MailboxMessage, PfCall
from hwmodel.functions.pf_driver import Answer
from hwmodel.units import format_rate_bps, format_time_fs
from hwmodel.wire.ethernet import format_mac


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
    "spoof_check": lambda is_on, call: f"{'checks' if is_on else 'no longer checks'} {call.vf}'s source addresses",
    "link": lambda link, call: f"sets {call.vf}'s link to {link}",
    "query_rss": lambda is_on, call: f"{'lets' if is_on else 'no longer lets'} {call.vf} read the RSS table",
    "trust": lambda is_on, call: f"{'trusts' if is_on else 'no longer trusts'} {call.vf}",
    "promiscuous": lambda is_on, _: "is promiscuous" if is_on else "is no longer promiscuous",
}
