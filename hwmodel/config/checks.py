"""Check keys against each other, after each has been checked on its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from .check_bridge import check_bridge, check_bridge_kind
from .check_device import check_device
from .check_link import check_link
from .check_policers import check_policers
from .check_rings import check_rings
from .check_servers import check_servers
from .check_stations import check_stations
from .check_switch import check_switch
from .check_wire import check_wire
from .check_workload import check_workload
from .document import Problem
from .findings import Findings, Part
from .model import Config


def cross_check(config: Config, findings: Findings, parts: Sequence[Part], known: Sequence[Problem]) -> list[Problem]:
    """Return all contradictions between keys, and what the parts' findings have already, without what is `known`.

    `findings`: those of the whole system; without servers they are those of the only part too.
    """
    for part in parts:
        for check in (check_link, check_device, check_rings, check_stations, check_switch):
            check(part.server.config, part.findings)
        check_bridge_kind(config, part)
    of_servers = _problems_of_servers(parts, known)
    for part in parts:
        part.findings.problems.clear()
    for check_all in (check_servers, check_workload, check_wire, check_bridge, check_policers):
        check_all(config, findings, parts)
    of_system = [problem for one in (findings, *(part.findings for part in parts)) for problem in one.problems]
    return list(dict.fromkeys([*of_servers, *of_system]))


def _problems_of_servers(parts: Sequence[Part], known: Sequence[Problem]) -> list[Problem]:
    """Return what the parts' findings are; those of some servers about the file's own blocks have a name beside."""
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
