"""Validate port security: how many source addresses a port may have, and what becomes of more."""

from __future__ import annotations

from typing import Annotated, Literal

from .kinds import Block, Whole, Word, key

OnExcess = Literal["protect", "restrict", "shut_down"]


class PortSecurity(Block):
    """How many addresses a port may have, of a learning bridge or of a virtual switch that learns."""

    most: Annotated[int, Whole(1, 65536)] = key(
        1, "Most source addresses that the port has in the table at a time; one in two VLANs counts twice."
    )
    on_excess: Annotated[OnExcess, Word(OnExcess)] = key(
        "restrict",
        "What becomes of frames from further addresses: they drop (PORT_SECURITY), without a word (protect) or with a "
        "warning (restrict), or the first of them shuts the port down besides.",
    )

    @property
    def words(self) -> tuple[int, bool]:
        """Return what a machine's port knows of it: the most addresses, and whether one more shuts it."""
        return self.most, self.on_excess == "shut_down"
