"""How much memory this machine has."""

import os
from pathlib import Path

LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Files with the limit of the container that a process runs in, if it has one."""


def machine_memory() -> int | None:
    """Bytes of memory that processes may take: of the machine, or of the container if that is less.

    Returns:
        ``None`` where the system does not tell, as on Windows.
    """
    try:
        found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
    for place in LIMITS:
        try:
            text = Path(place).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdecimal():  # "max" = no limit
            found = min(found, int(text))
    return found
