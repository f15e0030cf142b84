import pytest

from benches.pcie import cases, closed_form_gbps, print_table, rows


def test_the_closed_form_is_within_half_a_percent():
    found = [(case, closed_form_gbps(case)) for case in cases(every_source=True)]
    assert len(found) > 100
    assert [case for case, gbps in found if gbps != pytest.approx(case.published_gbps, rel=0.005)] == []


def test_a_measurement_fills_its_own_column(capsys):
    measured = [gbps for _, _, gbps in rows(measure=lambda case: case.published_gbps if case.n_bytes == 64 else None)]
    assert len(measured) == 23
    assert measured.count(None) == 14
    print_table(measure=lambda case: 2 * case.published_gbps)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 24
    assert lines[3].split()[-2:] == ["84.20", "+100.00"]
