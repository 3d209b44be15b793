"""Damaged radiographs: truncations and flipped bytes, the same for the same seed."""

import random
from pathlib import Path

from tests.dicom.files import LOSSLESS, LOSSY, dataset, values, write

TAILS = (0xFF, 0x00, 0x7F, 0x80)


def seeds(folder: Path) -> list[bytes]:
    """One small valid file per transfer syntax, and one that is windowed."""
    files = [write(folder / "seed.dcm", dataset(
        values(8 if syntax in LOSSY[:2] else 12, shape=(64, 80)),
        bits=8 if syntax in LOSSY[:2] else 12,
        allocated=8 if syntax in LOSSY[:2] else 16,
        syntax=syntax, WindowCenter=[2000], WindowWidth=[1500],
    )).read_bytes() for syntax in (*LOSSLESS, *LOSSY)]  # fmt: skip
    (folder / "seed.dcm").unlink()
    return files


def mutant(data: bytes, rng: random.Random) -> bytes:
    """Damage a file in one to eight places of its header, its codestream, or both."""
    damaged = bytearray(data)
    if rng.random() < 0.15:
        return bytes(damaged[: rng.randrange(len(damaged))])
    first = rng.choice([0, 132, 132, len(data) // 2 if rng.random() < 0.5 else 300])
    last = rng.choice([min(900, len(data)), len(data)])
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(min(first, last - 1), last)
        kind = rng.random()
        if kind < 0.6:
            damaged[at] ^= 1 << rng.randrange(8)
        elif kind < 0.8:
            damaged[at] = rng.choice(TAILS)
        elif kind < 0.9:
            damaged[at : at + 4] = rng.randbytes(4)
        else:
            del damaged[at : at + rng.randint(1, 16)]
            last = min(last, len(damaged))
        if last <= first or not damaged:
            break
    return bytes(damaged)


def write_mutants(folder: Path, count: int, seed: int) -> list[Path]:
    """Write ``count`` mutants to ``folder``."""
    rng, valid = random.Random(seed), seeds(folder)
    paths = []
    for number in range(count):
        path = folder / f"{number:06}.dcm"
        path.write_bytes(mutant(valid[number % len(valid)], rng))
        paths.append(path)
    return paths
