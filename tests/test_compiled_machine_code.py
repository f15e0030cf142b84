"""Machine code on disk: loaded as it was kept, without the registries that only the compiler needs."""

from __future__ import annotations

import numba
import pytest
from numba import njit

from hwmodel.compiled.machine_code import MachineCode


def _scaled(number):
    return 7 * number + 1


def _kept():
    dispatcher = njit(_scaled)
    dispatcher._cache = MachineCode(_scaled)
    return dispatcher


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="interpreted: nothing is compiled")
def test_kept_code_is_loaded_without_the_compilers_registries(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    assert _kept()(6) == 43
    assert len(list(tmp_path.rglob("*_scaled-*.nbc"))) == 1

    again = _kept()

    def refuse(_context):
        raise AssertionError("the registries are filled")

    monkeypatch.setattr(type(again.targetctx), "refresh", refuse)
    assert again(6) == 43
    assert list(again.stats.cache_hits.values()) == [1]
    assert not again.stats.cache_misses
