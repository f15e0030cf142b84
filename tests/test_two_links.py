"""An adapter with two links, a host at each: what a VM's frames take is on its own link, and the sums are as on one.

No configuration asks for a second link; the records have room for it by `clock.ADAPTER_LINKS`, set here before all else
is imported, and the machine runs uncompiled.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hwmodel.machine.pcie.links import MASK
from hwmodel.machine.server import SERVER
from hwmodel.machine.tlp_kinds import PAYLOAD_READ, PAYLOAD_WRITE, RX_DOORBELL, TX_DOORBELL

ROOT = Path(__file__).parent.parent
TWO_LINKS = """
import json, sys
from pathlib import Path
from hwmodel.machine.time import clock
exec(Path(clock.__file__).read_text().replace("ADAPTER_LINKS = 1", "ADAPTER_LINKS = 2"), clock.__dict__)
from hwmodel.config import config_from_mapping
from hwmodel.machine.pcie.links import MASK
from hwmodel.simulation.run.machine import Machine
from hwmodel.workload import build_workload

assert MASK == 1
found = {}
for name, second in (("one", []), ("two", [2])):
    config = config_from_mapping(json.loads(sys.argv[1]))
    machine = Machine(config, build_workload(config), 1, 1)
    nic = machine.state[0]
    for function in second:
        params = nic.function[function].params
        for queue in range(int(params.first_queue), int(params.first_queue) + int(params.n_queues)):
            nic.tx_queue[queue].params.link = 1
    machine.advance(60 * 10**9, 2**60)
    links = [{way: link[way]["counts"]["n_tlps"].tolist() for way in ("up", "down")} for link in nic.pcie]
    counts = nic.ledger.counts
    found[name] = {
        "links": links,
        "delivered": int(counts.delivered),
        "open": [int(link.tags.params.n_tags - link.tags.n_free) for link in nic.pcie],
        "looked_up": [int(host.translation.counts.hits + host.translation.counts.misses) for host in nic.host],
    }
json.dump(found, sys.stdout)
"""
CONFIG: dict[str, Any] = {
    "pcie": {"credits": {"ph": 8, "nph": 4, "cplh": 8}, "propagation": "5ns"},
    "host": {"iotlb": {"entries": 64, "miss": "200ns"}},
    "nic": {"vfs": 2},
    "driver": {"refill_batch": 1},
    "workload": {"pattern": "flows", "flows": [["vf0", "vf1", "500Mbps"]], "frame_bytes": 1518, "arrivals": "periodic"},
    "run": {"clocks": "exact"},
}


def test_each_vm_is_served_by_its_own_link_and_host():
    """Of frames from vf0 to vf1 the first link has doorbells and reads of payload, the second has the writes."""
    done = subprocess.run(
        [sys.executable, "-c", TWO_LINKS, json.dumps(CONFIG)],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT), "NUMBA_DISABLE_JIT": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    one, two = found["one"], found["two"]
    assert one["delivered"] == two["delivered"] > 1
    assert one["open"] == two["open"] == [0, 0]
    for way in ("up", "down"):
        assert sum(one["links"][1][way]) == 0
        kinds = zip(*(each[way] for each in two["links"]), strict=True)
        assert [sum(both) for both in kinds] == one["links"][0][way]
    first, second = two["links"]
    assert first["up"][PAYLOAD_READ] > 0 == second["up"][PAYLOAD_READ]
    assert first["up"][PAYLOAD_WRITE] == 0 < second["up"][PAYLOAD_WRITE]
    assert first["down"][TX_DOORBELL] > 0 == second["down"][TX_DOORBELL]
    assert first["down"][RX_DOORBELL] == 0 < second["down"][RX_DOORBELL]
    assert sum(two["looked_up"]) == one["looked_up"][0]
    assert min(two["looked_up"]) > 0


def test_the_mask_lets_each_link_be_reached():
    n_links = SERVER["pcie"].shape[0]
    assert n_links == SERVER["host"].shape[0] > 0
    assert [number & MASK for number in range(n_links)] == list(range(n_links))
