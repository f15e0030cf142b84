"""Make a message of the mailbox from names with values, outside any scenario, as strictly as in one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from .build import complaints_from
from .document import Document, KeyPath, Place, Problem, raise_problems
from .mailbox import MailboxMessage, misfits

_PATH: KeyPath = ("scenario", 0, "mailbox")  # where a message stands in a configuration, for hints


def request_of(fields: Mapping[str, Any]) -> MailboxMessage:
    """Return a checked message of names with values as users type them: {message: set_vlan, vlan: 20, add: true}.

    `from` may be left out. Raises InputError with a line for each problem.
    """
    said = {"from": "vf0", **fields}
    document = Document("mailbox", {"scenario": [{"mailbox": said}]})
    document.mark_written(_PATH, said, Place(0, 0, 0, "mailbox"))
    try:
        found = MailboxMessage.model_validate(said)
    except ValidationError as error:
        problems = complaints_from(error, document, _PATH).problems
        raise_problems([replace(one, key=one.key.removeprefix("scenario.0.mailbox.")) for one in problems])
        raise
    raise_problems([Problem(document.place_of(_PATH), name, message) for name, message in misfits(found)])
    return found
