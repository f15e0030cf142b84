"""Write docs/vm_to_vm.md with its picture and its data; or check that they are current.

python -m benches.vm_to_vm [--jobs N]      runs both sweeps, writes CSV, page and picture
python -m benches.vm_to_vm --page          writes page and picture from the CSV files, runs nothing
python -m benches.vm_to_vm --check [N]     runs about N cells of each again (20); status 1 where anything differs
"""

from __future__ import annotations

import argparse
import sys
import time

from benches.sweep_rows import plan_of, read_rows, run_all, spread_numbers, stale_rows, write_rows
from benches.vm_to_vm.page import ADAPTER, COLUMNS, DRIVERS, PAGE, page


def run(jobs: int | None) -> None:
    """Run both sweeps; write their figures."""
    for name in (ADAPTER, DRIVERS):
        started_s = time.monotonic()
        rows = run_all(name, COLUMNS, jobs)
        sys.stdout.write(f"{write_rows(name, rows)}: {len(rows)} runs in {time.monotonic() - started_s:.0f} s\n")


def write() -> None:
    """Write page and picture."""
    from benches.vm_to_vm.figure import draw

    draw(read_rows(ADAPTER))
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")


def check(n_cells: int) -> int:
    """Run a sample again; return how many things differ, which are told."""
    found = [] if PAGE.read_text(encoding="utf-8") == page() else [f"{PAGE} is not what its CSV files give"]
    n_run = 0
    for name in (ADAPTER, DRIVERS):
        numbers = spread_numbers(len(plan_of(name).points), n_cells)
        n_run += len(numbers)
        found += stale_rows(name, numbers)
    sys.stdout.write("".join(f"{line}\n" for line in found) or f"current: {n_run} cells have the same figures\n")
    return len(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--jobs", type=int, help="simulations at once (default: one for each core)")
    parser.add_argument("--page", action="store_true", help="write page and picture from the CSV files, run nothing")
    parser.add_argument("--check", type=int, nargs="?", const=20, metavar="N", help="run about N cells of each again")
    arguments = parser.parse_args()
    if arguments.check is not None:
        sys.exit(1 if check(arguments.check) else 0)
    if not arguments.page:
        run(arguments.jobs)
    write()


if __name__ == "__main__":
    main()
