"""The PF's driver at the other end of VFs' mailboxes: `functions.pf_driver`, with its state kept."""

from __future__ import annotations

from dataclasses import replace

from hwmodel.functions.mailbox import Words
from hwmodel.functions.pf_driver import handle
from hwmodel.functions.pf_driver_state import PfState, Vf
from hwmodel.rules.mailbox_messages import MessageType


class MailboxPartner:
    """The PF's driver as VFs meet it over their mailboxes.

    `state`: what it knows. `said`: its answers in words, until they are collected.
    """

    def __init__(self, state: PfState) -> None:
        self.state = state
        self.said: list[str] = []

    def answer(self, vf: int, words: Words) -> Words | None:
        """Return the reply to a VF's message, None for nothing."""
        answer = handle(self._knowing(vf), vf, words)
        self.state = answer.state
        what = f"the PF answers 0x{answer.reply[0]:08x}" if answer.reply else "the PF answers nothing"
        self.said.append(f"{what} ({answer.why})" if answer.why else what)
        return answer.reply

    def see_reset(self, vf: int, *, is_new: bool = False) -> None:
        """Handle a VF's reset like a RESET message, but let it send only if it could before; a new VF cannot yet."""
        before = self._knowing(vf)
        after = handle(before, vf, (MessageType.RESET,)).state
        is_heard = before.vfs[vf].clear_to_send and not is_new
        self.state = after.with_vf(vf, replace(after.vfs[vf], clear_to_send=is_heard))

    def link_rate_bps(self, vf: int) -> int | None:
        """Return the rate of a VF's link, None where it is down."""
        state = self._knowing(vf)
        return state.adapter.port_rate_bps if state.vfs[vf].link_enabled else None

    def _knowing(self, vf: int) -> PfState:
        """Return the state with a VF added, if software has enabled more VFs than are configured."""
        n_more = vf + 1 - len(self.state.vfs)
        return replace(self.state, vfs=(*self.state.vfs, *[Vf(clear_to_send=False)] * n_more))
