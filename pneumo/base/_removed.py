"""What was a setting in an older ``params.yaml`` and is none any more, and what became of it."""

from collections.abc import Container, Mapping
from typing import Any

REMOVED: Mapping[str, tuple[int, str]] = {
    "train.validation_batch_size": (32, "images per inference step"),
    "ensemble.resamples": (20, "halvings of the people"),
    "ensemble.seed": (1, "as seed of weightings and halvings"),
    "evaluate.pictures": (12, "test images drawn"),
    "evaluate.resamples": (1000, "draws of people behind each interval"),
    "evaluate.minimum_group": (20, "images, or half as many positive, below which it is too small"),
    "evaluate.seed": (1, "as seed of the draws"),
    "promotion.small_group_people": (20, "people below which a subgroup is small"),
    "promotion.resamples": (1000, "draws of people in a comparison"),
    "promotion.seed": (1, "as seed of the draws"),
    "score.part_images": (256, "radiographs finished at a time; score.task_images, where less"),
}
"""Key -> the value that is a constant now, and its unit.

Rooms of higher floors hold the constants; ``tests/base/test_removed.py`` compares them.
"""


def without_removed(
    raw: Mapping[str, Any], sections: Container[str]
) -> tuple[dict[str, Any], list[str]]:
    """``raw`` without the keys in ``REMOVED``, and a line for each that was there.

    A section that is none of ``sections`` any more goes, too, once nothing else is left in it.
    """
    kept = dict(raw)
    lines = []
    for name in dict.fromkeys(key.partition(".")[0] for key in REMOVED):
        section = raw.get(name)
        if name not in raw or not isinstance(section, Mapping | None):
            continue
        old = {key: value for key, value in (section or {}).items() if f"{name}.{key}" in REMOVED}
        lines += [_line(f"{name}.{key}", value) for key, value in old.items()]
        left = {key: value for key, value in (section or {}).items() if key not in old}
        if left or name in sections:
            kept[name] = left if old else section
            continue
        del kept[name]
        if not old:
            lines.append(f"{name}: no longer a section; delete it")
    return kept, lines


def _line(key: str, value: Any) -> str:
    constant, unit = REMOVED[key]
    differs = "" if value == constant else f", not {value!r}"
    return f"{key}: no longer a setting; it is {constant} {unit}{differs}; delete the line"
