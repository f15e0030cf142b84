"""Public reports beside the model: what each claims holds, and docs/reports.md has them all as they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from benches.report_cases import FUNCTIONS, NOT_EXPRESSED, REPORTS, SWITCHING, Point, Report
from benches.report_figures import LIMIT, WIRE_MPPS
from benches.reports import HEADS, modelled, reported_text

pytestmark = pytest.mark.strict_devices

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reports.md"
# Of those that need longer runs: which take a second or two.
FAST = ("One Tx queue of an 82599", "A kernel's sender on one core", "A queue that nobody refills",
        "Pause, and no counter that shows it", "Flow Director's table is full")  # fmt: skip
QUICK = [*SWITCHING, *FUNCTIONS, *(one for one in REPORTS if one.name in FAST)]


def name_of(report: Report) -> str:
    return report.name


@pytest.mark.parametrize("report", QUICK, ids=name_of)
def test_the_model_says_what_was_reported_or_is_said_not_to(report: Report) -> None:
    for point in report.points:
        assert point.holds(modelled(report, point)) == point.fits, point.case


@pytest.mark.nightly
@pytest.mark.parametrize("report", [one for one in REPORTS if one not in QUICK], ids=name_of)
def test_longer_runs_say_it_too(report: Report) -> None:
    for point in report.points:
        assert point.holds(modelled(report, point)) == point.fits, point.case


def test_fifteen_reports_and_more_fit_whole_and_the_others_say_why() -> None:
    assert sum(report.fits for report in REPORTS) >= 15
    assert all(report.fits or report.why for report in REPORTS)
    names = [report.name for report in REPORTS]
    assert len({*names, *(name for name, *_ in NOT_EXPRESSED)}) == len(names) + len(NOT_EXPRESSED)


def test_a_size_has_a_tenth_a_direction_nothing_a_word_itself() -> None:
    size = Point("", WIRE_MPPS, (10.0, 20.0))
    assert [size.holds(value) for value in (8.9, 9.1, 15.0, 21.9, 22.1)] == [False, True, True, True, False]
    assert [size.off(value) for value in (9.0, 15.0, 22.0)] == pytest.approx([-0.1, 0.0, 0.1])
    assert Point("", WIRE_MPPS, 3.0).off(3.3) == pytest.approx(0.1) and not Point("", WIRE_MPPS, 3.0).holds(3.4)
    direction = Point("", WIRE_MPPS, (0.0, 13.4), said="slower")
    assert [direction.holds(value) for value in (0.0, 13.4, 13.5)] == [True, True, False]
    assert direction.off(14.0) is None and reported_text(direction) == "slower"
    word = Point("", LIMIT, "pcie.up")
    assert [word.holds(value) for value in ("pcie.up", "wire.rx", 0.0)] == [True, False, False]


# ---- The page ----


def sections() -> dict[str, str]:
    """Return the text below each report's heading."""
    _, *parts = re.split(r"^### ", PAGE.read_text(encoding="utf-8"), flags=re.M)
    return {part.partition("\n")[0]: part for part in parts}


@pytest.mark.parametrize("report", REPORTS, ids=name_of)
def test_the_page_has_each_report_with_its_configuration_and_what_fits(report: Report) -> None:
    text = sections()[report.name]
    assert report.places in text and report.says in text and report.why in text
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in text.splitlines() if "fit" in line]
    verdict = HEADS.index("verdict")
    rows = [row for row in rows if len(row) > verdict and row[verdict] in ("fits", "does not fit")]
    assert [(row[0], row[2], row[verdict] == "fits") for row in rows] == [
        (point.case, reported_text(point), point.fits) for point in report.points
    ]
    written = yaml.safe_load(re.search(r"```yaml\n(.*?)```", text, re.S)[1])
    assert written == report.base


def test_the_page_has_what_cannot_be_expressed() -> None:
    text = PAGE.read_text(encoding="utf-8").partition("## What the model cannot express")[2]
    assert all(all(cell in text for cell in row) for row in NOT_EXPRESSED)
