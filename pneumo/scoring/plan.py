"""What is to be done: every file by the sum of its content, and the parts still to score."""

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pneumo.base.errors import DataError
from pneumo.base.files import sha256_of, write_json
from pneumo.base.safe import cell
from pneumo.dicom.process import usable_cores
from pneumo.dicom.refusal import Refused
from pneumo.dicom.source import file_bytes
from pneumo.scoring._inputs import Item


@dataclass(frozen=True, slots=True)
class Image:
    """One file of a plan; ``content`` is the sum of its bytes, blank for one that is not read.

    ``file`` and ``image_id`` are fit for a cell of a table. ``duplicate_of`` is the first file of
    the plan with the same content. ``name`` is the ID where a cell changes it.
    """

    file: str
    image_id: str
    path: str
    content: str
    duplicate_of: str = ""
    reason: str = ""
    message: str = ""
    name: str = ""


@dataclass(frozen=True)
class Plan:
    """The files, and how their distinct contents are cut into parts, in their order."""

    images: list[Image]
    parts: list[list[str]]

    @property
    def key(self) -> str:
        """A sum that names the work."""
        return sha256_of([[image.file, image.content] for image in self.images])[:32]

    def paths(self) -> dict[str, Path]:
        """Content -> a file that holds it."""
        return {i.content: Path(i.path) for i in reversed(self.images) if i.content}

    def save(self, path: Path, about: dict[str, Any]) -> None:
        """Write the plan and what is to be known of it, whole."""
        images = [list(asdict(image).values()) for image in self.images]
        write_json(path, {"about": about, "images": images, "parts": self.parts})


def load_plan(path: Path) -> tuple[Plan, dict[str, Any]]:
    """What ``save`` wrote. Raises DataError when nothing is planned there."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        return Plan([Image(*row) for row in value["images"]], value["parts"]), value["about"]
    except FileNotFoundError:
        raise DataError(
            f"{path.parents[1]}: nothing is planned there; run `pneumo score-plan`"
        ) from None


def make_plan(items: Sequence[Item], part_images: int) -> Plan:
    """Sum every file and cut the distinct contents into parts of ``part_images``."""
    first: dict[str, str] = {}
    images = []
    with ThreadPoolExecutor(usable_cores()) as pool:
        for item, (content, reason, message) in zip(items, pool.map(_content, items), strict=True):
            file = cell(item.file)
            before = first.setdefault(content, file) if content else file
            duplicate = "" if before == file else before
            name = cell(item.image_id)
            other = "" if name == item.image_id else item.image_id
            images.append(
                Image(file, name, str(item.path), content, duplicate, reason, message, other)
            )
    contents = list(first)
    parts = [contents[n : n + part_images] for n in range(0, len(contents), part_images)]
    return Plan(images, parts)


def left_of(parts: Sequence[Sequence[str]], done: Collection[str]) -> Iterator[list[str]]:
    """The parts without the contents that are done; a part without any left is left out."""
    for part in parts:
        if left := [content for content in part if content not in done]:
            yield left


def _content(item: Item) -> tuple[str, str, str]:
    if item.reason:
        return "", item.reason, item.message
    try:
        return hashlib.sha256(file_bytes(item.path)).hexdigest(), "", ""
    except Refused as refused:
        return "", refused.reason, refused.message
