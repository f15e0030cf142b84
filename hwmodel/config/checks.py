"""Check keys against each other, after each has been checked on its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from .check_bridge import check_bridge
from .check_device import check_device
from .check_link import check_link
from .check_rings import check_rings
from .check_servers import check_servers
from .check_stations import check_stations
from .check_switch import check_switch
from .check_wire import check_wire
from .check_workload import check_workload
from .document import Problem
from .findings import Findings, Part
from .model import Config

__all__ = ["Part", "check_system", "problems_of_servers"]


def check_system(config: Config, findings: Findings, parts: Sequence[Part]) -> None:
    """Add all contradictions between keys: those of a server to its part, those of the whole system to `findings`."""
    for part in parts:
        for check in (check_link, check_device, check_rings, check_stations, check_switch):
            check(part.server.config, part.findings)
    for check_all in (check_servers, check_workload, check_wire, check_bridge):
        check_all(config, findings, parts)


def problems_of_servers(parts: Sequence[Part], known: Sequence[Problem]) -> list[Problem]:
    """Return what is wrong with servers' configurations and is not `known`.

    What is wrong with some of them, for what the file's own blocks say, has their name beside it.
    """
    lines = {problem.line for problem in known}
    found = [(part, problem) for part in parts for problem in dict.fromkeys(part.findings.problems)]
    n_servers = Counter(problem.line for _, problem in found)
    problems = []
    for part, problem in found:
        if problem.line in lines:
            continue
        is_of_some = n_servers[problem.line] < len(parts) and not problem.key.startswith("servers.")
        whose = f" (server {part.server.name})" if is_of_some else ""
        problems.append(replace(problem, message=problem.message + whose))
    return problems
