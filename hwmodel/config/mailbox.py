"""Validate what an event says over the mailbox: a VF's message to the PF, or a call of the PF's driver."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from hwmodel.rules.function_names import is_pf
from hwmodel.rules.mailbox_messages import (
    API_NUMBERS,
    HASH_BITS,
    MAILBOX_WORDS,
    MESSAGES,
    MOST_HASHES,
    WORD_MASK,
    ApiName,
    LinkName,
    MessageName,
    XcastName,
)

from .kinds import ByteCount, Duration, Kind, Listing, Rate, SparseBlock, Truth, Whole, Word, key, shown, suggest, wrong
from .names import Mac, MailboxWord, Name, ServerName

MOST_MESSAGES = 10_000  # of one event
_FIELDS = tuple(dict.fromkeys(field for form in MESSAGES.values() for field in form.fields))


class _Api(Kind):
    """A version of the mailbox's protocol, with quotes or without: 1.4 is a number in a file."""

    def parse(self, value: object) -> str:
        """Return the version as it is written with one digit behind the point."""
        text = f"{value:.1f}" if isinstance(value, float) and value == round(value, 1) else value
        if not isinstance(text, str) or text not in API_NUMBERS:
            raise wrong(f"{shown(value)} is not one of {', '.join(sorted(API_NUMBERS))}")
        return text

    def schema(self) -> dict[str, Any]:
        """Return the versions as texts and as numbers."""
        known = sorted(API_NUMBERS)
        texts = {"type": "string", "enum": known}
        return {"title": ", ".join(known), "anyOf": [texts, {"type": "number", "enum": [*map(float, known)]}]}


class MailboxMessage(SparseBlock):
    """A message of a VF to the PF's driver; either `message` with what it says, or `words`."""

    sender: Annotated[str, Name(with_servers=True)] = key(..., "VF that asks: vf2, with servers a.vf2.", alias="from")
    message: Annotated[MessageName, Word(MessageName)] | None = key(
        None, "What it asks for, as docs/mailbox.md has them; the keys below say more, each of some messages."
    )
    vlan: Annotated[int, Whole(0, 4095, what="a VLAN number")] | None = key(None, "set_vlan: the VLAN; 0: untagged.")
    add: Annotated[bool, Truth()] | None = key(
        None, "set_vlan: true adds the VF to the VLAN, false takes it out; true."
    )
    mac: Annotated[int, Mac()] | None = key(None, "set_mac, set_macvlan: the address.")
    index: Annotated[int, Whole(0, 255)] | None = key(
        None, "set_macvlan: 0 clears the VF's further addresses, 1 does so and sets one, 2 and more add one; 1."
    )
    groups: (
        Annotated[tuple[Annotated[int, Mac(group=True)], ...], Listing("['01:00:5e:00:00:01']", most=MOST_HASHES)]
        | None
    ) = key(None, "set_multicast: group addresses, of which the message has hashes; 30 at most.")
    hashes: (
        Annotated[tuple[Annotated[int, Whole(0, (1 << HASH_BITS) - 1)], ...], Listing("[1504]", most=MOST_HASHES)]
        | None
    ) = key(None, "set_multicast: the hashes themselves, 12 bits each.")
    max_frame_bytes: Annotated[int, ByteCount("0B", f"{WORD_MASK}B")] | None = key(
        None, "set_lpe: longest frame that the VF takes, with FCS.", alias="max_frame"
    )
    api: Annotated[ApiName, _Api()] | None = key(None, "api_negotiate: version of the protocol.")
    mode: Annotated[XcastName, Word(XcastName)] | None = key(None, "update_xcast: groups that the VF gets.")
    sa: Annotated[int, Whole(0, WORD_MASK)] | None = key(None, "ipsec_del: number of the security association.")
    words: (
        Annotated[tuple[Annotated[int, MailboxWord()], ...], Listing("[0x00010004, 20]", least=1, most=MAILBOX_WORDS)]
        | None
    ) = key(None, "In place of `message`: the words themselves, 1 to 16; those behind them are 0.")
    times: Annotated[int, Whole(1, MOST_MESSAGES)] | None = key(None, "How often it is sent; once.")
    every_fs: Annotated[int, Duration("1ns", "1s")] | None = key(
        None, "Time from one to the next, where it is sent more than once.", alias="every"
    )

    @property
    def n_times(self) -> int:
        """Return how often the message is sent."""
        return 1 if self.times is None else self.times

    @property
    def length_fs(self) -> int:
        """Return the time from the first to the last message."""
        return (self.n_times - 1) * (self.every_fs or 0)


class PfCall(SparseBlock):
    """What the administrator asks of the PF's driver, as `ip link set DEV vf N` does; in the order of its keys."""

    vf: Annotated[str, Name(with_servers=True)] | None = key(None, "VF that it is about: vf2, with servers a.vf2.")
    server: Annotated[str, ServerName("a server", with_wires=True)] | None = key(
        None, "Whose PF, where there are servers or ports and no `vf` says it: a, p1, a.p1."
    )
    mac: Annotated[int, Mac()] | None = key(None, "Address of the VF, from then on the PF's; 00:00:00:00:00:00: none.")
    vlan: Annotated[int, Whole(0, 4094, what="a VLAN number")] | None = key(
        None, "Port VLAN of the VF, which it cannot leave; 0: none."
    )
    qos: Annotated[int, Whole(0, 7)] | None = key(None, "Priority of the port VLAN; with `vlan` alone 0.")
    rate_limit_bps: Annotated[int, Rate("0bps", "1000Gbps")] | None = key(
        None, "Most that the VF may send, in whole Mb/s; 0bps: no limit.", alias="rate_limit"
    )
    min_rate_bps: Annotated[int, Rate("0bps", "1000Gbps")] | None = key(
        None, "Least that the VF gets while it sends, in whole Mb/s; 0bps: none.", alias="min_rate"
    )
    spoof_check: Annotated[bool, Truth()] | None = key(None, "Drop frames whose source address is not the VF's.")
    link: Annotated[LinkName, Word(LinkName)] | None = key(None, "Link of the VF: as the port's, or down (disable).")
    query_rss: Annotated[bool, Truth()] | None = key(None, "The VF may read the RSS table and key.")
    trust: Annotated[bool, Truth()] | None = key(None, "The VF may do what the PF has set otherwise.")
    promiscuous: Annotated[bool, Truth()] | None = key(None, "The PF itself gets every frame; needs no `vf`.")


def misfits(said: MailboxMessage | PfCall) -> Iterator[tuple[str, str]]:
    """Yield what does not go together in an event over the mailbox: a key as it is typed, and what is wrong."""
    yield from _misfits_of_call(said) if isinstance(said, PfCall) else _misfits_of_message(said)


def _misfits_of_message(said: MailboxMessage) -> Iterator[tuple[str, str]]:
    given = [field for field in _FIELDS if said.value_of(field) is not None]
    if (said.message is None) == (said.words is None):
        yield ("words", "a mailbox has message or words, not both") if said.words else ("", "message is missing")
    elif said.message is None:
        yield from ((field, "it is of a message; words say all by themselves") for field in given)
    else:
        form = MESSAGES[said.message]
        for field in given:
            if field not in form.fields:
                known = f"which has {', '.join(form.fields)}" if form.fields else "which says nothing more"
                yield field, f"not of {said.message}, {known}{suggest(field, form.fields)}"
        for field in form.needs:
            if field not in given:
                yield "", f"{said.message} needs {field}"
        if said.groups is not None and said.hashes is not None:
            yield "hashes", "set_multicast has groups or hashes, not both"
        if said.message == "set_macvlan" and said.mac is None and said.index != 0:
            yield "", "set_macvlan needs mac, but for index: 0"
    if said.n_times > 1 and said.every_fs is None:
        yield "times", "a message that is sent more than once needs every, the time from one to the next"
    if said.every_fs is not None and said.times is None:
        yield "every", "needs times: how often the message is sent"
    if is_pf(said.sender):
        yield "from", "the PF asks nobody over the mailbox; what its driver does stands in pf"


def _misfits_of_call(said: PfCall) -> Iterator[tuple[str, str]]:
    of_vf = [name for name in said.given() if name not in ("vf", "server", "promiscuous")]
    names = ", ".join(PfCall.model_fields[name].alias or name for name in of_vf)
    if not of_vf and said.promiscuous is None:
        asks = [field.alias or name for name, field in PfCall.model_fields.items()]
        *firsts, last = [name for name in asks if name not in ("vf", "server", "qos")]
        yield "", f"it asks for nothing; {', '.join(firsts)} or {last}"
    if of_vf and said.vf is None:
        yield "", f"vf is missing: whose {names}"
    if said.vf is not None and is_pf(said.vf):
        yield "vf", "the PF is no VF; vf0, vf1 and so on"
    if said.vf is not None and said.server is not None:
        yield "server", "vf says it already"
    if said.qos is not None and said.vlan is None:
        yield "qos", "needs vlan: the priority is that of a port VLAN"
    for rate in ("rate_limit", "min_rate"):
        if (said.value_of(rate) or 0) % 10**6:
            yield rate, "not a whole number of Mb/s, in which the driver counts"
