"""The bench of the switch core's twin measures what its table says."""

from __future__ import annotations

import pytest

from benches.switch_core import LOADS, Load, measure, offers_of


@pytest.mark.parametrize("load", LOADS, ids=lambda load: load.name)
def test_frames_are_forwarded(load):
    frames_per_s, copies = measure(load, 200)
    assert frames_per_s > 0
    assert copies > 0.5


def test_stations_send_to_each_other():
    offers = offers_of(Load("", (60, 100)), 300)
    assert {offer.port for offer in offers} == set(range(1, 9))
    assert {offer.data[5] for offer in offers} == set(range(1, 9))
    assert {len(offer.data) for offer in offers} == {60, 100}
    assert all(offer.data[5] != offer.port for offer in offers)
