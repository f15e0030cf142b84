import pytest

from benches.simpy_reference import oracle_parameters, run_oracle
from hwmodel.analytic import limits
from tests.analytic_cases import demo

# Contract keys with values that are no defaults, and the oracle's parameters that they must become.
CHANGED = {
    "pcie.max_payload": ("128B", "max_payload_bytes", 128),
    "pcie.max_read_request": ("1024B", "max_read_request_bytes", 1024),
    "pcie.read_completion_boundary": ("128B", "read_completion_boundary_bytes", 128),
    "pcie.tags": (17, "tags", 17),
    "pcie.dllp_model": ("tlp1", "dllp_period_tlps", 1),
    "pcie.propagation": ("30ns", "propagation_fs", 30_000_000),
    "pcie.arbitration": ("reads_first", "arbitration", "reads_first"),
    "pcie.address_bits": (32, "request_header_bytes", 20),
    "pcie.credits.ph": (11, "posted_header_credits", 11),
    "pcie.credits.pd": (120, "posted_data_credits", 120),
    "pcie.credits.nph": (13, "read_header_credits", 13),
    "pcie.credits.cplh": (14, "completion_header_credits", 14),
    "pcie.credits.cpld": (150, "completion_data_credits", 150),
    "pcie.credits.return": ("90ns", "credit_return_fs", 90_000_000),
    "host.read_latency": ("333ns", "read_latency_fs", 333_000_000),
    "host.completion_bytes": ("rcb", "completion_cut", "rcb"),
    "host.buffer_bytes": ("4KiB", "buffer_bytes", 4096),
    "host.buffer_offset": ("64B", "buffer_offset_bytes", 64),
    "host.cores": (3, "cores", 3),
    "nic.vfs": (4, "vfs", 4),
    "nic.tx_ring": (128, "tx_ring", 128),
    "nic.rx_ring": (256, "rx_ring", 256),
    "nic.fetch_batch": (4, "fetch_batch", 4),
    "nic.rx_fetch_batch": (5, "rx_fetch_batch", 5),
    "nic.rx_prefetch": (6, "rx_prefetch", 6),
    "nic.descriptor_cache": (40, "descriptor_cache", 40),
    "nic.tx_writeback_batch": (3, "tx_writeback_batch", 3),
    "nic.rx_writeback_batch": (2, "rx_writeback_batch", 2),
    "nic.writeback_timeout": ("5us", "writeback_timeout_fs", 5_000_000_000),
    "nic.tx_buffer": ("32KiB", "tx_buffer_bytes", 32768),
    "nic.rx_buffer": ("48KiB", "rx_buffer_bytes", 49152),
    "nic.max_pps": (9_000_000, "max_pps", 9_000_000),
    "nic.drop_enable": (False, "drop_enable", False),
    "port.rate": ("40Gbps", "port_rate_bps", 40_000_000_000),
    "driver.tx_doorbell_batch": (7, "tx_doorbell_batch", 7),
    "driver.refill_batch": (16, "refill_batch", 16),
    "driver.rx_interrupt_batch": (9, "rx_interrupt_batch", 9),
    "driver.tx_interrupt_batch": (10, "tx_interrupt_batch", 10),
    "driver.moderation": ("3us", "moderation_fs", 3_000_000_000),
    "driver.frame_time": ("44ns", "frame_time_fs", 44_000_000),
}


def test_each_parameter_is_handed_over():
    config = demo({key: value for key, (value, _, _) in CHANGED.items()})
    parameters = oracle_parameters(config)
    assert {name: getattr(parameters, name) for _, name, _ in CHANGED.values()} == {
        name: expected for _, name, expected in CHANGED.values()
    }


def test_the_links_rate_is_handed_over():
    numerator, denominator = oracle_parameters(demo()).link_fs_per_byte
    # 8 bits at 16 Gb/s, 4 symbols of 1538 being SKP.
    assert numerator * 1534 == denominator * 500_000 * 1538


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("host.jitter", {"kind": "uniform", "range": "100ns"}),
        ("host.write_drain", "20Gbps"),
        ("nic.store_rate", "20Gbps"),
        ("nic.queues_per_vf", 2),
        ("pcie.dllp_model", "pcie_bench"),
    ],
)
def test_what_is_not_handed_over_is_refused(key, value):
    with pytest.raises(ValueError, match=f"not for the oracle: {key}"):
        oracle_parameters(demo({key: value}))


# A small Rx buffer is full, and the rate settled, after few frames.
@pytest.mark.parametrize("lengths", [(1518,), (570, 64)])
def test_a_window_carries_what_the_closed_form_says(lengths):
    sizes = {"workload.frame_bytes": None, "workload.sizes": [[n_bytes, 1] for n_bytes in lengths]}
    config = demo({**sizes, "nic.rx_buffer": "16KiB", "nic.tx_buffer": "32KiB", "nic.tx_ring": 64, "nic.rx_ring": 64})
    mpps = limits(config).mpps
    window_ns = round(1600 / mpps * 1000)
    run = run_oracle(config, lengths, window_ns)
    assert run.frames == pytest.approx(1600, rel=0.05)
    assert run.wall_s > 0
