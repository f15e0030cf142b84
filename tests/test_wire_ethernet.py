"""Addresses, type numbers and lengths, against numbers written out by hand."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hwmodel.wire
from hwmodel.wire.ethernet import (
    BROADCAST_MAC,
    EtherType,
    counting_payload,
    format_mac,
    is_group_mac,
    mac_to_bytes,
    wire_bytes,
)


def test_nothing_in_wire_brings_in_the_compiler_or_the_configuration():
    names = [f"hwmodel.wire.{module.name}" for module in pkgutil.iter_modules(hwmodel.wire.__path__)]
    assert len(names) >= 4
    program = f"import sys, {', '.join(names)}; print(sorted({{'numba', 'pydantic', 'yaml'}} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


def test_type_numbers_are_those_of_the_registry():
    assert {kind.name: int(kind) for kind in EtherType} == {
        "IPV4": 0x0800,
        "ARP": 0x0806,
        "C_TAG": 0x8100,
        "IPV6": 0x86DD,
        "S_TAG": 0x88A8,
        "LOCAL_EXPERIMENT_1": 0x88B5,
        "VN_TAG": 0x8926,
        "E_TAG": 0x893F,
    }


@given(st.integers(0, 2**48 - 1))
def test_mac_text_has_six_bytes(mac):
    text = format_mac(mac)
    assert text == ":".join(f"{mac >> shift & 0xFF:02x}" for shift in range(40, -1, -8))


@pytest.mark.parametrize("mac", [-1, 2**48])
def test_addresses_beyond_48_bits_are_refused(mac):
    with pytest.raises(ValueError, match="48 bits"):
        mac_to_bytes(mac)


def test_group_bit_is_the_lowest_of_the_first_byte():
    assert is_group_mac(BROADCAST_MAC)
    assert is_group_mac(0x0100_5E00_0001)
    assert is_group_mac(0x3333_0000_0001)
    assert not is_group_mac(0x02FF_FFFF_FFFF)
    assert not is_group_mac(0xFE00_0000_0001)


@pytest.mark.parametrize(("frame_bytes", "expected"), [(64, 84), (60, 84), (20, 84), (65, 85), (1518, 1538)])
def test_wire_bytes_pads_and_adds_twenty(frame_bytes, expected):
    # 14.88 million 64 B frames a second fill 10 Gb/s, which is 84 byte times each.
    assert wire_bytes(frame_bytes) == expected


@given(st.integers(0, 2000))
def test_counting_payload_counts(n_bytes):
    payload = counting_payload(n_bytes)
    assert list(payload) == [i % 256 for i in range(n_bytes)]
