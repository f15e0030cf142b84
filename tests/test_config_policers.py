"""Buckets of policers against the frames of the workload: refused where none could ever pass."""

from __future__ import annotations

import pytest

from hwmodel.config import config_from_mapping, servers_of
from hwmodel.config.check_workload import check_policers
from hwmodel.config.document import Document
from hwmodel.config.findings import Doubts, Findings, Part
from hwmodel.errors import InputError

POLICE = {"action": "police", "rate": "1Gbps", "burst": "1000B"}


def with_frames(*lengths, **blocks):
    return {"nic": {"strict": False}, "workload": {"sizes": [[n_bytes, 1] for n_bytes in lengths]}, **blocks}


@pytest.mark.parametrize(("document", "key"), [
    (with_frames(1518, switch={"acl": [POLICE]}), "switch.acl.0.burst"),
    (with_frames(1005, 1518, bridge={"policy": [{"action": "deny", "port": "vf1"}, POLICE]}), "bridge.policy.1.burst"),
    (with_frames(1005, servers=[{"name": "a"}, {"name": "b", "set": {"switch.acl": [POLICE]}}]),
     "servers.b.set.switch.acl"),
])  # fmt: skip
def test_a_bucket_that_no_frame_passes_is_refused(document, key):
    with pytest.raises(InputError) as refused:
        config_from_mapping(document)
    (line,) = refused.value.lines
    assert key in line and "nothing would pass (write " in line


@pytest.mark.parametrize("lengths", [(1000,), (64, 1518), (1004,)])
def test_a_bucket_that_some_frames_pass_is_none_of_its_matters(lengths):
    """Of 1004 B with a C-TAG, 4 B may come off on the way."""
    config = config_from_mapping(with_frames(*lengths, switch={"acl": [POLICE]}))
    findings = Findings(Document("", {}), Doubts())
    check_policers(config, findings, [Part(server, findings) for server in servers_of(config)])
    assert findings.problems == []
