"""What the processor here can do, as Linux lists it."""

from pathlib import Path

FACTS = Path("/proc/cpuinfo")


def cpu_flags() -> frozenset[str]:
    """Linux's words for the first processor's instructions; none where there is no such list."""
    try:
        lines = FACTS.read_text(encoding="utf-8").splitlines()
    except OSError:
        return frozenset()
    named = (line.partition(":") for line in lines)
    words = (words for name, _, words in named if name.strip() == "flags")
    return frozenset(next(words, "").split())
