import pytest

from benches.fresh_process import duration, peak_memory_mb


def test_a_process_is_timed_from_start_to_end():
    slept = duration(["-c", "import time; time.sleep(0.2)"])
    assert slept.wall_s >= 0.2
    worked = duration(["-c", "import time\nwhile time.process_time() < 0.2: pass"])
    assert worked.cpu_s >= 0.2
    assert slept.cpu_s < slept.wall_s


def test_the_environment_is_passed_on():
    code = "import os; assert os.environ['HWMODEL_CACHE_DIR'] == 'here' and 'PATH' in os.environ"
    duration(["-c", code], {"HWMODEL_CACHE_DIR": "here"})


def test_a_process_that_fails_says_why():
    with pytest.raises(RuntimeError, match="a bad day"):
        duration(["-c", "raise SystemExit('a bad day')"])


def test_the_peak_is_the_processes_own():
    held = b"\1" * 200_000_000  # more than the process needs, and none of its business
    assert 20 < peak_memory_mb(["schema"]) < len(held) / 1e6
