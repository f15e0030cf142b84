"""The figures of the HTML page, each a function from plain numbers to an `<svg>` element.

All are 4.6 inches wide, so that their text stays readable on a phone. Names are shown literally, long ones without
their middle. `key` must be unique on the page and made of letters, digits and hyphens.

Matplotlib's output is turned into SVG for use inside a page: reproducible, with unique ids, in the page's colours.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from hwmodel.errors import InputError
from hwmodel.report.configuration import short_labels
from hwmodel.words.quantities import change_text, count_text, page_time, three_digits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

# Placeholder colours, used for nothing else, are replaced by the page's own, so a dark page needs no second figure.
INK = "#010203"
GRID = "#040506"
PANEL = "#070809"
_THEMED = ((INK, "currentColor"), (GRID, "var(--grid, #aaa)"), (PANEL, "var(--panel, #fff)"))

# Okabe and Ito, Color Universal Design, 2008 (told apart with any colour vision), without black, and a grey.
BLUE, ORANGE, GREEN, PURPLE = "#0072b2", "#e69f00", "#009e73", "#cc79a7"
SKY, VERMILION, YELLOW, GREY = "#56b4e9", "#d55e00", "#f0e442", "#999999"

_STYLE = {
    "svg.fonttype": "none",  # text stays text: it can be searched, and takes a fifth of the bytes
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,
    "text.parse_math": False,  # a name may hold dollar signs
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
}
_ID = re.compile(r'\bid="([^"]*)"')
_REFERENCE = re.compile(r'(url\(#|href="#)')
_NAMESPACE = re.compile(r'\s+xmlns(?::\w+)?="[^"]*"')
_FONT_FAMILY = re.compile(r"'DejaVu Sans'(?:, sans-serif)?")


@contextmanager
def drawing_style(key: str) -> Iterator[None]:
    """Draw inside with the report's style, whatever the user's matplotlib settings; `key` seeds the ids.

    Raises InputError with the cure where matplotlib is not installed.
    """
    try:
        import matplotlib  # optional, and slow to import
    except ImportError:
        raise InputError(missing_extra("matplotlib")) from None
    with warnings.catch_warnings(), matplotlib.rc_context():
        warnings.filterwarnings("ignore", message=".*[Gg]lyph.*missing.*")  # the reader's fonts will have it
        matplotlib.rcdefaults()
        settings: Any = {**_STYLE, "svg.hashsalt": key}
        matplotlib.rcParams.update(settings)
        yield


def missing_extra(package: str) -> str:
    """Return the line that tells how to install what reports need."""
    return f"the HTML report needs the package {package}, which is not installed (pip install 'hwmodel[report]')"


def svg_element(figure: Figure, key: str, title: str) -> str:
    """Return a figure as an `<svg>` element for use inside HTML; call it inside `drawing_style(key)`.

    It has no date, metadata or namespaces (HTML needs none), ids prefixed by `key` so that several figures can share a
    page, and the page's colours for INK, GRID and PANEL. `title`: for screen readers.
    """
    from xml.sax.saxutils import escape

    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    document = buffer.getvalue()
    text = document[document.index("<svg") :].rstrip()
    head_end = text.index(">") + 1
    head = _NAMESPACE.sub("", text[:head_end])
    head = re.sub(r' (?:width|height)="[^"]*"', "", head).replace("<svg", '<svg role="img" class="figure"', 1)
    body = _ID.sub(lambda match: f'id="{key}-{match[1]}"', text[head_end:])
    body = _REFERENCE.sub(lambda match: f"{match[1]}{key}-", body)
    body = _FONT_FAMILY.sub("sans-serif", body)
    for marker, themed in _THEMED:
        body = body.replace(marker, themed)
    return f"{head}<title>{escape(title)}</title>{body}\n"


# ---- The figures ----


WIDTH_IN = 4.6
PURPOSE_COLOURS = {
    "payload": BLUE,
    "tlp_overhead": SKY,
    "read_request": ORANGE,
    "descriptor": GREEN,
    "writeback": PURPLE,
    "interrupt": VERMILION,
    "doorbell": YELLOW,
    "dllp": GREY,
}
DARK = {BLUE, GREEN, VERMILION}  # bars on which white text reads better than black
_LONGEST_NAME = 20
_LONGEST_LABEL = 28
_MOST_VALUE_LABELS = 8
_MOST_NAME_LABELS = 24
_MOST_TICK_CHARACTERS = 36  # of a logarithmic axis, if all labels were as long as the longest
_LOG_FROM_RATIO = 5
_PERCENTILE_OF = {1: "p90", 2: "p99", 3: "p99.9", 4: "p99.99", 5: "p99.999", 6: "p99.9999"}  # by the power of 1 / 10


def throughput_by_vm(key: str, names: Sequence[str], tx_gbps: Sequence[float], rx_gbps: Sequence[float]) -> str:
    """Draw two bars for each VM, dots if there are many: what it sent and what it received, in Gb/s."""
    with drawing_style(key):
        figure, axes = new_canvas(2.9)
        positions = range(len(names))
        for offset, values, colour, label in ((-0.2, tx_gbps, BLUE, "sent"), (0.2, rx_gbps, ORANGE, "received")):
            if len(names) > _MOST_NAME_LABELS:  # hundreds of thin bars would blur into one
                axes.plot(positions, values, "o" if colour == BLUE else "x", color=colour, markersize=3, label=label)
                continue
            drawn = axes.bar([x + offset for x in positions], values, 0.4, color=colour, label=label)
            if len(names) <= _MOST_VALUE_LABELS:
                axes.bar_label(drawn, [three_digits(value) for value in values], padding=2, fontsize=8, rotation=90)
        step = -(-len(names) // _MOST_NAME_LABELS)
        axes.set_xticks(list(positions)[::step], short_labels(names, _LONGEST_NAME)[::step])
        if len(names) > _MOST_VALUE_LABELS or any(len(name) > 6 for name in names):
            axes.tick_params(axis="x", labelrotation=90)
        axes.grid(axis="x", visible=False)
        axes.set_ylim(0, max([*tx_gbps, *rx_gbps, 0.0]) * (1.2 if len(names) <= _MOST_VALUE_LABELS else 1.05) or 1.0)
        # A fixed number of ticks: the layout is computed once, and longer labels would push others out.
        axes.locator_params(axis="y", nbins=6)
        axes.set_ylabel("throughput, Gb/s")
        figure.legend(loc="outside upper center", ncols=2, frameon=False)
        return svg_element(figure, key, "Throughput of each VM, sent and received, in Gb/s")


def bars(key: str, labels: Sequence[str], values: Sequence[float], axis: str, title: str, colour: str = BLUE) -> str:
    """Draw horizontal bars with their values at the end, without decimals for ints; `axis` names quantity and unit."""
    with drawing_style(key):
        figure, axes = new_canvas(0.7 + 0.22 * max(1, len(labels)))
        drawn = axes.barh(range(len(labels)), values, 0.7, color=colour)
        shown = [count_text(value) if isinstance(value, int) else three_digits(value) for value in values]
        axes.bar_label(drawn, shown, padding=2, fontsize=8)
        axes.set_yticks(range(len(labels)), short_labels(labels, _LONGEST_LABEL))
        axes.set_ylim(len(labels) - 0.4, -0.6)
        axes.set_xlim(0, max([*values, 0.0]) * 1.15 or 1.0)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(axis)
        return svg_element(figure, key, title)


def flow_matrix(key: str, flows: Sequence[tuple[str, str, float]]) -> str:
    """Draw Gb/s from each sender (row) to each target (column) as a heat map; pairs without a flow stay empty."""
    with drawing_style(key):
        senders = list(dict.fromkeys(sender for sender, _, _ in flows))
        targets = list(dict.fromkeys([name for name in senders if any(name == to for _, to, _ in flows)]))
        targets += [to for to in dict.fromkeys(to for _, to, _ in flows) if to not in targets]
        row_of, column_of = _positions(senders), _positions(targets)
        rates = [[float("nan")] * len(targets) for _ in senders]
        for sender, to, gbps in flows:
            rates[row_of[sender]][column_of[to]] = gbps
        figure, axes = new_canvas(4.3)
        image = axes.imshow(rates, cmap="cividis", vmin=0, aspect="auto", interpolation="none")
        for axis, names, rotation in ((axes.xaxis, targets, 90), (axes.yaxis, senders, 0)):
            step = -(-len(names) // _MOST_NAME_LABELS)
            axis.set_ticks(
                list(range(len(names)))[::step], short_labels(names, _LONGEST_NAME)[::step], rotation=rotation
            )
        axes.grid(visible=False)
        axes.set_xlabel("to")
        axes.set_ylabel("from")
        figure.colorbar(image, ax=axes, label="Gb/s", pad=0.02)
        return svg_element(figure, key, "Throughput of each flow in Gb/s, senders in rows, targets in columns")


def latency_distribution(
    key: str,
    points: Sequence[tuple[float, int]],
    marks: Mapping[str, float],
    least_ns: float | None = None,
    most_ns: float | None = None,
) -> str:
    """Draw the share of frames that take longer than a time (CCDF), on a logarithmic axis that shows the tail.

    `points` are (upper_ns, count) in order of time; `marks` are times in ns by percentile, such as `p99`. The curve is
    clipped to `least_ns` and `most_ns`, as buckets may reach further, and passes through the marks, of which a wide
    bucket may hold several; it ends at the share of one frame. The time axis is logarithmic where the times span more
    than a factor of five.
    """
    with drawing_style(key):
        figure, axes = new_canvas(3.1)
        n_samples = sum(count for _, count in points)
        curve, seen = [(0.0, (least_ns or points[0][0]) / 1e3)], 0
        for upper_ns, count in points:
            seen += count
            curve.append((seen / n_samples, min(upper_ns, most_ns or upper_ns) / 1e3))
        dots = [(float(name.removeprefix("p")) / 100, time_ns / 1e3) for name, time_ns in marks.items()]
        within, times_us = np.array(sorted([*curve, *dots])).T
        times_us = np.maximum.accumulate(times_us)  # marks are only as exact as their buckets
        least_share = 1 / n_samples
        axes.plot(times_us, np.maximum(1 - within, least_share), color=BLUE, linewidth=1.6)
        shares = [share for share, _ in dots]
        axes.plot(
            np.interp(shares, within, times_us), [1 - share for share in shares], "o", color=VERMILION, markersize=4
        )
        _label_marks(axes, marks)
        scale = _time_axis(axes, float(times_us[0]), float(times_us[-1]))
        _tail_axis(axes, least_share)
        axes.set_xlabel(f"latency, µs{scale}")
        axes.set_ylabel("frames that take longer")
        return svg_element(figure, key, "Share of the frames in the window whose latency, post to delivery, is longer")


def link_bytes(
    key: str, up: Mapping[str, float], down: Mapping[str, float], words: Mapping[str, str], is_bus: bool = False
) -> str:
    """Draw where the bytes of a frame go, a stacked bar for each direction; `words` name the purposes."""
    with drawing_style(key):
        figure, axes = new_canvas(2.7)
        widest = max(*(sum(side.get(purpose, 0.0) for purpose in PURPOSE_COLOURS) for side in (up, down)), 1e-9)
        for row, amounts in enumerate((up, down)):
            left = 0.0
            for purpose, colour in PURPOSE_COLOURS.items():
                amount = amounts.get(purpose, 0.0)
                axes.barh(row, amount, 0.62, left=left, color=colour, label=words[purpose] if row == 0 else None)
                if amount > 0.06 * widest:
                    ink = "#ffffff" if colour in DARK else "#000000"
                    axes.text(left + amount / 2, row, three_digits(amount), ha="center", va="center", color=ink)
                left += amount
            axes.text(left + 0.01 * widest, row, three_digits(left), va="center", fontweight="bold")
        axes.set_yticks([0, 1], ["up\n(to host)", "down\n(to NIC)"])
        axes.set_ylim(1.5, -0.5)
        axes.set_xlim(0, 1.1 * widest)
        axes.grid(axis="y", visible=False)
        of_link = "clocks of the bus, as the bytes that they could carry," if is_bus else "bytes of TLPs and DLLPs"
        axes.set_xlabel(f"{of_link} for each frame delivered, B")
        figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=8, handlelength=1, columnspacing=1)
        return svg_element(figure, key, "Bytes of each link direction by purpose, for each frame delivered")


def waterfall(key: str, words: Sequence[str], times_ns: Sequence[float], axis: str, title: str) -> str:
    """Draw each part where the one before it ends, its time written beside it; the longest in another colour."""
    with drawing_style(key):
        figure, axes = new_canvas(0.7 + 0.2 * max(1, len(words)))
        whole_ns, longest = sum(times_ns), max(times_ns, default=0.0)
        scale, unit = (1e6, "ms") if whole_ns >= 1e6 else (1e3, "µs") if whole_ns >= 1e3 else (1.0, "ns")
        start = 0.0
        for row, time_ns in enumerate(times_ns):
            colour = VERMILION if time_ns == longest else BLUE
            axes.barh(row, time_ns / scale, 0.7, left=start / scale, color=colour)
            shown, end = page_time(time_ns), start + time_ns
            # The label goes after the bar if there is room, else before it, else inside.
            is_behind, is_inside = end <= 0.75 * whole_ns, end > 0.75 * whole_ns and start < 0.25 * whole_ns
            at = (start if not is_behind and not is_inside else end) / scale
            axes.annotate(shown, (at, row), (3 if is_behind else -3, 0), textcoords="offset points", va="center",
                          ha="left" if is_behind else "right", fontsize=8,
                          color="#ffffff" if is_inside else INK)  # fmt: skip
            start += time_ns
        axes.set_yticks(range(len(words)), list(words), fontsize=8)
        axes.set_ylim(len(words) - 0.4, -0.6)
        axes.set_xlim(0, whole_ns / scale * 1.02 or 1.0)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(f"{axis}, {unit}")
        return svg_element(figure, key, title)


def gain_bars(key: str, labels: Sequence[str], gains: Sequence[float]) -> str:
    """Draw gains in throughput in percent, possibly negative, with the value beside each bar."""
    with drawing_style(key):
        figure, axes = new_canvas(0.7 + 0.22 * max(1, len(labels)))
        values = [100 * gain for gain in gains]
        drawn = axes.barh(range(len(labels)), values, 0.7, color=[GREEN if value >= 0 else ORANGE for value in values])
        axes.bar_label(drawn, [change_text(gain).removesuffix(" %") for gain in gains], padding=3, fontsize=8)
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set_yticks(range(len(labels)), short_labels(labels, _LONGEST_LABEL + 8), fontsize=8)
        axes.set_ylim(len(labels) - 0.4, -0.6)
        least, most = min([*values, 0.0]), max([*values, 0.0])
        room = 0.2 * (most - least) or 1.0
        axes.set_xlim(least - room if least < 0 else 0, most + room)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("gain in throughput, %")
        return svg_element(figure, key, "Throughput gained by each resource made larger")


def share_bars(key: str, labels: Sequence[str], shares: Sequence[float], axis: str, title: str) -> str:
    """Draw shares of the window in percent, on an axis up to 100 %; full ones in another colour."""
    with drawing_style(key):
        figure, axes = new_canvas(0.7 + 0.22 * max(1, len(labels)))
        values = [100 * share for share in shares]
        colours = [VERMILION if value >= 98.5 else BLUE for value in values]
        drawn = axes.barh(range(len(labels)), values, 0.7, color=colours)
        axes.bar_label(drawn, [f"{value:.1f}" for value in values], padding=2, fontsize=8)
        axes.set_yticks(range(len(labels)), short_labels(labels, _LONGEST_LABEL))
        axes.set_ylim(len(labels) - 0.4, -0.6)
        axes.set_xlim(0, max(112.0, *values) if values else 112.0)
        axes.set_xticks(range(0, 101, 20))
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(axis)
        return svg_element(figure, key, title)


def new_canvas(height_in: float) -> tuple[Figure, Axes]:
    """Return a figure of the page's width with its axes; call it inside `drawing_style`."""
    from matplotlib.figure import Figure  # not pyplot, which keeps global state

    figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
    return figure, figure.add_subplot()


def log_ticks(axis: Axis, digits: Sequence[float]) -> None:
    """Put the ticks of a logarithmic axis at these digits of each power of ten, written as plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axis.set_major_locator(LogLocator(subs=digits))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:,.6g}"))


def _positions(names: Sequence[str]) -> dict[str, int]:
    return {name: position for position, name in enumerate(names)}


def _label_marks(axes: Axes, marks: Mapping[str, float]) -> None:
    """Write the percentiles as one block in the free corner; beside their dots they would overlap."""
    lines = [f"{name}  {page_time(time_ns)}" for name, time_ns in marks.items()]
    box: dict[str, Any] = {"facecolor": PANEL, "edgecolor": "none", "pad": 2.0}
    block = axes.text(0.03, 0.06, "\n".join(lines), transform=axes.transAxes, va="bottom", color=INK)
    block.set_linespacing(1.4)
    block.set_bbox(box)


def _tail_axis(axes: Axes, least_share: float) -> None:
    """Scale the share axis logarithmically, with percentiles as tick labels."""
    from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

    ticks = [(1.0, "all"), (0.5, "p50"), *((10.0**-power, _PERCENTILE_OF[power]) for power in _PERCENTILE_OF)]
    shown = [(share, name) for share, name in ticks if share >= 0.8 * least_share]
    axes.set_yscale("log")
    axes.set_ylim(0.8 * least_share, 1.3)
    axes.yaxis.set_major_locator(FixedLocator([share for share, _ in shown]))
    axes.set_yticklabels([f"{100 * share:.10g} % ({name})" if name != "all" else "100 %" for share, name in shown])
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_formatter(NullFormatter())


def _time_axis(axes: Axes, least_us: float, most_us: float) -> str:
    """Scale the time axis, linear over a narrow span; return what its label must add.

    Logarithmic ticks stand at 1, 2 and 5 times the powers of ten, at 1 and 3 times, or at the powers alone, as there is
    room, written as plain numbers.
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    margin_us = 0.02 * (most_us - least_us) or 0.02 * most_us
    plain = FuncFormatter(lambda tick, _: f"{tick:,.10g}")
    axes.xaxis.set_major_formatter(plain)
    if most_us < _LOG_FROM_RATIO * least_us:
        axes.set_xlim(least_us - margin_us, most_us + margin_us)
        return ""
    axes.set_xscale("log")
    low, high = max(least_us, 1e-3) * 0.95, most_us * 1.05
    for digits in ((1, 2, 5), (1, 3), (1,)):
        ticks = [digit * 10.0**power for power in range(-4, 10) for digit in digits]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) * max((len(plain(tick)) for tick in ticks), default=0) <= _MOST_TICK_CHARACTERS:
            break
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(plain)
    return " (logarithmic)"
