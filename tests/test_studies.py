"""Studies and the VM-to-VM table: files load, pages are current, sentences follow from the data."""

from __future__ import annotations

from random import Random
from xml.etree import ElementTree

import pytest

from benches import sweep_rows
from benches.markdown import markdown_table, with_interval
from benches.studies.fairness import closed_jain, fair_shares, jain_of
from benches.studies.index import INDEX, STUDIES, index_page, page_path
from benches.studies.latency import falls, knee_load
from benches.studies.link import credits_found, iotlb_found, tags_found
from benches.studies.loss import BUFFERS, fluid_loss, lossless
from benches.studies.page import study_page
from benches.studies.study import knee, listed, number
from benches.studies.throughput import batches_found, lanes_found
from benches.sweep_rows import ROOT, Row, config_of, plan_of, read_rows, spread_numbers, stale_rows, write_rows
from benches.vm_to_vm import notes
from benches.vm_to_vm.page import ADAPTER, DRIVERS, PAGE, page
from benches.vm_to_vm.published import GEN2_X4, GEN2_X8, GEN3_X4, GEN3_X8, SOURCES, published, published_text
from hwmodel.config import shipped_studies
from hwmodel.config.document import read_document

pytestmark = pytest.mark.real_clocks  # as the commands that wrote the figures have them

SWEEPS = [one.name for one in shipped_studies() if "target" not in read_document(one.path).data]
# Runs of which the figures are made anew here: cheap ones, of each link, of several sizes and numbers of VMs.
SAMPLE = {ADAPTER: (24, 85, 175, 218), DRIVERS: (3, 60, 88)}


def row(number=0, figures=None, **axes):
    """Return a row; `_` in the names of axes stands for what they are called."""
    return Row(number, axes, figures or {})


# ---- Files ----


def test_every_sweep_has_a_page():
    assert sorted(SWEEPS) == sorted([*STUDIES, ADAPTER, DRIVERS])


@pytest.mark.parametrize("name", SWEEPS)
def test_all_points_are_configurations(name):
    plan = plan_of(name)
    assert plan.doubtful == ()
    for number_ in range(0, len(plan.points), 1 if len(plan.points) < 50 else 7):
        found = plan.base.examine(plan.changes_of(number_))
        assert not found.problems and not found.contradictions


# ---- Pages ----


@pytest.mark.parametrize("name", STUDIES)
def test_a_page_is_what_its_csv_gives(name):
    rows = read_rows(name)
    assert [row.number for row in rows] == list(range(len(plan_of(name).points)))
    text = page_path(STUDIES[name]).read_text(encoding="utf-8")
    assert text == study_page(STUDIES[name], rows), f"write it anew: python -m benches.studies {name} --page"
    changed = [
        Row(one.number, one.axes, {**one.figures, "totals.gbps": 1.0, "totals.dropped_frames": 1}) for one in rows
    ]
    assert text != study_page(STUDIES[name], [*rows[:-1], changed[-1]]) or name in {"latency", "fairness"}


def test_the_pages_of_all_are_what_the_csv_files_give():
    assert INDEX.read_text(encoding="utf-8") == index_page(), "write it anew: python -m benches.studies --page"
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(), "write it anew: python -m benches.vm_to_vm --page"
    assert notes.UNEXPLAINED not in text


@pytest.mark.a_third_by_day
@pytest.mark.parametrize("name", SWEEPS)
def test_runs_made_again_have_the_same_figures(name):
    assert stale_rows(name, SAMPLE.get(name, (1,))) == []


def test_a_figure_that_differs_is_told(tmp_path, monkeypatch):
    rows = read_rows("tags")
    monkeypatch.setattr(sweep_rows, "DATA", tmp_path)
    write_rows("tags", rows)
    assert read_rows("tags") == rows
    rows[0].figures["totals.gbps"] += 1e-9
    write_rows("tags", rows)
    (line,) = stale_rows("tags", [0])
    assert line.startswith("tags: run 0: totals.gbps is ")
    write_rows("tags", rows[:-1])
    assert stale_rows("tags", [0]) == ["tags: the CSV has 35 rows for 36 points"]


def test_pictures_are_one_line_of_svg_each():
    for name in ["vm_to_vm", *(f"study_{name}" for name in STUDIES)]:
        text = (ROOT / "docs" / "pictures" / f"{name}.svg").read_text(encoding="utf-8")
        assert text.count("\n") == 1 and ElementTree.fromstring(text).tag.endswith("svg")


def test_a_sample_meets_all_values():
    assert spread_numbers(10, 10) == list(range(10))
    for n_rows, n_wanted in ((224, 20), (96, 20), (36, 3)):
        numbers = spread_numbers(n_rows, n_wanted)
        assert 1 <= len(numbers) <= n_wanted + 1 and max(numbers) < n_rows
    assert {number_ % 7 for number_ in spread_numbers(224, 20)} == set(range(7))


# ---- The table ----


def test_every_cell_holds_the_closed_form_or_is_explained():
    for name in (ADAPTER, DRIVERS):
        for one in read_rows(name):
            assert one["totals.dropped_frames"] == 0
            if not notes.is_within(one):
                cause = notes.cause_of(one, config_of(name, one.number))
                assert cause.gbps is not None
                assert one["intervals.totals.gbps.low"] <= cause.gbps <= one["intervals.totals.gbps.high"]


@pytest.mark.parametrize(
    ("link", "frame_bytes", "gbps"),
    # usable Gb/s * 8 * (frame with FCS) / (8 * bytes up), by the arithmetic of docs/pcie.md in batches of 8
    [(GEN2_X4, 1518, 13.391), (GEN2_X8, 1518, 26.783), (GEN3_X8, 1518, 52.736), (GEN3_X8, 64, 24.376)],
)
def test_the_table_has_the_figures_of_a_pocket_calculator(link, frame_bytes, gbps):
    found = [
        one["totals.gbps"]
        for one in read_rows(ADAPTER)
        if (one["pcie.generation"], one["pcie.lanes"], one["workload.frame_bytes"]) == (*link, frame_bytes)
        and one["nic.vfs"] >= 4
    ]
    assert len(found) == 5 and found == pytest.approx([gbps] * 5, rel=1e-4)


def test_a_queue_alone_passes_a_frame_in_78_ns():
    (one,) = (
        one
        for one in read_rows(ADAPTER)
        if (one["pcie.generation"], one["pcie.lanes"], one["workload.frame_bytes"]) == (*GEN3_X8, 128)
        and one["workload.pattern"] == "flows"
    )
    assert one["totals.gbps"] == pytest.approx(128 * 8 / 78, rel=1e-4)


def cell_outside(**figures):
    up = dict.fromkeys(notes.FIGURES, 0.0) | {"pcie.up.per_frame.payload": 600.0, "pcie.up.per_frame.writeback": 80.0}
    ends = {"intervals.totals.gbps.low": 11.99, "intervals.totals.gbps.high": 12.01}
    usual = {"closed_form.gbps": 12.5, "closed_form.limited_by": "up", "bottleneck.resource": "pcie.up"}
    return row(figures={**up, **ends, **usual, **figures})


def test_a_cell_is_explained_by_what_the_run_counted_alone(monkeypatch):
    config = config_of(DRIVERS, 3)
    assumed = {"payload": 600.0, "writeback": 52.8}
    monkeypatch.setattr(notes, "_assumed", lambda _: assumed)
    cause = notes.cause_of(cell_outside(), config)
    assert cause.gbps == pytest.approx(12.5 * 652.8 / 680)  # 12.0
    assert cause.words == "write-backs take 80.00 B a frame and not 52.80 B: 680.00 B up in all, not 652.80 B"
    assumed["writeback"] = 79.0
    assert notes.cause_of(cell_outside(), config).words == notes.UNEXPLAINED
    assert notes.cause_of(cell_outside(**{"bottleneck.resource": "nic.queue"}), config).gbps is None


def test_interrupts_are_an_explanation_where_cores_limit():
    config = config_of(DRIVERS, 3)  # kernel: 1 us for an interrupt; 64 B, eight cores
    frame_ns = 8 * 64 * 8 / 2.0
    fifty_ns = {
        "bottleneck.resource": "driver.tx", "closed_form.limited_by": "driver.tx", "closed_form.gbps": 2.0,
        "pcie.up.per_frame.interrupt": 28 * 0.05,
    }  # fmt: skip
    gbps = 2.0 * frame_ns / (frame_ns + 50)
    ends = {"intervals.totals.gbps.low": gbps - 1e-6, "intervals.totals.gbps.high": gbps + 1e-6}
    cause = notes.cause_of(cell_outside(**fifty_ns, **ends), config)
    assert cause.gbps == pytest.approx(gbps)
    assert cause.words.startswith(
        "an interrupt for each 20 frames, which takes 50.0 ns of a core a frame beside 2,048 ns"
    )


def test_published_figures_stand_where_they_belong():
    assert {one.source for one in published()} == set(SOURCES)
    assert published_text(GEN3_X4, 64) == published_text(GEN3_X4, None) == published_text(GEN3_X8, 9018) == ""
    assert published_text(GEN2_X4, 1518) == "11.52 / 12.02 / 12.22 (b)"
    assert published_text(GEN3_X8, 64) == "23.08 (a), 12.58 / 17.63 / 20.65 (b)"
    assert published_text(GEN2_X8, 64) == "6.1 to 6.7 (c)"


# ---- Sentences ----


def test_a_knee_is_where_the_rest_is_within_a_share():
    assert knee([1, 2, 4, 8], [10, 50, 96, 100]) == 4
    assert knee([1, 2, 4, 8], [10, 99, 90, 100]) == 8  # it falls below again
    assert knee([1, 2], [5, 5]) == 1
    assert knee([1, 2, 4], [50, 60, 100], 0.5) == 1


def test_lanes_that_free_the_link():
    def cells(size, gbps_and_limits):
        return [
            row(
                figures={"totals.gbps": gbps, "bottleneck.resource": limit},
                **{"pcie.lanes": 2**at, "workload.frame_bytes": size},
            )
            for at, (gbps, limit) in enumerate(gbps_and_limits)
        ]

    short = cells(64, [(5.12, "pcie.up"), (6.4, "nic.pipeline"), (6.4, "nic.pipeline")])
    long = cells(1518, [(5, "pcie.up"), (10, "pcie.down"), (20, "pcie.up")])
    assert lanes_found([*short, *long]) == (
        "The knee, from which on `nic.pipeline` limits and not the link, is at x2 at 64 B (6.4 Gb/s, 12 Mpps); "
        "at 1,518 B "
        "the link limits up to x4."
    )
    assert lanes_found(long) == "The link limits everywhere, up to x4."


def test_batches_and_their_gain():
    rows = [
        row(figures={"totals.gbps": gbps}, **{"nic.fetch_batch": batch, "workload.frame_bytes": 64})
        for batch, gbps in ((1, 4.0), (2, 6.0), (4, 7.9), (8, 8.0))
    ]
    assert "from a batch of 4 at 64 B, where batches give up to 100 %" in batches_found(rows)


def test_tags_credits_and_entries():
    def line(key, figures, **axes):
        return [row(figures=one, **{key: value}, **axes) for value, one in figures.items()]

    tags = {tags: {"bottleneck.resource": "pcie.tags" if tags < 8 else "pcie.up"} for tags in (2, 4, 8)}
    axes = {"workload.frame_bytes": 64, "host.read_latency": "450ns"}
    assert (
        tags_found(line("pcie.tags", tags, **axes)) == "The link and not its tags limits from 8 (64 B, 450ns) tags on."
    )
    credits = {ph: {"totals.gbps": gbps} for ph, gbps in ((1, 10.0), (2, 19.8), (4, 20.0))}
    assert "take 2 where they return in 200ns" in credits_found(
        line("pcie.credits.ph", credits, **{"pcie.credits.return": "200ns"})
    )
    entries = {n: {"totals.gbps": gbps} for n, gbps in ((16, 5.0), (32, 10.0), (64, 10.0))}
    assert iotlb_found(line("host.iotlb.entries", entries, **{"nic.vfs": 4})) == (
        "The cache reaches with 32 entries for 4 VMs, 8 to 8 a VM; below, page walks limit, down to 5.0 of 10.0 Gb/s."
    )


def test_buffers_that_lose_nothing():
    def line(burst, dropped):
        return [
            row(figures={"totals.dropped_frames": n}, **{"workload.external.mean_burst": burst, "nic.rx_buffer": size})
            for size, n in zip(("8KiB", "16KiB", "1MiB"), dropped, strict=True)
        ]

    found = lossless([*line(16, (5, 0, 0)), *line(64, (0, 3, 0)), *line(256, (9, 5, 1))], BUFFERS)
    assert found == {16: "16KiB", 64: "1MiB", 256: None}


def latency_rows(p50_us, p999_us):
    return [
        row(
            figures={"latency_to_guest_ns.p50": 1e3 * p50, "latency_to_guest_ns.p999": 1e3 * p999},
            **{"workload.load": f"{load}% of ceiling", "driver.preset": "dpdk"},
        )
        for load, p50, p999 in zip((10, 50, 70, 90), p50_us, p999_us, strict=True)
    ]


def test_the_knee_and_the_fall_of_a_latency():
    rows = latency_rows((1, 2, 3, 9), (5, 10, 20, 21))
    assert knee_load(rows) == 70 and falls(rows) is None
    assert knee_load(latency_rows((1, 2, 3, 9), (5, 10, 20.1, 11))) == 50
    top, low = falls(latency_rows((3, 8, 4, 5), (1, 1, 1, 1)))
    assert (number(top["workload.load"]), number(low["workload.load"])) == (50, 70)


def test_the_fluid_against_bursts_that_are_drawn():
    peak, mean, capacity, mean_on = 10.0, 4.0, 7.0, 1.0
    draw = Random(7)
    for buffer in (0.5, 3.0, 8.0):
        stored = lost = came = 0.0
        for _ in range(200_000):
            on = draw.expovariate(1 / mean_on)
            stored += on * (peak - capacity)
            lost += max(0.0, stored - buffer)
            came += on * peak
            stored = max(0.0, min(stored, buffer) - draw.expovariate(1 / (mean_on * (peak / mean - 1))) * capacity)
        assert fluid_loss(peak, mean, capacity, mean_on, buffer) == pytest.approx(lost / came, rel=0.05)


def test_turns_fill_a_capacity_from_below():
    # Demands 1/8, 1/4, 1/2 and 1 of a capacity of 1.5 / 1.875 each: the two small whole, the others 0.5625 / 1.5 each.
    weights, load = [1, 2, 4, 8], 1.25
    demands = [load * weight / 15 for weight in weights]
    low, high = 0.0, 1.0
    for _ in range(60):  # the level at which all that is let through is the capacity
        level = (low + high) / 2
        low, high = (level, high) if sum(min(level, demand) for demand in demands) < 1 else (low, level)
    assert fair_shares(weights, load) == pytest.approx([min(low, demand) / demand for demand in demands])
    assert fair_shares(weights, 0.9) == [1.0] * 4
    assert jain_of([1, 1, 0, 0]) == 0.5
    assert closed_jain(row(**{"workload.zipf": 0, "workload.load": "500% of ceiling"})) == pytest.approx(1)


# ---- Text ----


def test_figures_with_their_interval():
    assert with_interval(13.3913, 13.3888, 13.3938) == "13.391 ± 0.003"
    assert with_interval(13.3913, 13.3912, 13.3914) == "13.391 ± <0.001"
    assert with_interval(2.0, None, None, 1) == "2.0"
    assert listed(["a"]) == "a" and listed(["a", "b", "c"]) == "a, b and c"
    with pytest.raises(ValueError, match="2 cells"):
        markdown_table(["a"], [["1", "2"]])
    assert markdown_table(["a", "b"], [["x|y", "2"]]) == ["| a | b |", "| :--- | ---: |", "| x\\|y | 2 |"]
