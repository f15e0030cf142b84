"""A digest of the whole state of a machine, with the tables that lie outside its records."""

from __future__ import annotations

import ctypes
import hashlib
import mmap
from collections import defaultdict
from typing import Any

import numpy as np

from hwmodel.compiled.far_tables import tables_in

PAGE_BYTES = 4096


def state_digest(state: Any) -> str:
    """Digest all of the state that is not zero, page by page, with its place; then its tables, wherever they lie."""
    raw = np.ascontiguousarray(state).view(np.uint8).reshape(-1)
    words, digest_of_tables = raw.view(np.int64), hashlib.sha256()
    where = defaultdict(list)  # addresses and lengths of tables, by page: those are another machine's
    for number in range(len(state)):
        for offset, kind in tables_in(state.dtype):
            at = number * state.dtype.itemsize + offset
            address, n = words[at // 8 : at // 8 + 2].tolist()
            items = np.frombuffer((ctypes.c_uint8 * (n * kind.entry.itemsize)).from_address(address), np.uint8)
            filled = np.flatnonzero(items)
            digest_of_tables.update(at.to_bytes(8, "little") + items[: filled[-1] + 1 if len(filled) else 0].tobytes())
            for word in (at, at + 8):
                where[word // PAGE_BYTES].append(word % PAGE_BYTES // 8)
    n_pages = len(raw) // PAGE_BYTES
    pages = raw[: n_pages * PAGE_BYTES].reshape(n_pages, PAGE_BYTES)
    digest = hashlib.sha256(raw[n_pages * PAGE_BYTES :].tobytes())
    touched = touched_pages(pages)
    for number in touched[np.bitwise_or.reduce(pages.view(np.int64)[touched], axis=1) != 0].tolist():
        page = pages[number].view(np.int64).copy()
        page[where[number]] = 0
        digest.update(number.to_bytes(8, "little") + page.tobytes())
    return digest.hexdigest() + digest_of_tables.hexdigest()


def touched_pages(pages: Any) -> Any:
    """Return the numbers of the pages that may not be zero: few of a state's gigabytes are ever written.

    Linux tells which (proc_pid_pagemap(5)); elsewhere they are all looked at.
    """
    n_pages = len(pages)
    first, offset = divmod(pages.ctypes.data, PAGE_BYTES)  # a page of the array may lie on two of the process
    try:
        with open("/proc/self/pagemap", "rb", buffering=0) as pagemap:
            pagemap.seek(8 * first)
            entries = np.frombuffer(pagemap.read(8 * (n_pages + 1)), np.uint64)
    except OSError:
        entries = np.empty(0, np.uint64)
    if mmap.PAGESIZE != PAGE_BYTES or len(entries) != n_pages + 1:
        return np.arange(n_pages)
    is_there = entries >> np.uint64(62) != 0  # in memory, or swapped out
    return np.flatnonzero(is_there[:-1] | (is_there[1:] & (offset != 0)))
