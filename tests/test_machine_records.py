"""The state's layout: names that work interpreted, capacities that hold what a configuration may ask for."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np
import pytest

from hwmodel.compiled import records
from hwmodel.compiled.far_tables import Table, spanned_bytes, zeros
from hwmodel.config import config_from_mapping
from hwmodel.config.adapter import MODEL_MAX_QUEUES, MODEL_RING_POOL, MODEL_TLPS_ON_LINK
from hwmodel.forwarding.drop_reason import MAX_REASONS, DropReason
from hwmodel.forwarding.port_set import MAX_FUNCTIONS
from hwmodel.machine.counts.journey_state import FINISHED, POST_BATCH, RX_BATCH
from hwmodel.machine.guest.guest_state import FIRST_PLACES, MAX_QUEUES, NARROW_PLACES, PLACES, POST
from hwmodel.machine.host.host_state import MAX_TRANSLATIONS, MAX_WALKERS
from hwmodel.machine.pcie.link_state import MAX_TAGS, MAX_TLP_BYTES
from hwmodel.machine.server import SERVER, fresh_state
from hwmodel.machine.time.clock import LANE_CAP
from hwmodel.simulation.fill import nic_state
from hwmodel.simulation.fill.nic_state import build_state
from hwmodel.simulation.fill.system_state import build_system
from hwmodel.simulation.run.offered import workload_of


def machine(**blocks):
    blocks = {"workload": {"pattern": "to_wire"}, **blocks, "nic": {"preset": None, **blocks.get("nic", {})}}
    return build_state(config_from_mapping(blocks), seed=1)[0]


def all_records(dtype, seen=()):
    """Give each record type in a type, itself first."""
    while dtype.subdtype is not None:
        dtype = dtype.subdtype[0]
    if dtype.names is not None and dtype not in seen:
        yield dtype
        for name in dtype.names:
            yield from all_records(dtype[name])


def lengths_of(ring):
    """Return the length of a ring within its record; of one outside, at first and at most."""
    return (ring.type.first, ring.type.most) if issubclass(ring.type, Table) else ring.shape[:1]


@pytest.mark.parametrize("name", ["size", "data", "flags", "base", "real", "item", "sum", "field", "T", "shape"])
def test_names_that_arrays_have_are_refused(name):
    with pytest.raises(ValueError, match=name):
        records.record((name, records.I64))


def test_no_field_of_the_state_has_such_a_name():
    """Looked at by another way than the guard: an empty record array has these attributes without any field."""
    empty = set(dir(np.zeros(1, np.dtype([("x", np.int64)])).view(np.recarray)[0])) - {"x"}
    found = list(all_records(SERVER))
    assert len(found) > 30
    assert [name for each in found for name in each.names if name in empty] == []


def test_no_field_of_the_state_is_without_a_use():
    """Used is a name that stands somewhere beside the definitions of records."""
    package = Path(nic_state.__file__).parents[2]
    words = {
        word
        for block in ("machine", "forwarding", "simulation")
        for path in (package / block).rglob("*.py")
        for word in _words_outside_records(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert {name for each in all_records(SERVER) for name in each.names} - words == set()


def _words_outside_records(node):
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("record", "ints"):
        return
    if isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from re.findall(r"\w+", node.value)
    for child in ast.iter_child_nodes(node):
        yield from _words_outside_records(child)


def test_fields_are_aligned():
    assert all(each.isalignedstruct for each in all_records(SERVER))


def test_a_fresh_state_is_all_zero_and_takes_no_memory_before_it_is_written():
    state = fresh_state()
    assert len(state) == 1
    assert state[0].clock.now_fs == 0
    state[0].clock.now_fs = 5
    assert state["clock"]["now_fs"][0] == 5  # the element is a view, not a copy


def test_addresses_that_a_limit_does_not_leave_are_said_with_their_amount():
    with pytest.raises(MemoryError, match=r"Unable to allocate [\d,]+ MiB of addresses"):
        zeros(1 << 26, SERVER)


def test_what_is_set_aside_grows_with_the_configuration():
    """A ring's descriptors at both ends, and what a capture has; one server alone takes below 64 MB."""
    of_each = POST.itemsize + POST_BATCH.itemsize + FINISHED.itemsize + RX_BATCH.itemsize
    short, long = (
        spanned_bytes(machine(nic={"vfs": 7, **rings}))
        for rings in ({"tx_ring": 512, "rx_ring": 512}, {"tx_ring": 65_536, "rx_ring": 65_536})
    )
    assert short < 64_000_000
    assert 0.9 < (long - short) / (8 * 65_536 * of_each) < 1.1


def test_a_header_may_come_by_a_bridge_as_well_before_any_table_is_copied():
    servers = [{"name": "a"}, {"name": "b"}]
    config = config_from_mapping({"servers": servers, "nic": {"vfs": 12}, "workload": {"pattern": "uniform"}})
    state = build_system(config, workload_of(config), seed=1).servers
    n_headers = 24 * 23
    tables = [
        (nic.headers.template_header, nic.traffic.template, nic.virtual_switch.flow_cache.header) for nic in state
    ]
    assert [len(table) for of_server in tables for table in of_server] == [2 * n_headers] * 6


def test_rings_have_a_power_of_two_of_entries():
    """`head` and `tail` are masked."""
    found = [
        (name, length)
        for each in all_records(SERVER)
        if "ring" in each.names and "tail" in each.names
        for name in each.names[:1]
        for length in lengths_of(each["ring"])
    ]
    assert len(found) >= 8
    assert [n for _, n in found if n & (n - 1)] == []


# ---- What a configuration may ask for ----


def test_counts_of_the_configuration_fit():
    assert MAX_FUNCTIONS >= 128 + 4  # VFs, and a PF for each Ethernet port
    assert MAX_QUEUES >= MODEL_MAX_QUEUES
    assert LANE_CAP > MODEL_TLPS_ON_LINK
    assert max(DropReason) < MAX_REASONS
    assert machine(pcie={"tags": 256}).pcie[0].tags.n_free == 256 <= MAX_TAGS
    assert machine(pcie={"generation": 4, "tags": 768}).pcie[0].tags.n_free == 768 <= MAX_TAGS
    translation = machine(host={"iotlb": {"entries": 1 << 16, "walkers": 64, "miss": "1ns"}}).host[0].translation
    assert translation.pages.part[0].n_entries == 1 << 16 <= MAX_TRANSLATIONS
    assert translation.params.n_walkers == 64 <= MAX_WALKERS


@pytest.mark.parametrize(
    ("vfs", "queues", "ring"), [(128, 1, 16_000), (128, 7, 2_100), (63, 16, 2_048), (31, 1, 65_536), (127, 1, 8_193)]
)
def test_all_rings_lie_apart_and_in_the_pool(vfs, queues, ring):
    """Their numbers of slots are powers of two, so a ring may take nearly twice its descriptors."""
    assert (vfs + 1) * queues * ring <= MODEL_RING_POOL
    nic = machine(nic={"vfs": vfs, "queues_per_vf": queues, "tx_ring": ring, "rx_ring": ring})
    for name in ("tx_queue", "rx_queue"):
        rings = nic[name][: (vfs + 1) * queues]
        slots = 1 << (ring - 1).bit_length()
        assert (rings["mask"] < min(slots, FIRST_PLACES)).all()
        # Each begins with its few places before the pool, and takes all that it may need in the pool.
        numbers = np.arange(len(rings))
        assert (rings["first"] == numbers * FIRST_PLACES).all()
        assert rings["first"][-1] + FIRST_PLACES <= NARROW_PLACES
        assert (rings["params"]["wide_first"] == NARROW_PLACES + numbers * slots).all()
        assert rings["params"]["wide_first"][-1] + slots <= PLACES


def test_the_longest_tlp_has_a_duration():
    """A write of 4096 B with a 64-bit address and ECRC."""
    nic = machine(pcie={"max_payload": "4096B", "ecrc": True, "dllp_model": "tlp4"})
    assert 24 + 4 + 4096 < MAX_TLP_BYTES == len(nic.pcie[0].params.duration_fs)
    assert nic.pcie[0].params.duration_fs[-1] > nic.pcie[0].params.duration_fs[24 + 4 + 4096] > 0


def test_a_distribution_may_fill_its_table():
    def bins(n):
        return {"jitter": {"kind": "histogram", "bins": [[f"{i}ns", 1] for i in range(n)]}}

    assert machine(host=bins(256)).host[0].params.n_jitter_bins == 256


def rates(text):
    """Give a configuration in which every rate is this one."""
    return {
        "pcie": {"credits": {"ph": 8}},
        "host": {"write_drain": text},
        "nic": {"store_rate": text},
        "port": {"rate": text},
        "switch": {"ports": [{"name": "vf0", "rate_limit": text}]},
    }


@pytest.mark.parametrize("rate", ["1Mbps", "1.001Mbps", "999.999Mbps", "1234567890bps", "400Gbps"])
def test_products_of_times_and_lengths_stay_inside_63_bits(rate):
    """The longest frame on the wire, 9728 B and 24 B, and the longest TLP, at rates with few factors of 8e15."""
    nic = machine(**rates(rate))
    numerators = (
        nic.pcie[0].params.drain_num,
        nic.params.store_num,
        nic.port[0].mac.params.fs_per_byte_num,
        nic.function[1].params.shaper_num,
    )
    assert all(0 < (9728 + 24) * int(numerator) < 2**63 for numerator in numerators)


@pytest.mark.parametrize("generation", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("lanes", [1, 4, 12, 32])
@pytest.mark.parametrize("model", ["none", "spec", "pcie_bench"])
def test_durations_of_tlps_do_not_overflow(generation, lanes, model):
    nic = machine(pcie={"generation": generation, "lanes": lanes, "dllp_model": model, "max_payload": "4096B"})
    assert nic.pcie[0].params.duration_fs[0] == 0
    assert (np.diff(nic.pcie[0].params.duration_fs) > 0).all()
