"""Lives of functions: what is one's ends with it (docs/datapath/commands.md, "A function goes, and comes again")."""

from __future__ import annotations

from collections import defaultdict


class Life:
    """What a function does from its coming up to its going; what is left of it then comes to nothing."""

    __slots__ = ("is_over",)

    def __init__(self) -> None:
        """Begin."""
        self.is_over = False


NOBODYS = Life()
"""Of what is no function's yet."""


class Lives:
    """The present life of each function, by its port; what is no function's, under 0, lives for ever."""

    def __init__(self) -> None:
        """Begin with all of them."""
        self._present: defaultdict[int, Life] = defaultdict(Life)

    def __getitem__(self, port: int) -> Life:
        """Return the life that things which come about now belong to."""
        return self._present[port]

    def end(self, port: int) -> Life:
        """End a function's life, and return it."""
        life, self._present[port] = self._present[port], Life()
        life.is_over = True
        return life
