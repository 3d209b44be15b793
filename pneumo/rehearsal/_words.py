"""Seconds and bytes as a person reads them."""


def duration(seconds: float) -> str:
    """Seconds in words: 41 s, 3.2 min, 5.1 h, 2.3 days."""
    for size, word in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size or (word != "days" and seconds >= size):
            return f"{seconds / size:.1f} {word}"
    return f"{seconds:.1f} s"


def gib(count: float) -> str:
    """Bytes in words."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
