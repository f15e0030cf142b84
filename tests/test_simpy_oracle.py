"""The SimPy model against sums by hand and the closed form; it is an oracle only as far as these hold."""

import random

import pytest
from oracles.simpy_nic import Arrival, Load, NicParameters, Outcome, Stop, simulate

US_FS = 10**9
GEN2_X4 = (500_000 * 1538, 1534)
"""8 bits at 16 Gb/s, less the share of SKP: 4 symbols in 1538 (PCI Express Base Specification 2.1, 4.2.7)."""
R_FS = 450_000_000
VF0, VF1, VF2 = 2, 3, 4


def t_fs(*tlps: int) -> int:
    """Return the time of some TLPs one after the other."""
    return sum(n_bytes * GEN2_X4[0] // GEN2_X4[1] for n_bytes in tlps)


def unbatched(**changes: object) -> NicParameters:
    """Everything one by one, polled, reads of a whole frame, Rx descriptors on the chip."""
    one_by_one = dict.fromkeys(
        ("fetch_batch", "tx_writeback_batch", "rx_writeback_batch", "tx_doorbell_batch", "refill_batch"), 1
    )
    settings = {"rx_interrupt_batch": 0, "tx_interrupt_batch": 0, "max_read_request_bytes": 4096, "vfs": 4}
    return NicParameters(GEN2_X4, **(one_by_one | settings | changes))


def batched(**changes: object) -> NicParameters:
    """All eight batches 8, two VFs."""
    return NicParameters(GEN2_X4, **({"vfs": 2} | changes))


def replay(parameters: NicParameters, *arrivals: tuple, on_full: str = "wait") -> Outcome:
    load = Load(arrivals=[Arrival(*arrival) for arrival in arrivals], on_full=on_full)
    return simulate(parameters, load, Stop(keep_deliveries=True))


def undisturbed(**changes: object) -> NicParameters:
    """As `unbatched`, with no descriptors left to prefetch and no Tx write-back between a frame's own TLPs."""
    return unbatched(**({"rx_ring": 9, "tx_writeback_batch": 8} | changes))


def alone_fs(frame_bytes: int, **changes: object) -> int:
    """Return the latency of one frame that finds everything idle."""
    outcome = replay(undisturbed(**changes), (1000 * US_FS, VF0, VF1, frame_bytes))
    assert outcome.delivered_frames == 1
    return outcome.deliveries[0].latency_fs


def saturate(parameters: NicParameters, frame_bytes: int, warmup: int, frames: int) -> Outcome:
    """Run VFs in pairs."""
    load = Load({port: [(port ^ 1, frame_bytes)] for port in range(2, parameters.vfs + 2)})
    return simulate(parameters, load, Stop(warmup_frames=warmup, frames=frames))


def fs_per_frame(outcome: Outcome) -> float:
    return (outcome.end_fs - outcome.start_fs) / outcome.delivered_frames


# One frame alone: doorbell, descriptor read and its completion, payload read, then what differs.
TO_PAYLOAD_FS = t_fs(28) + t_fs(24) + R_FS + t_fs(36) + t_fs(24) + R_FS
ALONE_64_FS = TO_PAYLOAD_FS + t_fs(80) + t_fs(84) + t_fs(40)
COMPLETIONS_1518_FS = t_fs(*5 * [276], 256)
WRITES_1518_FS = t_fs(*5 * [280], 260)
ALONE_1518_FS = TO_PAYLOAD_FS + COMPLETIONS_1518_FS + WRITES_1518_FS + t_fs(40)


@pytest.mark.parametrize(
    ("frame_bytes", "changes", "expected_fs"),
    [
        (64, {}, ALONE_64_FS),
        (1518, {}, ALONE_1518_FS),
        (1518, {"max_read_request_bytes": 512}, ALONE_1518_FS),  # completions outlast the further requests
        (1518, {"rx_interrupt_batch": 1}, ALONE_1518_FS + t_fs(28)),
        # The Tx write-back enters with the payload, and stands behind the interrupt.
        (1518, {"rx_interrupt_batch": 1, "tx_writeback_batch": 1}, ALONE_1518_FS + t_fs(28)),
        # So is a prefetch, which takes its turn between payload and write-back.
        (64, {"rx_ring": 17}, ALONE_64_FS + t_fs(24)),
        (1518, {"moderation_fs": US_FS}, ALONE_1518_FS + t_fs(28)),
        (1518, {"propagation_fs": 1000}, ALONE_1518_FS + 6 * 1000),  # the write-back follows its payload
        (1518, {"jitter_bins": ((7000, 1),)}, ALONE_1518_FS + 2 * 7000),
        (1518, {"store_fs_per_byte": (155_000, 1)}, ALONE_1518_FS + 155_000 * (16 + 1514)),
        (1518, {"max_pps": 3_000_000}, ALONE_1518_FS + 333_333_333),
        (1518, {"completion_cut": "rcb"}, ALONE_1518_FS - COMPLETIONS_1518_FS + t_fs(*23 * [84], 64)),
        (1518, {"buffer_offset_bytes": 64}, ALONE_1518_FS - WRITES_1518_FS + t_fs(216, *5 * [280], 68)),
        (1518, {"whole_double_words": False}, ALONE_1518_FS - t_fs(256, 260) + t_fs(254, 258)),
        # The write-back waits for its timer, which starts when the payload enters its queue.
        (
            1518,
            {"rx_writeback_batch": 8, "writeback_timeout_fs": 9 * US_FS},
            ALONE_1518_FS - WRITES_1518_FS + 9 * US_FS,
        ),
        # On demand the Rx descriptor is read when the frame is at the head of the Rx buffer.
        (64, {"rx_prefetch": 0}, TO_PAYLOAD_FS + t_fs(80) + t_fs(24) + R_FS + t_fs(36) + t_fs(84) + t_fs(40)),
        # 9014 B are 35 TLPs of 256 B and 54 B; five buffers of 2 KiB, five descriptors written back.
        (9018, {}, TO_PAYLOAD_FS + t_fs(*35 * [276], 76) + t_fs(*35 * [280], 80) + t_fs(24 + 5 * 16)),
    ],
)
def test_one_frame_alone(frame_bytes: int, changes: dict, expected_fs: int) -> None:
    assert alone_fs(frame_bytes, **changes) == expected_fs


def test_frame_alone_moves_the_bytes_of_the_table() -> None:
    outcome = replay(unbatched(), (1000 * US_FS, VF0, VF1, 64))
    prefetches = 5 + 1  # the PF and four VFs at the start, one batch to replace the descriptor taken
    assert outcome.up.tlp_bytes == prefetches * 24 + 24 + 24 + 84 + 40 + 40
    assert outcome.down.tlp_bytes == prefetches * (20 + 128) + 28 + 36 + 80 + 28
    assert outcome.up.dllp_bytes == outcome.down.dllp_bytes == 0


def test_moderation_delays_all_but_the_first() -> None:
    at = [1000 * US_FS, 1002 * US_FS, 1003 * US_FS, 1200 * US_FS]
    outcome = replay(undisturbed(moderation_fs=50 * US_FS), *((time, VF0, VF1, 64) for time in at))
    first, second, third, last = outcome.deliveries
    assert first.latency_fs == last.latency_fs == alone_fs(64, rx_interrupt_batch=1)
    entered_fs = first.delivered_at_fs - t_fs(84, 40, 28)  # with its payload and its write-back: the timer starts
    assert second.delivered_at_fs == third.delivered_at_fs == entered_fs + 50 * US_FS + t_fs(28)


def test_doorbell_waits_for_the_posts_queued() -> None:
    outcome = replay(unbatched(tx_doorbell_batch=8, frame_time_fs=US_FS), *4 * [(1000 * US_FS, VF0, VF1, 64)])
    waits = [delivery.latency_fs - delivery.latency_from_doorbell_fs for delivery in outcome.deliveries]
    assert waits == [3 * US_FS, 2 * US_FS, US_FS, 0]


def test_doorbell_rings_at_the_batch() -> None:
    outcome = replay(unbatched(tx_doorbell_batch=3, frame_time_fs=US_FS), *4 * [(1000 * US_FS, VF0, VF1, 64)])
    waits = [delivery.latency_fs - delivery.latency_from_doorbell_fs for delivery in outcome.deliveries]
    assert waits == [2 * US_FS, US_FS, 0, 0]


def test_batch_of_interrupts_shows_frames_together() -> None:
    outcome = replay(unbatched(rx_interrupt_batch=3), *((i * 10 * US_FS, VF0, VF1, 64) for i in range(1, 8)))
    times = [delivery.delivered_at_fs for delivery in outcome.deliveries]
    assert [times.count(time) for time in sorted(set(times))] == [3, 3]
    assert outcome.counts.in_flight_frames == 1


def test_group_is_read_once_and_written_for_each() -> None:
    one = replay(undisturbed(), (1000 * US_FS, VF0, VF1, 1518))
    group = replay(undisturbed(), (1000 * US_FS, VF0, (VF2, 0, VF1), 1518))
    assert (group.delivered_frames, group.wire_frames, group.counts.delivered_frames) == (2, 1, 1)
    # One more copy to a guest: its write, its write-back and its refill.
    assert group.up.tlp_bytes - one.up.tlp_bytes == 5 * 280 + 260 + 40
    assert group.down.tlp_bytes - one.down.tlp_bytes == 28
    by_port = {delivery.destination: delivery.latency_fs for delivery in group.deliveries}
    assert by_port[VF1] == ALONE_1518_FS
    # The second payload stands behind the first one's write-back.
    assert by_port[VF2] == ALONE_1518_FS + WRITES_1518_FS + t_fs(40)
    assert by_port[0] == TO_PAYLOAD_FS + COMPLETIONS_1518_FS + 1538 * 800_000


def test_frames_from_the_wire_wait_for_the_line() -> None:
    outcome = replay(undisturbed(), *2 * [(1000 * US_FS, 0, VF0, 64)])
    first, second = outcome.deliveries
    line_fs = 84 * 800_000  # 64 B, preamble and gap at 10 Gb/s
    assert first.latency_fs == second.latency_fs == t_fs(84) + t_fs(40)
    assert first.delivered_at_fs == 1000 * US_FS + line_fs + first.latency_fs
    assert second.delivered_at_fs == first.delivered_at_fs + line_fs
    assert outcome.line_wait_mean_fs == line_fs / 2
    assert first.latency_from_doorbell_fs is None


def test_wire_waits_for_the_mac() -> None:
    outcome = replay(unbatched(port_rate_bps=10**9), *2 * [(1000 * US_FS, VF0, 0, 64)])
    first, second = outcome.deliveries
    assert second.delivered_at_fs - first.delivered_at_fs == 84 * 8 * 10**6
    assert 0 < outcome.wire_wait_mean_fs < 84 * 8 * 10**6 / 2


def test_full_rx_buffer_drops_frames_from_the_wire_only() -> None:
    parameters = unbatched(rx_buffer_bytes=1600, port_rate_bps=10**11)
    outcome = replay(parameters, *20 * [(1000 * US_FS, 0, VF0, 1518)])
    assert set(outcome.drops) == {"RX_BUFFER_FULL"}
    assert outcome.delivered_frames + outcome.drops["RX_BUFFER_FULL"] == 20
    # A frame is written in 6.7 line times: of seven one is taken.
    assert outcome.delivered_frames == 3
    assert replay(parameters, *20 * [(1000 * US_FS, VF1, VF0, 1518)]).delivered_frames == 20


def test_without_descriptors_frames_drop_or_wait() -> None:
    arrivals = 20 * [(1000 * US_FS, 0, VF0, 64)]
    dropped = replay(unbatched(rx_ring=9, frame_time_fs=1000 * US_FS), *arrivals)
    assert (dropped.delivered_frames, dropped.drops) == (8, {"NO_DESCRIPTOR": 12})
    waited = replay(unbatched(rx_ring=9, frame_time_fs=1000 * US_FS, drop_enable=False), *arrivals)
    assert (waited.delivered_frames, waited.drops) == (20, {})
    assert waited.deliveries[8].delivered_at_fs > waited.deliveries[0].delivered_at_fs + 1000 * US_FS


def test_jumbo_frames_fetch_and_refill_all_their_descriptors() -> None:
    one = replay(unbatched(rx_prefetch=1, rx_fetch_batch=2), (1000 * US_FS, VF0, VF1, 9018))
    # Prefetches, two more reads for five descriptors, the Tx descriptor, payload reads and writes, two write-backs.
    assert one.up.tlps == 5 + 2 + 1 + 3 + 36 + 2
    many = replay(unbatched(rx_ring=17, drop_enable=False), *20 * [(1000 * US_FS, VF0, VF1, 9018)])
    assert many.delivered_frames == 20


def test_full_tx_ring_drops_or_waits() -> None:
    arrivals = 10 * [(1000 * US_FS, VF0, VF1, 64)]
    dropped = replay(unbatched(tx_ring=5), *arrivals, on_full="drop")
    assert (dropped.delivered_frames, dropped.drops) == (4, {"TX_RING_FULL": 6})
    assert replay(unbatched(tx_ring=5), *arrivals).delivered_frames == 10


@pytest.mark.parametrize("arbitration", ["round_robin", "reads_first", "writes_first", "arrival"])
@pytest.mark.parametrize("jitter_bins", [(), ((0, 1), (3 * US_FS, 1), (US_FS, 1))])
def test_everything_comes_out_and_in_order(arbitration: str, jitter_bins: tuple) -> None:
    rng = random.Random(4)
    times = sorted(rng.randrange(300 * US_FS) for _ in range(400))
    targets = [0, VF0, VF1, VF2, (0, VF1, VF2), (VF0, VF2)]
    arrivals = [
        (time, rng.choice([1, 5]), rng.choice(targets), rng.choice([64, 570, 1518, 4000])) for time in times[:300]
    ]
    arrivals = sorted(arrivals + [(time, 0, VF0, 64) for time in times[300:]])
    parameters = batched(
        vfs=4,
        arbitration=arbitration,
        jitter_bins=jitter_bins,
        dllp_period_tlps=4,
        writeback_timeout_fs=20 * US_FS,
        moderation_fs=30 * US_FS,
        tx_interrupt_batch=0,
        tx_buffer_bytes=8000,
        rx_buffer_bytes=9000,
        posted_header_credits=4,
        posted_data_credits=64,
        read_header_credits=2,
        completion_header_credits=8,
        completion_data_credits=32,
        write_drain_fs_per_byte=(600_000, 1),
        propagation_fs=5_000_000,
        tags=8,
    )
    outcome = replay(parameters, *arrivals)
    counts = outcome.counts
    assert set(outcome.drops) <= {"RX_BUFFER_FULL"}
    assert counts.offered_frames == 400 == counts.delivered_frames + counts.dropped_frames
    assert counts.copies_made == counts.copies_delivered + counts.copies_dropped
    assert (counts.in_flight_frames, counts.copies_in_flight) == (0, 0)
    assert (counts.tx_buffer_bytes, counts.rx_buffer_bytes, counts.free_tags) == (0, 0, 8)
    last_of: dict[tuple[int, int], int] = {}
    for delivery in outcome.deliveries:
        flow = arrivals[delivery.frame_index][1], delivery.destination
        assert last_of.get(flow, -1) < delivery.frame_index
        last_of[flow] = delivery.frame_index
    assert outcome.mean_latency_fs == sum(d.latency_fs for d in outcome.deliveries) / len(outcome.deliveries)


def test_window_takes_what_is_delivered_in_it() -> None:
    arrivals = [Arrival(i * 10 * US_FS, VF0, VF1, 64) for i in range(1, 11)]
    every = simulate(unbatched(), Load(arrivals=arrivals), Stop(keep_deliveries=True)).deliveries
    start_fs, end_fs = every[2].delivered_at_fs, every[6].delivered_at_fs
    by_time = simulate(unbatched(), Load(arrivals=arrivals), Stop(start_fs, end_fs, keep_deliveries=True))
    by_number = simulate(unbatched(), Load(arrivals=arrivals), Stop(warmup_frames=3, frames=4, keep_deliveries=True))
    assert by_time == by_number
    assert by_time.deliveries == every[3:7]
    # Per frame up: two reads, payload, both write-backs, one batch of Rx descriptors in every eight frames.
    assert by_time.up.busy * (end_fs - start_fs) == pytest.approx(4 * t_fs(24, 24, 84, 40, 40), rel=0.03)


# Saturated, against closed forms.
SMALL_BUFFERS = {"tx_buffer_bytes": 32 * 1024, "rx_buffer_bytes": 64 * 1024}


@pytest.mark.slow
@pytest.mark.a_third_by_day
@pytest.mark.parametrize(
    ("changes", "gbps"),
    [
        ({}, 13.39),
        ({"max_payload_bytes": 128}, 12.25),
        (
            dict.fromkeys(
                (
                    *("fetch_batch", "rx_fetch_batch", "tx_writeback_batch", "rx_writeback_batch"),
                    *("tx_doorbell_batch", "refill_batch", "rx_interrupt_batch", "tx_interrupt_batch"),
                ),
                1,
            ),
            12.38,
        ),
    ],
)
def test_published_configuration(changes: dict, gbps: float) -> None:
    # Small buffers are full after fewer frames; the rate holds only then.
    parameters = NicParameters(GEN2_X4, dllp_period_tlps=4, **SMALL_BUFFERS, **changes)
    # Frames become visible eight at a time, for eight guests in turn: the window holds whole rounds of 64.
    outcome = saturate(parameters, 1518, 1600, 1600)
    assert outcome.gbps == pytest.approx(gbps, rel=0.0005)
    assert outcome.up.busy == pytest.approx(1.0, abs=1e-6)


def test_dllps_follow_the_tlps_of_the_other_direction() -> None:
    outcome = saturate(batched(dllp_period_tlps=4), 1518, 0, 200)
    assert outcome.up.dllp_bytes == pytest.approx(16 * (outcome.down.tlps // 4), abs=32)
    assert outcome.down.dllp_bytes == pytest.approx(16 * (outcome.up.tlps // 4), abs=32)


def test_rate_of_one_tag() -> None:
    # Writes would delay the one read under way by a TLP now and then.
    outcome = saturate(batched(tags=1, read_latency_fs=5 * US_FS, arbitration="reads_first"), 260, 400, 800)
    eight_frames_fs = 8 * (t_fs(24, 276) + 5 * US_FS) + 2 * (t_fs(24, 148) + 5 * US_FS)
    assert fs_per_frame(outcome) == pytest.approx(eight_frames_fs / 8, rel=0.005)


@pytest.mark.parametrize(
    ("credit", "tlps_of_eight_frames"),
    [
        # Payload, two write-backs, two interrupts; the reads; the completions.
        ("posted_header_credits", 8 * [280] + 2 * [152] + 2 * [28]),
        ("read_header_credits", 10 * [24]),
        ("completion_header_credits", 8 * [276] + 2 * [148]),
    ],
)
def test_rate_of_one_credit(credit: str, tlps_of_eight_frames: list) -> None:
    # Prefetch and few tags, or Rx descriptors come too late through the queue of reads.
    parameters = batched(credit_return_fs=US_FS, rx_prefetch=32, tags=8, **{credit: 1})
    outcome = saturate(parameters, 260, 800, 800)
    eight_frames_fs = sum(t_fs(tlp) + US_FS for tlp in tlps_of_eight_frames)
    assert fs_per_frame(outcome) == pytest.approx(eight_frames_fs / 8, rel=0.005)


def test_rate_of_the_write_drain() -> None:
    outcome = saturate(batched(posted_data_credits=64, write_drain_fs_per_byte=(5_000_000, 1)), 260, 800, 800)
    assert fs_per_frame(outcome) == pytest.approx(5_000_000 * (8 * 256 + 2 * 128 + 2 * 4) / 8, rel=0.005)


def test_rate_of_the_pipeline_and_of_a_core() -> None:
    pipeline = saturate(batched(max_pps=1_000_000), 64, 600, 1000)
    assert pipeline.mpps == pytest.approx(1.0, rel=0.01)
    core = saturate(batched(cores=1, frame_time_fs=2 * US_FS), 64, 600, 1000)
    assert fs_per_frame(core) == pytest.approx(4 * US_FS, rel=0.01)  # each frame is posted and taken there


def test_rate_of_the_wire() -> None:
    load = Load({port: [(0, 1518)] for port in (VF0, VF1)})
    outcome = simulate(batched(), load, Stop(warmup_frames=300, frames=500))
    assert (outcome.wire_frames, outcome.delivered_frames) == (500, 0)
    assert outcome.end_fs - outcome.start_fs == 500 * 1538 * 800_000


def test_recorded_cycle_and_round_robin() -> None:
    load = Load({VF0: [(0, 64), (0, 570), (0, 64)], VF1: [(0, 64)], VF2: [(0, 64)]})
    outcome = simulate(batched(vfs=3), load, Stop(warmup_frames=1200, frames=900, keep_deliveries=True))
    assert outcome.wire_bytes == 100 * (698 + 6 * 64)


def test_same_instant_start_is_repeatable() -> None:
    parameters = batched(vfs=8, dllp_period_tlps=4)
    assert saturate(parameters, 64, 100, 500) == saturate(parameters, 64, 100, 500)
