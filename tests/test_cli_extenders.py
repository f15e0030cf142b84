"""Port extenders on the command line and in the reports, for one server and for several."""

from __future__ import annotations

import pytest
import yaml

from hwmodel.cli import main
from hwmodel.config import config_from_mapping
from hwmodel.relaxations import relaxations_of
from hwmodel.results import load_result
from hwmodel.results.modelled import modelled_sentence

BRIDGE = {
    "kind": "controlling",
    "extenders": {"fex0": {"rate": "5Gbps"}, "fex1": {"behind": "fex0", "rate": "40Gbps"}},
}
ALONE = {
    "switch": {"mode": "vn_tag"},
    "nic": {"vfs": 2},
    "bridge": {**BRIDGE, "ports": {"adapter": {"behind": "fex1"}}},
    "workload": {"pattern": "pairs", "load": "4Gbps", "arrivals": "periodic"},
    "run": {"warmup": "3ms", "duration": "40ms"},
}
TWO = {
    **ALONE,
    "servers": [{"name": "a"}, {"name": "b"}],
    "bridge": {**BRIDGE, "ports": {"a": {"behind": "fex1"}, "b": {"behind": "fex0"}}},
}


@pytest.mark.parametrize("document", [ALONE, TWO], ids=["one server", "two servers"])
def test_a_run_prints_stores_and_draws(document, tmp_path, capsys):
    path, stored, page = (tmp_path / name for name in ("c.yaml", "r.json", "r.html"))
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    assert main(["run", str(path), "--verbose", "--json", str(stored), "--report", str(page)]) == 0
    printed = capsys.readouterr().out
    result = load_result(stored)
    assert result.bottleneck.resource == "bridge.fex0.uplink"
    assert "The uplink of extender fex0 is busy" in printed
    own = "a" if document is TWO else "adapter"
    drawn = page.read_text(encoding="utf-8").replace("<wbr>", "")
    for name in (f"{own} (fex1)", "fex0", "fex0.uplink", "fex1 (fex0)", "fex1.uplink"):
        assert f"\n{name}  " in printed
        assert f">{name}<" in drawn
    assert "with port extenders fex0 and fex1 below" in drawn
    over = sum(port.out_gbps for port in result.bridges[0].ports if port.device == "bridge")
    assert f"({over:.2f} Gb/s over the bridge)" in printed
    closed = result.closed_form
    assert closed is not None and closed.gbps == pytest.approx(result.totals.gbps, rel=2e-3)
    assert closed.limited_by == "bridge.fex0.uplink"


def test_servers_behind_one_port_are_alike_though_their_interfaces_differ():
    config = config_from_mapping(TWO).resolved()
    assert any(key.endswith(".vif") for key in config["servers"][1]["set"])
    assert "2 servers (a and b), each with" in modelled_sentence(config)


def test_an_uplink_can_be_made_larger():
    found = {one.resources: one.changes for one in relaxations_of(config_from_mapping(ALONE))}
    assert found["bridge.fex0.uplink", "bridge.fex0"] == (("bridge.extenders.fex0.rate", "5Gbps", "10Gbps"),)
    assert found["bridge.fex1.uplink", "bridge.fex1"] == (("bridge.extenders.fex1.rate", "40Gbps", "80Gbps"),)
