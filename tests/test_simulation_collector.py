"""The collector of cycles rests while a run is built and told, and is then as it was before."""

from __future__ import annotations

import gc

import pytest

from hwmodel.processes.collector import collector_rests


@pytest.fixture(autouse=True)
def _as_before():
    yield
    gc.enable()


@pytest.mark.parametrize("was_enabled", [True, False])
def test_it_rests_meanwhile_and_is_then_as_before(was_enabled):
    (gc.enable if was_enabled else gc.disable)()
    with collector_rests():
        assert not gc.isenabled()
        with collector_rests():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled() is was_enabled


def test_it_goes_on_behind_what_fails():
    @collector_rests()
    def fail():
        raise ValueError

    with pytest.raises(ValueError):
        fail()
    assert gc.isenabled()
