"""The learning table: addresses in their VLANs, with ageing and a limit."""

from __future__ import annotations

from collections import OrderedDict

from .ports import LogicalPort


class LearningTable:
    """Where each address last sent, the one not refreshed for longest first."""

    def __init__(self, entries: int, ageing_fs: int | None) -> None:
        """Begin empty; without `ageing_fs` nothing ages."""
        self._entries = entries
        self._ageing_fs = ageing_fs
        self._at: OrderedDict[tuple[int, int], tuple[LogicalPort, int]] = OrderedDict()
        self.learned = self.moved = self.aged = self.not_learned = 0

    def __len__(self) -> int:
        """Return how many addresses stand in the table."""
        return len(self._at)

    def change(self, now_fs: int, ageing_fs: int | None) -> None:
        """Let entries age by another time from now on; what was over before is gone."""
        self.age(now_fs - 1)
        self._ageing_fs = ageing_fs

    def learn(self, now_fs: int, vlan: int, address: int, port: LogicalPort, most: int | None = None) -> bool:
        """Enter an address, or refresh it; `most`: as many as the port may have. Tell whether it stands there now."""
        self.age(now_fs)
        key = vlan, address
        of_port = {each for each, (at, _) in self._at.items() if at.number == port.number}
        if most is not None and key not in of_port and len(of_port) >= most:
            return False
        if key in self._at:
            self.moved += self._at[key][0] != port
        elif len(self._at) >= self._entries:
            self.not_learned += 1
            return False
        else:
            self.learned += 1
        self._at[key] = port, now_fs
        self._at.move_to_end(key)
        return True

    def find(self, now_fs: int, vlan: int, address: int) -> LogicalPort | None:
        """Return where an address stands, None if it is not known."""
        self.age(now_fs)
        found = self._at.get((vlan, address))
        return found[0] if found else None

    def age(self, now_fs: int) -> None:
        """Take out what was last refreshed `ageing_fs` ago or earlier."""
        while self._ageing_fs is not None and self._at:
            key, (_, refreshed_fs) = next(iter(self._at.items()))
            if refreshed_fs + self._ageing_fs > now_fs:
                break
            del self._at[key]
            self.aged += 1
