"""Tables of the terminal's summary, compared with lines written out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwmodel.words.quantities import (
    Line,
    change_text,
    counted,
    decimals_text,
    drop_words,
    fixed_text,
    rough_text,
    table,
    three_digits,
    time_text,
)

CELLS = st.text("abc0123456789.%", min_size=1, max_size=9)


def test_columns_are_as_wide_as_their_widest_cell_and_numbers_stand_to_the_right():
    rows = [("a", "1.000", "7"), ("server", "12.500", "1,234")]
    assert list(table(("port", "Gb/s", "B"), rows)) == [
        Line("port      Gb/s      B", "heading"),
        Line("a        1.000      7", "plain"),
        Line("server  12.500  1,234", "plain"),
    ]


def test_columns_of_words_stand_to_the_left_and_no_line_ends_in_blanks():
    rows = [("a", "1", "QUEUE_FULL 3"), ("b", "10", "-")]
    assert [line.text for line in table(("port", "n", "drops"), rows, left_columns=(0, 2))] == [
        "port   n  drops",
        "a      1  QUEUE_FULL 3",
        "b     10  -",
    ]


def test_a_table_without_rows_is_its_header():
    assert list(table(("server", "cores"), [])) == [Line("server  cores", "heading")]


def test_a_row_that_lacks_a_cell_is_refused():
    with pytest.raises(ValueError, match="zip"):
        list(table(("server", "cores"), [("a",)]))


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=5))
def test_cells_come_back_from_their_columns(rows):
    """The first column begins where the line does, numbers of the last end at one place."""
    lines = [line.text for line in table(("x", "y", "z"), rows)]
    assert [tuple(line.split()) for line in lines] == [("x", "y", "z"), *rows]
    assert len({len(line) for line in lines}) == 1
    assert {line[:1].isspace() for line in lines} == {False}


@pytest.mark.parametrize(
    ("drops", "words"),
    [
        ({}, "nothing"),
        ({"QUEUE_FULL": 0}, "nothing"),
        ({"QUEUE_FULL": 1_234_567, "ACL_DENY": 2, "SAME_PORT": 0}, "ACL_DENY 2, QUEUE_FULL 1,234,567"),
    ],
)
def test_drops_are_told_by_reason_those_that_there_were(drops, words):
    assert drop_words(drops, none="nothing") == words


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0, "0 %"), (0.00123, "0.12 %"), (0.0866, "8.7 %"), (0.499, "50 %"), (1.54, "150 %"), (9.99, "1,000 %"),
        (10, "10 times itself"), (889.7, "890 times itself"), (1.23e6, "1,200,000 times itself"),
    ],
)  # fmt: skip
def test_a_share_that_is_known_roughly_has_two_digits_and_no_exponent(share, words):
    assert rough_text(share) == words


@pytest.mark.parametrize(
    ("time_ns", "interval", "text"),
    [
        (203_000.0, (57_100.0, 6_470_000.0), "203 (57.1 to 6,470) us"),
        (18_200.0, (0.00051, 49_500.0), "18.2 (0 to 49.5) us"),
        (20.0, (0.00051, 49_450.0), "20.0 (0 to 49,450) ns"),
        (20.0, (0.021, 50.0), "20.0 (0.0210 to 50.0) ns"),
        (8_690.0, (8_590.0, 13_060.0), "8.69 (8.59 to 13.1) us"),
        (64_800.0, (47_300.0, 126_600.0), "64.8 (47.3 to 127) us"),
        (40.0, (30.0, 58.0), "40.0 ± 18.0 ns"),
        (20.0, (0.00051, 30.0), "20.0 ± 20.0 ns"),
    ],
)
def test_a_lower_end_far_below_its_figure_is_nothing(time_ns, interval, text):
    assert time_text(time_ns, interval) == text


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (0.087, "+8.7 %"),
        (-0.5, "-50.0 %"),
        (0, "+0.0 %"),
        (-0.0004, "+0.0 %"),
        (-0.0006, "-0.1 %"),
        (12.5, "+1,250.0 %"),
    ],
)
def test_a_change_of_nothing_has_one_sign(change, text):
    assert change_text(change) == text


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0, 4, "0.0000"), (1.1027, 4, "1.1027"), (0.01, 4, "0.0100"), (0.009, 4, "0.00900"),
        (3.2938e-7, 4, "0.000000329"), (13.388, 2, "13.39"), (0.87, 2, "0.870"), (4e-6, 2, "0.00000400"),
        (-0.004, 2, "-0.00400"),
    ],
)  # fmt: skip
def test_so_many_decimals_stand_where_they_show_three_digits(value, decimals, text):
    assert fixed_text(value, decimals) == text


def test_in_columns_what_would_show_as_nothing_has_three_digits():
    assert [decimals_text(value, 3) for value in (0, 0.05, 0.0004, None)] == ["0.000", "0.050", "0.000400", "-"]


@given(st.floats(min_value=1e-9, max_value=1e12))
def test_three_digits_are_right_down_to_the_least_rates(value):
    assert float(three_digits(value).replace(",", "")) == pytest.approx(value, rel=5.1e-3)


@pytest.mark.parametrize(
    ("count", "noun", "words"),
    [
        (1, "frame", "1 frame"),
        (0, "frame", "0 frames"),
        (22_054, "frame", "22,054 frames"),
        (1, "copy", "1 copy"),
        (2, "way", "2 ways"),
        (2, "copy", "2 copies"),
        (1, "register access", "1 register access"),
        (3, "register access", "3 register accesses"),
    ],
)
def test_one_is_one_and_others_are_several(count, noun, words):
    assert counted(count, noun) == words
