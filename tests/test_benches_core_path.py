"""The yardstick delivers what it must, as a sum by hand, an earlier implementation and the interpreter have it."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from benches.core_path import run_core_path

ROOT = Path(__file__).resolve().parent.parent
IMIX = [64] * 7 + [570] * 4 + [1518]


def figures(run):
    return {name: value for name, value in asdict(run).items() if name != "wall_s"}


# Flight 100 ns each way, 64 ps a byte, 24 B a TLP; memory 4 ns, then 200 ns.
DOORBELL_PS = 28 * 64 + 100_000
DESCRIPTOR_PS = (24 * 64 + 100_000) + 204_000 + (40 * 64 + 100_000)


def test_a_short_frame_alone():
    read_ps = (24 * 64 + 100_000) + 204_000 + (88 * 64 + 100_000)
    switch_ps = 4_000 + 2_000 + 50_000
    write_ps = (88 + 40 + 40 + 28) * 64 + 100_000
    latency_ps = DOORBELL_PS + DESCRIPTOR_PS + read_ps + switch_ps + DESCRIPTOR_PS + write_ps
    assert run_core_path([64], 1).latency_sum_ps == latency_ps == 1_497_696


def test_a_long_frame_alone():
    # The first of three requests is the one that counts: its completions keep the link busy until the others' are read.
    read_ps = (24 * 64 + 100_000) + 204_000 + (5 * 280 + 262) * 64 + 100_000
    switch_ps = 4_000 + 24 * 2_000 + 50_000
    write_ps = (5 * 280 + 262 + 40 + 40 + 28) * 64 + 100_000
    latency_ps = DOORBELL_PS + DESCRIPTOR_PS + read_ps + switch_ps + DESCRIPTOR_PS + write_ps
    assert run_core_path([1518], 1).latency_sum_ps == latency_ps == 1_745_168


@pytest.mark.parametrize(
    ("frame_bytes", "events", "end_ps", "latency_sum_ps"),
    [(64, 17_000_116, 19_900_274_544, 2_498_907_525_600), (1500, 31_000_126, 179_285_435_776, 22_899_148_144_256)],
)
def test_an_earlier_implementation_gave_the_same(frame_bytes, events, end_ps, latency_sum_ps):
    run = run_core_path([frame_bytes], 1_000_000)
    assert (run.events, run.end_ps, run.latency_sum_ps) == (events, end_ps, latency_sum_ps)


@pytest.mark.parametrize(("frame_bytes", "events"), [(64, 17), (256, 17), (1281, 31), (1518, 31), (1536, 31)])
def test_events_of_a_frame(frame_bytes, events):
    first, second = run_core_path([frame_bytes], 1000), run_core_path([frame_bytes], 11_000)
    assert (second.events - first.events) / 10_000 == pytest.approx(events, rel=0.005)


@pytest.mark.parametrize("lengths", [[64], [1518], IMIX])
def test_all_frames_are_delivered_within_the_links_rate(lengths):
    run = run_core_path(lengths, 20_000)
    assert run.frames == 20_000
    assert run.frame_bytes / run.frames == pytest.approx(sum(lengths) / len(lengths), rel=0.02)
    # Up: three read requests at least, payload, two write-backs, an interrupt.
    assert run.end_ps > (20_000 * (3 * 24 + 24 + 40 + 40 + 28) + run.frame_bytes) * 64
    assert run.wall_s > 0


@pytest.mark.parametrize("lengths", [[64], IMIX])
def test_runs_agree_bit_for_bit(lengths):
    assert figures(run_core_path(lengths, 5000)) == figures(run_core_path(lengths, 5000))


def test_the_interpreter_gives_the_same():
    code = (
        "import json, dataclasses; from benches.core_path import run_core_path;"
        f"print(json.dumps(dataclasses.asdict(run_core_path({IMIX}, 300))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    interpreted = json.loads(done.stdout)
    del interpreted["wall_s"]
    assert interpreted == figures(run_core_path(IMIX, 300))


@pytest.mark.parametrize("lengths", [[], [0], [1537], [64] * 17])
def test_lengths_out_of_range_are_refused(lengths):
    with pytest.raises(ValueError, match="1 to 16 lengths of 1 B to 1536 B"):
        run_core_path(lengths, 1)
