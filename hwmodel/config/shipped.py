"""Find the configurations that come with hwmodel, by name, wherever the package is installed."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent
_SUFFIX = ".yaml"


@dataclass(frozen=True)
class ShippedConfig:
    """Name a configuration, say where it stands, and in a sentence what it is about."""

    name: str
    path: Path
    about: str


def shipped_configs() -> list[ShippedConfig]:
    """Return the configurations that come with hwmodel, by name."""
    return [ShippedConfig(path.stem, path, _first_sentence(path)) for path in sorted(_folder().glob(f"*{_SUFFIX}"))]


def config_path(name: str | Path) -> Path:
    """Return the file that a user means: the one at that path, else the shipped configuration of that name."""
    path = Path(name)
    if path.name != str(name) or path.exists():
        return path
    shipped = _folder() / f"{path.name.removesuffix(_SUFFIX)}{_SUFFIX}"
    return shipped if shipped.is_file() else path


def shipped_hint(path: Path) -> str:
    """Return the name of a shipped configuration that looks like this one's, as a hint; else an empty text."""
    known = [config.name for config in shipped_configs()]
    close = difflib.get_close_matches(path.name.removesuffix(_SUFFIX), known, n=1)
    return f" (did you mean {close[0]}? `hwmodel configs` lists what comes with hwmodel)" if close else ""


def _folder() -> Path:
    """Return the folder in the package, where an installation has it, else that of the checkout."""
    installed = _PACKAGE / "configs"
    return installed if installed.is_dir() else _PACKAGE.parent / "configs"


def _first_sentence(path: Path) -> str:
    """Return the first sentence of the comment that a file begins with, behind the line for editors."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# "))
    sentence = re.match(r".*?[.](?= |$)|.*", " ".join(line for line in lines[1:] if line))
    return sentence[0] if sentence else ""
