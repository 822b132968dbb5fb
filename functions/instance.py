"""The instance that the app runs on, as far as it tells."""

import os
import platform
import re
import sys
from collections.abc import Mapping
from pathlib import Path

MOST_EXTRACTION_MB = 600
SHARE_OF_EXTRACTION = 0.4
"""So that the app and its child process fit the smallest instance (512 MB) beside the host."""

_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def instance_name(environ: Mapping[str, str]) -> str:
    """Return a short name of this instance, of letters and digits: the platform's, or the machine's."""
    name = environ.get("WEBSITE_INSTANCE_ID") or platform.node()
    return "".join(re.findall("[A-Za-z0-9]", name))[:8].lower() or "instance"


def memory_mb() -> int | None:
    """Return the memory of this instance; None where the system does not tell."""
    known = [limit for limit in (_cgroup_mb(), _physical_mb()) if limit]
    return min(known, default=None)


def default_memory_mb() -> int:
    """Return how much memory the extraction of a file may use if no setting says so."""
    all_of_it = memory_mb()
    return MOST_EXTRACTION_MB if all_of_it is None else min(MOST_EXTRACTION_MB, int(all_of_it * SHARE_OF_EXTRACTION))


def _physical_mb() -> int | None:
    if sys.platform == "win32":
        return None
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    except (OSError, ValueError):
        return None


def _cgroup_mb() -> int | None:
    try:
        return int(_CGROUP_LIMIT.read_text("ascii")) // 2**20
    except (OSError, ValueError):  # No control group, or no limit ("max").
        return None
