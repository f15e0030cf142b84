"""Find the configurations and studies that come with hwmodel, by name, wherever the package is installed."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent
_SUFFIX = ".yaml"
_STUDIES = "studies"


@dataclass(frozen=True)
class ShippedConfig:
    """Name a configuration or a study, say where it stands, and in a sentence what it is about."""

    name: str
    path: Path
    about: str
    kind: str = "configuration"

    def to_mapping(self) -> dict[str, str]:
        """Return it as JSON values."""
        return {"name": self.name, "kind": self.kind, "path": str(self.path), "about": self.about}


def shipped_configs() -> list[ShippedConfig]:
    """Return the configurations that come with hwmodel, by name."""
    return [ShippedConfig(path.stem, path, _first_sentence(path)) for path in _files(_folder())]


def shipped_studies() -> list[ShippedConfig]:
    """Return the studies that come with hwmodel, by name: files of sweeps and of sizings."""
    folder = _folder() / _STUDIES
    return [ShippedConfig(path.stem, path, _first_sentence(path), "study") for path in _files(folder)]


def config_path(name: str | Path) -> Path:
    """Return the file that a user means: the one at that path, else the shipped configuration of that name.

    Else the shipped study of that name, so that the reader of the file can say which command it is for.
    """
    return _meant(Path(name), str(name), _folder(), _folder() / _STUDIES)


def study_path(name: str | Path) -> Path:
    """Return the file that a user means: the one at that path, else the shipped study of that name.

    Else the shipped configuration of that name, as `config_path` does with studies.
    """
    return _meant(Path(name), str(name), _folder() / _STUDIES, _folder())


def _meant(path: Path, name: str, *folders: Path) -> Path:
    if path.name != name or path.exists():
        return path
    places = (folder / f"{path.name.removesuffix(_SUFFIX)}{_SUFFIX}" for folder in folders)
    return next((place for place in places if place.is_file()), path)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*{_SUFFIX}"))


def shipped_hint(path: Path) -> str:
    """Return the name of a shipped file that looks like this one's, as a hint; else an empty text."""
    known = [one.name for one in [*shipped_configs(), *shipped_studies()]]
    close = difflib.get_close_matches(path.name.removesuffix(_SUFFIX), known, n=1)
    return f" (did you mean {close[0]}? `hwmodel configs` lists what comes with hwmodel)" if close else ""


def _folder() -> Path:
    """Return the folder in the package, where an installation has it, else that of the checkout."""
    installed = _PACKAGE / "configs"
    return installed if installed.is_dir() else _PACKAGE.parent / "configs"


def _first_sentence(path: Path) -> str:
    """Return the first sentence of the comment that a file begins with, behind the line for editors, if any."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# "))
    words = (line for line in lines if line and not line.startswith("yaml-language-server:"))
    sentence = re.match(r".*?[.?](?= |$)|.*", " ".join(words))
    return sentence[0] if sentence else ""
