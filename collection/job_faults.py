"""The faults of a document, as a job's command listed them."""

from __future__ import annotations

import re

_HEAD = re.compile(r"\b\d+ faults?:$")
_FAULT = re.compile(r"^\s*([\w.\-]+(?:\[\d+\])*(?:\.[\w\-]+(?:\[\d+\])*)*): (.+)$")


def faults_of(error: str) -> list[tuple[str, str]]:
    """Place and sentence of every fault in what a failed command wrote; none if it
    failed for another reason."""
    lines = error.splitlines()
    heads = [at for at, line in enumerate(lines) if _HEAD.search(line)]
    if not heads:
        return []
    found = (_FAULT.match(line) for line in lines[heads[-1] + 1 :])
    return [(match[1], match[2]) for match in found if match]
