"""Put the configurations of configs/ into the wheel, for `hwmodel run NAME` to find; pyproject.toml has the rest."""

from pathlib import Path
from shutil import copyfile

from setuptools import setup
from setuptools.command.build_py import build_py

CONFIGS = Path("configs")
SHIPPED = ("*.yaml", "*.pcap", "*schema.json", "studies/*.yaml")


class BuildWithConfigs(build_py):
    """Copy the configurations beside the modules; an editable install finds them where they stand."""

    def run(self) -> None:
        """Build the modules, then copy."""
        super().run()
        if not self.editable_mode:
            folder = Path(self.build_lib, "hwmodel", "configs")
            for path in (path for pattern in SHIPPED for path in CONFIGS.glob(pattern)):
                target = folder / path.relative_to(CONFIGS)
                target.parent.mkdir(parents=True, exist_ok=True)
                copyfile(path, target)


setup(cmdclass={"build_py": BuildWithConfigs})
