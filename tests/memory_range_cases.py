"""Adapters whose memory ranges are read and written."""

from __future__ import annotations

import re
from functools import cache

from hwmodel.config import config_from_mapping, servers_of
from hwmodel.config_space.enumeration import configured
from hwmodel.config_space.memory_ranges import MemoryRanges
from hwmodel.config_space.script import read_script, run_script

VFS = 4
TIME = re.compile(r" \([\d,]+\.\d ns\)")


@cache
def server_of(preset, **nic):
    return servers_of(config_from_mapping({"nic": {"preset": preset, "vfs": VFS, **nic}}))[0]


def ranges_of(preset="82599", **nic):
    """Give the ranges of an enumerated adapter with four VFs."""
    server = server_of(preset, **nic)
    return MemoryRanges(configured(server), server, 0)


def answers(ranges, *lines):
    """Do the lines of a script, and give what is printed but for the times that accesses take."""
    script = read_script("\n".join(lines), "s.txt")
    return [TIME.sub("", answer.text) for answer in run_script(ranges, script, "s.txt")]
