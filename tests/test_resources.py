"""The table of resources: a new one is a row, and its counter and its ceiling; no other source has a list of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from hwmodel.analytic import limits
from hwmodel.config import config_from_mapping
from hwmodel.resources import BY_NAME, RESOURCES

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "hwmodel"
KEYS = {"nic.tx_ring", "nic.rx_ring", "nic.tx_buffer", "nic.rx_buffer", "pcie.tags"}  # named as what limits by them
HOMES = (PACKAGE / "resources.py", PACKAGE / "analytic")

# A row at the head of the table, which counts what the pipeline does; then a run in which the pipeline is full.
PLANTED = '''
import json
from pathlib import Path
import hwmodel.resources as table

ROW = """Resource("nic.planted", ("nic.max_pps",), "switch", "What is planted is busy {busy} of the window.",
    busy=("counts", "pipeline_busy_fs"), until=("pipeline_busy_until_fs",), watched=("planted part", "", "")),"""
source, head = Path(table.__file__).read_text(), "RESOURCES: tuple[Resource, ...] = ("
assert source.count(head) == 1
exec(compile(source.replace(head, head + ROW), table.__file__, "exec"), table.__dict__)

from hwmodel import simulate
from hwmodel.config import config_from_mapping
from hwmodel.relaxations import relaxations_of
from hwmodel.report import render_page
from hwmodel.results.datapath_parts import part_of
from hwmodel.rules.figures import NAMES

config = config_from_mapping({"nic": {"vfs": 2, "max_pps": 10**5}, "run.duration": "2ms"})
result = simulate(config)
found = [one.text for one in relaxations_of(config) if "nic.planted" in one.resources]
print(json.dumps({
    "share": result.utilization["nic.planted"], "pipeline": result.utilization["nic.pipeline"],
    "last": list(result.utilization)[-1], "resource": result.bottleneck.resource, "why": result.bottleneck.why,
    "keys": result.bottleneck.keys, "summary": result.summary(), "page": render_page([result], ["run"]),
    "relaxed": found, "part": part_of("nic.planted"), "is_watched": "utilization.nic.planted" in NAMES,
}))
'''


def test_a_row_is_all_that_a_resource_needs_beside_its_counter():
    done = subprocess.run([sys.executable, "-c", PLANTED], check=False, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["share"] == seen["pipeline"] > 0.98 and seen["last"] == "nic.planted"
    assert seen["resource"] == "nic.planted" and seen["keys"] == ["nic.max_pps"]
    assert seen["why"].startswith("What is planted is busy ") and "As full: nic.pipeline" in seen["why"]
    assert seen["relaxed"] == ["nic.max_pps: 100000 -> 200000"] and seen["part"] == "switch" and seen["is_watched"]
    assert "nic.planted" in seen["summary"] and seen["page"].count("nic.planted") > 1


def test_names_stand_in_the_table_alone():
    sources = {path: path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}
    others = {path: text for path, text in sources.items() if not any(path.is_relative_to(home) for home in HOMES)}
    names = [name for name in BY_NAME if "." in name and name not in KEYS]
    assert len(names) > 20 and len(sources) - len(others) > 20
    assert [(str(path), name) for path, text in others.items() for name in names if f'"{name}"' in text] == []


def test_rows_say_each_thing_once():
    assert len(BY_NAME) == len(RESOURCES)
    listed = [row.listed for row in RESOURCES if row.listed < 99]
    assert sorted(listed) == list(range(len(listed)))
    assert all(row.busy for row in RESOURCES if row.until or row.watched[0])
    assert all(row.is_store for row in RESOURCES if row.drops or row.has_use)


def test_the_closed_form_names_what_runs_name():
    config = config_from_mapping({"nic": {"strict": False, "dma": {}, "max_pps": 10**6, "queue_time": "10ns"}})
    names = {one.resource for one in limits(config).ceilings}
    assert names <= {row.in_results for row in RESOURCES} and len(names) > 8
