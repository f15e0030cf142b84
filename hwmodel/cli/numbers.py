"""Numbers on the command line, as the types of arguments that more than one command module takes."""

from __future__ import annotations

import argparse
import re


def whole_number(text: str) -> int:
    """Return the whole number that a text is; of any size up to 40 digits."""
    if not re.fullmatch(r"[-+]?[0-9]{1,40}", text):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a whole number")
    return int(text)


def number_within(text: str, least: int, most: int) -> int:
    """Return the whole number that a text is, which has to lie from `least` to `most`."""
    number = whole_number(text)
    if not least <= number <= most:
        raise argparse.ArgumentTypeError(f"{text} is out of range; {least} to {most}")
    return number


def seed_number(text: str) -> int:
    """Return the seed that a text is."""
    from hwmodel.config.run import MAX_SEED  # imported with the configuration, which a run needs anyway

    return number_within(text, 0, MAX_SEED)
