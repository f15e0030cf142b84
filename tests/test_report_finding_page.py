"""The pages of `hwmodel size` and `hwmodel search`: the answer, pictures of what was tried, how to make it again."""

from __future__ import annotations

import base64
import html
import re
import shlex
from itertools import pairwise

import pytest
import yaml

from hwmodel.cli.arguments import build_parser
from hwmodel.report import render_search_page, render_sizing_page
from hwmodel.report.finding_page import cost_figure, latency_figure, loss_figure
from hwmodel.results import Choice, KnobStep, Latency, LoadSearch, LoadTrial, SizingResult, TargetFigure
from hwmodel.results.search_text import search_sentence

CONFIG = {"nic": {"preset": "82599", "vfs": 4}, "workload": {"pattern": "pairs", "frame_bytes": 64, "load": "saturate"}}


def trial(share, loss, p50_ns):
    latency = Latency(min=p50_ns, mean=p50_ns, p50=p50_ns, p99=3 * p50_ns, p999=5 * p50_ns, max=9 * p50_ns, count=9999)
    return LoadTrial(
        share=share, offered_mpps=share, delivered_mpps=share, gbps=8 * share, loss=loss, latency_ns=latency
    )


def searched(**changes):
    curve = (trial(0.5, 0.0, 1e3), trial(0.9, 0.0, 2e3), trial(1.1, 0.09, 9e4))
    given = {"kind": "loss_curve", "reference_mpps": 1.0, "simulations": 3, "curve": curve, "config": CONFIG}
    return LoadSearch(**{**given, "model_version": "0.1.0+abc", "asked": {"loads": "50%,90%"}, **changes})


def choice(cost, margin, is_met, lanes):
    targets = (
        TargetFigure(metric="gbps", bound=10.0, figure=10 * (1 + margin), margin=margin, is_met=is_met),
        TargetFigure(metric="loss", bound=0.0, figure=0.0, margin=0.0, is_met=True),
    )
    return Choice(knobs={"pcie.lanes": lanes}, cost=cost, is_met=is_met, source="simulation", targets=targets, seeds=3)


def sized(**changes):
    best = choice(16.0, 0.2, True, 4)
    steps = (
        KnobStep(knob="pcie.lanes", change="more", value=8, choice=choice(32.0, 1.4, True, 8)),
        KnobStep(knob="pcie.lanes", change="less", value=2, choice=choice(8.0, -0.4, False, 2)),
    )
    given = {
        "best": best.knobs, "cost": 16.0, "runner_up": None, "margin": 0.2, "simulations": 5, "confidence": 0.99,
        "is_cheapest": True, "n_candidates": 3, "n_ruled_out_by_closed_form": 0, "n_ruled_out_by_simulation": 1,
        "n_invalid": 0, "n_untested": 0, "n_closed_forms": 3, "answer": best, "steps": steps, "config": CONFIG,
        "source": {"base": CONFIG, "target": {"gbps": 10}, "knobs": {"pcie.lanes": [2, 4, 8]}},
        "model_version": "0.1.0+abc",
    }  # fmt: skip
    return SizingResult(**{**given, **changes})


def command_of(page):
    return shlex.split(html.unescape(re.search(r'<pre class="command">(.*?)</pre>', page)[1]))


def file_of(page):
    return yaml.safe_load(base64.b64decode(re.search(r"application/yaml;charset=utf-8;base64,([^\"]+)", page)[1]))


@pytest.mark.parametrize(
    "render",
    [lambda: render_search_page(searched(), "c.yaml, run.seed=2"), lambda: render_sizing_page(sized(), "s.yaml")],
)
def test_a_page_says_with_what_it_was_made_and_what_it_assumes(render):
    page = render()
    assert "0.1.0+abc" in page.replace("<wbr>", "") and "<h2>Assumptions</h2>" in page
    assert "A link carries whole TLPs" in page
    arguments = build_parser().parse_args(command_of(page)[1:])
    assert arguments.report.endswith(".html")
    assert "src=" not in page and "http" not in page.replace("http-equiv", "")


def test_the_file_of_a_search_is_its_configuration_and_the_command_has_what_was_asked():
    page = render_search_page(searched(), "c.yaml, run.seed=2")
    assert file_of(page) == CONFIG
    words = command_of(page)
    assert words[:3] == ["hwmodel", "search", "c.yaml"]
    assert "--loads=50%,90%" in words and words[words.index("--kind") + 1] == "loss_curve"
    assert html.escape(search_sentence(searched())).replace("&#x27;", "&#39;") in page


def test_the_file_of_a_sizing_has_its_base_inside():
    page = render_sizing_page(sized(), "s.yaml")
    assert file_of(page) == sized().source
    assert "pcie.lanes 4: cost 16, the cheapest that meets the target" in page


def test_the_pictures_show_what_was_tried():
    assert "load, % of the closed form" in loss_figure(searched().curve)
    latency = latency_figure(searched().curve)
    assert all(f">{name}</text>" in latency for name in ("p50", "p99", "p99.9"))
    assert loss_figure(searched().curve[:1]) == "" and latency_figure(()) == ""
    drawn = cost_figure(sized())
    assert ">meets</text>" in drawn and ">misses</text>" in drawn and ">the answer</text>" in drawn
    assert cost_figure(sized(steps=())) == ""


def test_a_sizing_that_nothing_meets_names_what_comes_nearest():
    missed = choice(8.0, -0.4, False, 2)
    page = render_sizing_page(sized(best=None, cost=None, answer=None, nearest=missed, config=None, steps=()), "s.yaml")
    assert "None of 3 configurations meets the target" in page
    assert "So in the base; what varies is below." in page


def test_a_burst_has_a_page_without_loads():
    found = searched(kind="back_to_back", curve=(), burst_frames=9, interval_burst=(9, 10), burst_mpps=1.0, asked={})
    page = render_search_page(found, "c.yaml")
    assert "A burst of 9 frames" in page and "<h2>The loads</h2>" not in page


@pytest.mark.parametrize("figure", [loss_figure, latency_figure])
@pytest.mark.parametrize("shares", [(0.998, 1.002), (0.9, 0.951), (0.1, 1.0), (0.9998, 1.0002)])
def test_the_ticks_of_loads_do_not_touch(figure, shares):
    drawn = figure([trial(share, at / 100, 1e4 * (1 + at)) for at, share in enumerate(shares)])
    labels = re.findall(r'text-anchor: middle[^>]* x="([\d.]+)"[^>]*>([\d.]+)</text>', drawn)
    assert len(labels) >= 3
    for (left, text), (right, other) in pairwise(labels):  # a digit takes 5.8 of 9 points
        assert float(right) - float(left) > 5.8 * (len(text) + len(other)) / 2


@pytest.mark.parametrize("latencies_ns", [(1.1e4, 9.9e5), (1e3, 9e4), (4.11e6, 4.12e6), (1e2, 9e7)])
def test_the_ticks_of_latencies_do_not_touch(latencies_ns):
    drawn = latency_figure([trial(load, 0.0, p50_ns) for load, p50_ns in zip((0.5, 1.0), latencies_ns, strict=True)])
    labels = re.findall(r'text-anchor: end[^>]* y="([\d.]+)"[^>]*>[\d.,]+</text>', drawn)
    heights = sorted(float(height) for height in labels)
    assert len(heights) >= 3
    assert min(upper - lower for lower, upper in pairwise(heights)) > 9  # points, of a text
