"""Check keys against each other, after each has been checked on its own."""

from __future__ import annotations

from .check_device import check_device
from .check_link import check_link
from .check_rings import check_rings
from .check_stations import check_stations
from .check_switch import check_switch
from .check_wire import check_wire
from .check_workload import check_workload
from .document import Document, Problem
from .findings import Doubts, Findings
from .model import Config


def cross_check(config: Config, document: Document, doubts: Doubts) -> list[Problem]:
    """Return all contradictions between keys; those that involve one of `doubts` are left out.

    `document` has the data that `config` was made from, with every derived key filled in.
    """
    findings = Findings(document, doubts)
    of_blocks = (check_link, check_device, check_rings, check_stations, check_switch, check_workload, check_wire)
    for check in of_blocks:
        check(config, findings)
    return findings.problems
