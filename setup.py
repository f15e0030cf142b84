"""Put into the wheel what stands beside the package: configurations and co-verification; pyproject.toml has the rest.

`hwmodel run NAME` finds the configurations of configs/, `hwmodel cosim` what cocotb_tests/ and rtl/ hold.
"""

from fnmatch import fnmatch
from pathlib import Path
from shutil import copyfile

from setuptools import setup
from setuptools.command.build_py import build_py

# Folder in the package -> folder of the checkout that it holds -> what of it, by patterns.
SHIPPED = {
    ".": {"configs": ("*.yaml", "*.pcap", "*schema.json", "studies/*.yaml")},
    # As in a checkout, so that imports and relative paths are the same.
    "cosim": {
        "cocotb_tests": ("*.py", "coverage_waivers.yaml", "verilog/*", "dut_example/*.*"),
        "rtl": ("*.yaml", "*.v", "*.vh", "checkers/*.v", "wrappers/*.*", "switch_registers.*"),
    },
}
# The tests of our own Verilog and of the regression itself.
LEFT_BEHIND = (
    "test_*",
    "mutant*",
    "mutation_*",
    "planted_*",
    "fault_*",
    "equivalent_*",
    "egress_check.py",
    "cheats.yaml",
)
NOT_LEFT_BEHIND = "test_equivalence.py"


def shipped_files(folder: str, patterns: tuple[str, ...]) -> list[Path]:
    """Return the files of a folder that go into the wheel."""
    found = {path for pattern in patterns for path in Path(folder).glob(pattern)}
    left = (path for path in found if any(fnmatch(path.name, pattern) for pattern in LEFT_BEHIND))
    return sorted(found - {path for path in left if path.name != NOT_LEFT_BEHIND})


class BuildWithShipped(build_py):
    """Copy them beside the modules; an editable install finds them where they stand."""

    def run(self) -> None:
        """Build the modules, then copy."""
        super().run()
        if self.editable_mode:
            return
        for place, folders in SHIPPED.items():
            for folder, patterns in folders.items():
                for path in shipped_files(folder, patterns):
                    target = Path(self.build_lib, "hwmodel", place, path)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    copyfile(path, target)


setup(cmdclass={"build_py": BuildWithShipped})
