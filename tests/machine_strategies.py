"""Configurations drawn at random: whole machines, switches and loads, small enough for a run of milliseconds."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st


def some(**choices):
    """Return a strategy for a block: some of these keys, each with one of its values."""
    return st.fixed_dictionaries({}, optional={key: st.sampled_from(values) for key, values in choices.items()})


def within_device(nic: dict[str, Any]) -> dict[str, Any]:
    """Keep a device's least ring, and its fetches within the cache that was drawn."""
    kept = {**nic, "rx_ring": max(64, nic.get("rx_ring", 64))}
    if "descriptor_cache" in nic:
        # A device's own are 32 at most.
        cache = nic["descriptor_cache"]
        kept = {"fetch_batch": min(32, cache), "rx_fetch_batch": 8, "rx_prefetch": min(8, cache), **kept}
    return kept


PCIE = some(
    generation=[1, 2, 3],
    lanes=[1, 4, 8],
    max_payload=["128B", "256B", "512B"],
    max_read_request=["128B", "512B", "4KiB"],
    read_completion_boundary=["64B", "128B"],
    tags=[1, 2, 8, 64],
    dllp_model=["none", "spec", "tlp4", "tlp1", "pcie_bench"],
    arbitration=["round_robin", "reads_first", "writes_first", "arrival"],
    propagation=["0ns", "100ns"],
    address_bits=[32, 64],
    ecrc=[False, True],
    credits=[
        {"ph": 1, "pd": 32, "return": "500ns"},
        {"nph": 1, "ph": 4},
        {"cplh": 1},
        {"ph": 8, "pd": 64, "nph": 8, "cplh": 8, "cpld": 64},
    ],
)
HOST = some(
    read_latency=["0ns", "450ns", "2us"],
    jitter=[
        {"kind": "uniform", "range": "1us"},
        {"kind": "histogram", "bins": [["0ns", 9], ["300ns", 2], ["3us", 1]]},
    ],
    completion_bytes=["mps", "rcb"],
    buffer_offset=["0B", "64B"],
    write_drain=["8Gbps"],
    iotlb=[{"entries": 3, "miss": "330ns"}, {"entries": 64, "miss": "2us"}],
    cores=[1, 3],
)

NIC = some(
    preset=["82576", "82599", "X550", "XL710"],
    vfs=[2, 4, 6],
    queues_per_vf=[1, 2],
    tx_ring=[64, 100, 512],
    rx_ring=[16, 64, 100],
    fetch_batch=[1, 5, 8, 16],
    rx_fetch_batch=[1, 5, 8],
    rx_prefetch=[0, 8, 13],
    tx_writeback_batch=[1, 8],
    rx_writeback_batch=[1, 4],
    writeback_timeout=["1us", "20us"],
    descriptor_cache=[16, 64],
    store_rate=["6Gbps", "20Gbps"],
    tx_buffer=["2KiB", "16KiB"],
    rx_buffer=["2KiB", "16KiB"],
    max_pps=[1_000_000],
    queue_time=["78ns"],
    drop_enable=[False, True],
).map(lambda nic: within_device(nic) if "preset" in nic else {"preset": None, **nic})
DRIVER = some(
    tx_doorbell_batch=[1, 8],
    refill_batch=[1, 8],
    rx_interrupt_batch=[0, 1],
    tx_interrupt_batch=[0, 1, 8],
    moderation=["0us", "3us"],
    frame_time=["0ns", "20ns", "700ns", "4us"],
    byte_time=["0.1ns"],
    doorbell_time=["100ns"],
    interrupt_time=["1us"],
    exit_time=["2us"],
    wakeup_time=["3us"],
    poll_budget=[1, 64],
    send_burst=[1, 32],
    mask_interrupts=[False, True],
    adaptive_moderation=[False, True],
).map(lambda driver: {"preset": None, "rx_interrupt_batch": 0, **driver})
PORTS = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["pf", "vf0", "vf1"])},
        optional={
            "port_vlan": st.just(10),
            "vlans": st.sampled_from([[1], [10], [1, 10]]),
            "untagged": st.sampled_from([[], [1, 10]]),
            "rate_limit": st.just("1Gbps"),
            "weight": st.just(3),
            "loopback": st.just(False),
            "self_loopback": st.just(True),
            "promiscuous": st.just(True),
            "default": st.just(True),
            "admit": st.just("tagged"),
            "accept": st.just([]),
        },
    ),
    max_size=3,
    unique_by=lambda port: port["name"],
)
MIRROR = st.one_of(
    st.fixed_dictionaries(
        {
            "to": st.sampled_from(["pf", "vf0", "vf1"]),
            "from": st.sampled_from(["pf", "vf0", "vf1", "uplink"]),
            "direction": st.sampled_from(["ingress", "egress"]),
        }
    ),
    st.fixed_dictionaries({"to": st.sampled_from(["pf", "vf0", "vf1"]), "vlan": st.sampled_from([1, 10])}),
)
SWITCH = st.fixed_dictionaries(
    {},
    optional={
        "mode": st.sampled_from(["veb", "veb", "vepa", "vn_tag", "e_tag"]),
        "scheduler": st.sampled_from(["weighted", "deficit", "strict"]),
        "uplink": st.sampled_from([{"native_vlan": None}, {"native_vlan": 10, "vlans": [1, 10]}]),
        "ports": PORTS,
        "mirrors": st.lists(MIRROR, min_size=1, max_size=4),
        "acl": st.sampled_from(
            [
                [{"port": "vf0", "action": "police", "rate": "1Gbps", "burst": "4KiB"}],
                [{"port": "vf1", "action": "deny"}],
            ]
        ),
    },
)
LOAD = st.one_of(
    st.just({"load": "saturate"}),
    some(on_full=["wait", "drop"], arrivals=["periodic", "poisson"]).flatmap(
        lambda load: st.sampled_from([{**load, "load": 0.3}, {**load, "load": "4Gbps"}])
    ),
    st.just({"load": "500Mbps", "arrivals": "on_off", "peak_rate": "8Gbps", "mean_burst": 16}),
)
LENGTHS = st.sampled_from(
    [{"frame_bytes": 64}, {"frame_bytes": 1518}, {"sizes": [[64, 7], [570, 4], [1518, 1]]}, {"frame_bytes": 257}]
)
WORKLOAD = st.builds(
    lambda load, lengths, rest: {**load, **lengths, **rest},
    LOAD,
    LENGTHS,
    some(
        pattern=["pairs", "ring", "uniform", "incast", "broadcast", "multicast", "to_wire"],
        wire_share=[0.3],
        external=[{"rate": "500Mbps"}, {"rate": "300Mbps", "arrivals": "periodic", "to": ["vf1", "pf"]}],
    ),
)
MACHINE = st.fixed_dictionaries({"pcie": PCIE, "host": HOST, "nic": NIC, "driver": DRIVER, "switch": SWITCH})
