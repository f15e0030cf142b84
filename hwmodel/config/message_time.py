"""How long a VF's message to the PF takes, and what it costs the PF's core: register by register, as Linux' drivers do.

Times are femtoseconds. The link is taken as idle, and both cores as having nothing else to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hwmodel.rules.mailbox_messages import MAILBOX_WORDS
from hwmodel.rules.pcie_link import REGISTER_BYTES, link_rate_of, tlp_overhead_of
from hwmodel.units import FS_PER_MS, FS_PER_US

from .model import Config

POLL_FS = 500 * FS_PER_US  # Linux ixgbevf, IXGBE_VF_MBX_INIT_DELAY: how long a VF's driver waits between two looks
RESET_SETTLE_FS = 10 * FS_PER_MS  # Linux ixgbevf, vf.c: from the acknowledgement of a RESET to the look for its reply
# Linux ixgbevf, ixgbevf_check_mac_link_vf: an 82599's driver reads its link's state so often again, so long apart.
LINK_LOOKS, LINK_LOOK_FS = 5, 100 * FS_PER_US


class Message(NamedTuple):
    """Hold what a message's time depends on: the words that the VF sends, the PF writes, and the VF then reads.

    `settle_fs`: how long its driver waits before it looks for the reply.
    """

    name: str
    words: int
    reply_words: int
    read_words: int
    settle_fs: int = 0


def asking(name: str, words: int) -> Message:
    """Return a message with a full reply: the PF writes all words of the mailbox, the VF reads as many as it sent."""
    return Message(name, words, MAILBOX_WORDS, words)


# What Linux' ixgbevf sends from its probe on until its interface is up (ixgbevf_main.c, vf.c), in order; lengths by
# their layouts in vf.c. A multicast list has all words, however few groups it names (ixgbevf_update_mc_addr_list_vf
# writes IXGBE_VFMAILBOX_SIZE); VLAN 0 is asked for as the interface comes up.
RESET = Message("reset", 1, 4, 4, RESET_SETTLE_FS)
BRING_UP = (
    RESET,
    asking("api_negotiate", 3),
    asking("get_queues", 5),
    asking("set_lpe", 2),
    asking("set_vlan", 2),
    asking("update_xcast", 2),
    asking("set_multicast", MAILBOX_WORDS),
)
# What a VF's driver lets the PF's know as it has read what the PF wrote on its own; answered by one word, if at all.
ACKNOWLEDGED = Message("acknowledgement", 0, 0, 0)


@dataclass(frozen=True)
class RegisterTimes:
    """Hold how long accesses to registers take: a write keeps a core for `write_fs`, and arrives `flight_fs` later.

    `read_fs`: how long a core waits for a read. `interrupt_fs`: from the adapter's decision to the end of the
    interrupt's entry, of which `flight_fs` passes on the link.
    """

    write_fs: int
    flight_fs: int
    read_fs: int
    interrupt_fs: int

    @classmethod
    def of(cls, config: Config, function: str) -> RegisterTimes:
        """Return the times for a function's driver, which follow from its adapter's link, the driver and its host.

        A register read takes the request's and the completion's time on the link, both flights, and the latency of a
        read by the adapter: the way through the root complex is taken to be as long in this direction (assumption).
        """
        rate, overhead, driver = link_rate_of(config.pcie), tlp_overhead_of(config.pcie), config.driver_of(function)
        flight_fs = config.pcie.flight_fs
        write_fs = rate.transfer_fs(overhead.memory_write_bytes + REGISTER_BYTES)
        read_fs = rate.transfer_fs(overhead.read_request_bytes) + rate.transfer_fs(
            overhead.completion_bytes + REGISTER_BYTES
        )
        return cls(
            write_fs=driver.doorbell_time_fs,
            flight_fs=write_fs + flight_fs,
            read_fs=read_fs + 2 * flight_fs + config.host.read_latency_fs,
            interrupt_fs=write_fs + flight_fs + driver.interrupt_time_fs + driver.exit_time_fs,
        )

    @property
    def entry_fs(self) -> int:
        """Return a core's time to enter the handler of an interrupt that has come."""
        return self.interrupt_fs - self.flight_fs

    def sending_fs(self, n_words: int) -> int:
        """Return a VF core's time to send: check that the mailbox is free, write the words and a flag."""
        return self.read_fs + (n_words + 1) * self.write_fs

    def serving_fs(self, message: Message) -> int:
        """Return the PF core's time for a message: take the interrupt, read the mailbox, acknowledge and reply."""
        return self.entry_fs + (MAILBOX_WORDS + 1) * self.read_fs + self.reply_fs(message)

    def reply_fs(self, message: Message) -> int:
        """Return the time of writing an acknowledgement, a reply and the flag that announces it."""
        return (message.reply_words + 2) * self.write_fs


class Exchange(NamedTuple):
    """Say when a VF's driver begins with a message, when the PF's core takes it up, for how long, when the reply is in.

    `vf`: its place among those that ask.
    """

    message: Message
    begins_fs: int
    taken_fs: int
    serving_fs: int
    over_fs: int
    vf: int = 0


def exchange(vf: RegisterTimes, pf: RegisterTimes, message: Message, begins_fs: int, pf_free_fs: int) -> Exchange:
    """Return the exchange of a message that a VF begins at `begins_fs`; the PF's core is free from `pf_free_fs` on.

    The VF checks that the mailbox is free, writes the words and announces them. Then it polls for the acknowledgement,
    and after that for the reply (`settle_fs` later): again `POLL_FS` after the end of each poll that finds nothing. A
    poll finds what was there as it began. Finally the VF reads the reply and acknowledges it.
    """
    sent_fs = begins_fs + vf.sending_fs(message.words)
    taken_fs = max(sent_fs + vf.flight_fs + pf.flight_fs, pf_free_fs)
    served_fs = taken_fs + pf.serving_fs(message)
    acknowledged_fs = served_fs - pf.reply_fs(message) + pf.write_fs + pf.flight_fs
    found_fs = _found_fs(vf, sent_fs, acknowledged_fs)
    found_fs = _found_fs(vf, found_fs + message.settle_fs, served_fs + pf.flight_fs)
    over_fs = found_fs + message.read_words * vf.read_fs + vf.write_fs
    return Exchange(message, begins_fs, taken_fs, served_fs - taken_fs, over_fs)


def _found_fs(times: RegisterTimes, first_fs: int, there_fs: int) -> int:
    """Return the end of the first poll that begins at `there_fs` or later."""
    n_in_vain = max(0, -(-(there_fs - first_fs) // (times.read_fs + POLL_FS)))
    return first_fs + n_in_vain * (times.read_fs + POLL_FS) + times.read_fs


def bring_up(vfs: Sequence[RegisterTimes], pf: RegisterTimes) -> tuple[list[int], list[Exchange]]:
    """Return how long each of several VFs that begin together takes for BRING_UP, and all exchanges in turn.

    The PF serves them one after the other, first come, first served.
    """
    at_fs, step = [0] * len(vfs), [0] * len(vfs)
    found: list[Exchange] = []
    for _ in range(len(vfs) * len(BRING_UP)):
        waiting = [number for number, done in enumerate(step) if done < len(BRING_UP)]
        number = min(waiting, key=lambda number: at_fs[number])
        pf_free_fs = found[-1].taken_fs + found[-1].serving_fs if found else 0
        found.append(exchange(vfs[number], pf, BRING_UP[step[number]], at_fs[number], pf_free_fs)._replace(vf=number))
        at_fs[number] = found[-1].over_fs
        step[number] += 1
    return at_fs, found
