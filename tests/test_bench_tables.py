"""How benches compare: turns, ratios, verdicts, and the tables of them."""

from __future__ import annotations

import pytest

from benches.comparison import Requirement, Spread, figure_text, in_turn, ratios, spread, table


def test_measurements_take_turns():
    order = []

    def measure(name):
        order.append(name)
        return len(order)

    samples = in_turn({"a": lambda: measure("a"), "b": lambda: measure("b")}, 3)
    assert order == ["a", "b", "a", "b", "a", "b"]
    assert samples == {"a": [1, 3, 5], "b": [2, 4, 6]}


def test_the_spread_of_some_figures():
    assert spread([5.0, 1.0, 2.0]) == Spread(2.0, 1.0, 5.0)
    assert spread([1.0, 3.0]) == Spread(2.0, 1.0, 3.0)
    with pytest.raises(ValueError):
        spread([])


def test_ratios_are_formed_within_a_turn():
    # A machine that slows down to a tenth after the first turn leaves the ratio as it is.
    assert ratios([200.0, 20.0, 22.0], [100.0, 10.0, 10.0]) == Spread(2.0, 2.0, 2.2)
    with pytest.raises(ValueError):
        ratios([1.0, 2.0], [1.0])


@pytest.mark.parametrize(
    ("requirement", "figure", "verdict"),
    [
        (Requirement(0.5, at_least=True), 0.5, "PASS"),
        (Requirement(0.5, at_least=True), 0.499, "below"),
        (Requirement(0.5, at_least=True, aim=0.9), 0.6, "PASS"),
        (Requirement(400, at_least=False), 399.9, "PASS"),
        (Requirement(400, at_least=False), 400, "above"),
    ],
)
def test_a_verdict(requirement, figure, verdict):
    assert requirement.verdict(figure) == verdict


def test_requirements_are_written_out():
    assert str(Requirement(0.5, at_least=True, aim=0.9)) == ">= 0.5, aim 0.9"
    assert str(Requirement(400, at_least=False)) == "< 400"


@pytest.mark.parametrize(
    ("figure", "text"),
    [(0.01234, "0.0123"), (0.5, "0.500"), (5.125, "5.12"), (42.66, "42.7"), (358.4, "358"), (1199.6, "1200")],
)
def test_figures_have_three_digits(figure, text):
    assert figure_text(figure) == text


def test_a_table_is_aligned():
    assert table(("what", "n", ""), [("a", "1", "PASS"), ("longer", "100", "")]) == (
        "what      n\na         1  PASS\nlonger  100"
    )
