"""Write the pages of the studies, docs/studies; or check that they are current.

python -m benches.studies [NAME...] [--jobs N]    runs them (all), writes CSV, page and picture of each
python -m benches.studies [NAME...] --page        writes pages and pictures from the CSV files, runs nothing
python -m benches.studies [NAME...] --check [N]   runs about N points of each again (3); status 1 where any differs
"""

from __future__ import annotations

import argparse
import sys
import time

from benches.studies.index import INDEX, PAGES, STUDIES, index_page, page_path
from benches.studies.page import draw, study_page
from benches.studies.study import Study
from benches.sweep_rows import plan_of, read_rows, run_all, spread_numbers, stale_rows, write_rows


def run(study: Study, jobs: int | None) -> None:
    """Run a study; write its figures."""
    started_s, started_cpu_s = time.monotonic(), time.process_time()
    rows = run_all(study.name, study.figures, jobs)
    write_rows(study.name, rows)
    cpu = f", {time.process_time() - started_cpu_s:.0f} s of a core" if jobs == 1 else ""
    sys.stdout.write(f"{study.name}: {len(rows)} runs in {time.monotonic() - started_s:.0f} s{cpu}\n")


def check(study: Study, n_points: int) -> list[str]:
    """Return a line for each thing that is not current: the page, figures of points that are run again."""
    page = page_path(study)
    is_current = page.is_file() and page.read_text(encoding="utf-8") == study_page(study, read_rows(study.name))
    found = [] if is_current else [f"{page} is not what its CSV gives"]
    return found + stale_rows(study.name, spread_numbers(len(plan_of(study.name).points), n_points))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", choices=[*STUDIES, []], metavar="NAME", help=", ".join(STUDIES))
    parser.add_argument("--jobs", type=int, help="simulations at once (default: one for each core)")
    parser.add_argument("--page", action="store_true", help="write pages from the CSV files, run nothing")
    parser.add_argument("--check", type=int, nargs="?", const=3, metavar="N", help="run about N points of each again")
    arguments = parser.parse_args()
    studies = [STUDIES[name] for name in arguments.names or STUDIES]
    if arguments.check is not None:
        stale = [line for study in studies for line in check(study, arguments.check)]
        sys.stdout.write("".join(f"{line}\n" for line in stale) or "current\n")
        sys.exit(1 if stale else 0)
    for study in studies:
        if not arguments.page:
            run(study, arguments.jobs)
        rows = read_rows(study.name)
        draw(study, rows)
        page_path(study).write_text(study_page(study, rows), encoding="utf-8")
    if not arguments.names:
        INDEX.write_text(index_page(), encoding="utf-8")
    sys.stdout.write(f"{PAGES}\n")


if __name__ == "__main__":
    main()
