from fractions import Fraction

import pytest

from hwmodel.analytic.ceiling import per_frame, step_of, sum_bytes, sum_steps
from hwmodel.analytic.demand import demand_of
from hwmodel.analytic.transactions import Batches, TlpRules, Transaction, transactions_of
from hwmodel.config import load_config
from hwmodel.rules.pcie_link import link_rate
from tests.analytic_cases import demo


def bytes_of(config, name, direction):
    """Sum a transaction's bytes per frame."""
    found = transactions_of(config, demand_of(config).sought)
    return sum(one.per_frame * one.link_bytes(direction) for one in found if one.name == name)


# Written out from the transaction table, all batches 8, 1518 B: name, bytes up, bytes down.
EACH = [
    ("Tx doorbell", 0, Fraction(28, 8)),
    ("Tx descriptor read", Fraction(24, 8), Fraction(148, 8)),
    ("payload read", 72, 1636),
    ("Tx write-back", Fraction(152, 8), 0),
    ("Tx interrupt", Fraction(28, 8), 0),
    ("Rx descriptor read", Fraction(24, 8), Fraction(148, 8)),
    ("payload write", 1660, 0),
    ("Rx write-back", Fraction(152, 8), 0),
    ("Rx interrupt", Fraction(28, 8), 0),
    ("Rx doorbell", 0, Fraction(28, 8)),
]


@pytest.mark.parametrize(("name", "up", "down"), EACH)
def test_each_transaction_of_the_worked_example(name, up, down):
    assert (bytes_of(demo(), name, "up"), bytes_of(demo(), name, "down")) == (up, down)


def test_no_other_transaction():
    config = demo()
    names = {one.name for one in transactions_of(config, demand_of(config).sought)}
    assert names == {name for name, _, _ in EACH}


BATCH_OF = {
    "Tx doorbell": "driver.tx_doorbell_batch",
    "Tx descriptor read": "nic.fetch_batch",
    "Rx descriptor read": "nic.rx_fetch_batch",
    "Rx doorbell": "driver.refill_batch",
}


@pytest.mark.parametrize(("name", "key"), BATCH_OF.items())
def test_each_batch_changes_its_own_transaction_alone(name, key):
    changed = {one: (bytes_of(demo({key: 2}), one, "up"), bytes_of(demo({key: 2}), one, "down")) for one, _, _ in EACH}
    unchanged = {one: (up, down) for one, up, down in EACH}
    assert changed.pop(name) == {
        "Tx doorbell": (0, 14), "Rx doorbell": (0, 14),
        "Tx descriptor read": (12, 26), "Rx descriptor read": (12, 26),
    }[name]  # fmt: skip
    del unchanged[name]
    assert changed == unchanged


def test_write_backs_by_two_carry_interrupts_of_eight():
    config = demo({"nic.tx_writeback_batch": 2, "nic.rx_writeback_batch": 2})
    assert bytes_of(config, "Tx write-back", "up") == bytes_of(config, "Rx write-back", "up") == Fraction(24 + 32, 2)
    assert bytes_of(config, "Rx interrupt", "up") == Fraction(28, 8)


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_all_descriptors_of_a_send_are_written_back(batch):
    """Six of 16 B for 46 frames, and of eight sends in a row two lie across a boundary of 256 B."""
    config = load_config("sriov_tso", {"nic.txdctl": None, "nic.tx_writeback_batch": batch})
    assert bytes_of(config, "Tx write-back", "up") == Fraction(8 * 96 + 10 * 24, 8 * 46)


def test_an_interrupt_stands_for_whole_write_backs():
    config = demo({"driver.rx_interrupt_batch": 12, "driver.tx_interrupt_batch": 4})
    assert bytes_of(config, "Rx interrupt", "up") == Fraction(28, 16)  # the second write-back of 8 passes 12
    assert bytes_of(config, "Tx interrupt", "up") == Fraction(28, 8)  # each write-back of 8 passes 4


def test_polling_has_no_interrupts():
    config = demo({"driver.rx_interrupt_batch": 0, "driver.tx_interrupt_batch": 0})
    assert bytes_of(config, "Rx interrupt", "up") == bytes_of(config, "Tx interrupt", "up") == 0


@pytest.mark.parametrize(
    ("doorbell_batch", "interrupt_batch", "bytes_down"),
    [
        (32, 8, Fraction(28, 8)),  # slots come free by 8: a driver with 8 posted and no more rings
        (8, 32, Fraction(28, 8)),
        (12, 32, Fraction(3 * 28, 32)),  # after 12, 24 and 32
        (32, 0, Fraction(28, 8)),  # polling: slots come free with the write-backs of 8
    ],
)
def test_doorbells_follow_the_slots_that_come_free(doorbell_batch, interrupt_batch, bytes_down):
    config = demo({"driver.tx_doorbell_batch": doorbell_batch, "driver.tx_interrupt_batch": interrupt_batch})
    assert bytes_of(config, "Tx doorbell", "down") == bytes_down


def test_without_prefetch_rx_descriptors_are_read_one_by_one():
    config = demo({"nic.rx_prefetch": 0})
    assert (bytes_of(config, "Rx descriptor read", "up"), bytes_of(config, "Rx descriptor read", "down")) == (24, 36)


def test_a_large_fetch_is_cut_at_mrrs_and_mps():
    # 64 descriptors are 1024 B: 2 requests of 512 B, 4 completions of 256 B.
    config = demo({"nic.fetch_batch": 64, "nic.descriptor_cache": 128})
    assert bytes_of(config, "Tx descriptor read", "up") == Fraction(2 * 24, 64)
    assert bytes_of(config, "Tx descriptor read", "down") == Fraction(4 * 20 + 1024, 64)


def test_an_offset_cuts_writes_reads_and_completions_by_address():
    config = demo({"host.buffer_offset": "64B"})
    assert bytes_of(config, "payload write", "up") == 7 * 24 + 1516
    assert bytes_of(config, "payload read", "up") == 4 * 24
    # Reads of 448, 512, 512, 42 B: completions 256 + 192, 256 + 256, 256 + 256, 42.
    assert bytes_of(config, "payload read", "down") == 7 * 20 + 1516


def test_completions_of_rcb_bytes():
    config = demo({"host.completion_bytes": "rcb"})
    assert bytes_of(config, "payload read", "down") == 24 * 20 + 1516
    assert bytes_of(config, "Rx descriptor read", "down") == Fraction(2 * 20 + 128, 8)


def test_published_dllp_model_keeps_exact_bytes():
    config = demo({"pcie.dllp_model": "pcie_bench"})
    assert bytes_of(config, "payload write", "up") == 6 * 24 + 1514


def test_thirty_two_bit_addresses_and_ecrc():
    config = demo({"pcie.address_bits": 32, "pcie.ecrc": True})
    assert bytes_of(config, "payload write", "up") == 6 * 24 + 1516
    assert bytes_of(config, "payload read", "up") == 3 * 24
    assert bytes_of(config, "payload read", "down") == 6 * 24 + 1516


def test_batches_of_the_demo():
    assert Batches.of(demo()) == Batches(8, 8, 8, 8, 8, 1, 0)


def test_a_read_and_its_tlps():
    tlps = TlpRules.of(demo()).read(0, 300)
    assert [(tlp.direction, tlp.kind, tlp.data_bytes, tlp.link_bytes) for tlp in tlps] == [
        ("up", "non_posted", 0, 24),
        ("down", "completion", 256, 276),
        ("down", "completion", 44, 64),
    ]


def test_steps_add_up_to_the_worked_example():
    config = demo()
    steps = sum_steps(transactions_of(config, demand_of(config).sought), link_rate(2, 4, 256, "tlp4"), Fraction(1))
    assert (sum_bytes(steps, "up"), sum_bytes(steps, "down")) == (1809, 1719)
    dllps = {step.direction: step.n_bytes for step in steps if step.name.startswith("Acks")}
    assert dllps == {"up": 26, "down": 39}


def test_formulas_give_the_bytes_beside_them():
    sizes = [[64, 7], [570, 4], [1518, 1]]
    config = demo({"nic.fetch_batch": 40, "workload.frame_bytes": None, "workload.sizes": sizes})
    steps = sum_steps(transactions_of(config, demand_of(config).sought), link_rate(2, 4, 256, "none"), Fraction(1))
    for step in steps:
        assert eval(step.formula) == pytest.approx(float(step.n_bytes), rel=1e-5), step
    assert "(25*20 + 4208)/12" in {step.formula for step in steps}


def test_what_happens_by_time_is_shared_by_the_frames():
    tlps = TlpRules.of(demo()).write(0, 4)
    timed = Transaction("Rx interrupt", Fraction(0), Fraction(1000), tlps)
    assert per_frame(timed, Fraction(4000)) == Fraction(1, 4)
    assert sum_steps([timed], link_rate(2, 4, 256, "none"), Fraction(4000))[0].n_bytes == 7
    with pytest.raises(ValueError, match="1000 times a second"):
        per_frame(timed, Fraction(0))


def test_long_fractions_are_written_as_decimals():
    assert step_of("x", "up", 24, Fraction(1, 30011), Fraction(0)).formula == "3.33211e-05*24"
