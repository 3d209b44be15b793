"""What a reader should know first: one sentence per finding, with its weight."""

from typing import Literal, NamedTuple

from pneumo.explore._statistics import OLDEST_YEARS, box_measures, named, shortcut
from pneumo.explore._survey import Survey

Weight = Literal["warning", "good", "fact"]
STRONG_SHORTCUT, SMALL_BOX_PX = 0.6, 25_000


class Note(NamedTuple):
    """A sentence; a warning asks for something to be done."""

    weight: Weight
    text: str


def notes(survey: Survey, groups: list[list[int]]) -> list[Note]:
    """The findings of a data set, warnings first. ``groups``: rows that show the same picture."""
    found = [*_labels(survey), *_people(survey), *_files(survey), *_same(survey, groups)]
    found += [*_views(survey), *_boxes(survey)]
    order: tuple[Weight, ...] = ("warning", "fact", "good")
    return sorted(found, key=lambda note: order.index(note.weight))


def _labels(survey: Survey) -> list[Note]:
    images = survey.images
    wrong = int(((images["class"] == "Lung Opacity") != (images["target"] == 1)).sum())
    old = int((survey.read["age"] > OLDEST_YEARS).sum())
    notes = []
    if wrong:
        notes.append(Note("warning", f"The class contradicts the target on {wrong:,} images."))
    if old:
        notes.append(Note("warning", f"{old:,} ages are over {OLDEST_YEARS} years: errors."))
    return notes


def _people(survey: Survey) -> list[Note]:
    if not survey.people_known:
        return [Note("warning", "The people are unknown (no patients.csv): a split by image would "
                     "put the same person on both sides.")]  # fmt: skip
    counts = survey.images["person"].value_counts()
    several = int(counts[counts > 1].sum())
    share = several / max(1, len(survey.images))
    return [Note("fact", f"{100 * share:.0f} % of the images are of people who have more than one: "
                 "split by person.")]  # fmt: skip


def _files(survey: Survey) -> list[Note]:
    refused = len(survey.images) - len(survey.read)
    notes = [Note("warning", f"{refused:,} radiographs were refused; the reasons are below.")]
    if not refused:
        notes = [Note("good", "Every labelled radiograph could be read.")]
    if survey.unlabelled_files:
        notes.append(Note("warning", f"{survey.unlabelled_files:,} files have no label."))
    return notes


def _same(survey: Survey, groups: list[list[int]]) -> list[Note]:
    if not groups:
        return [Note("good", "No two radiographs show the same picture.")]
    images = survey.images
    people = sum(images["person"].iloc[rows].nunique() > 1 for rows in groups)
    targets = sum(images["target"].iloc[rows].nunique() > 1 for rows in groups)
    text = f"{sum(map(len, groups)):,} radiographs in {len(groups):,} groups show the same picture"
    if people and survey.people_known:
        text += f"; {people:,} groups are listed under different people and would leak"
    if targets:
        text += f"; {targets:,} groups are labelled both ways"
    return [Note("warning", text + ".")]


def _views(survey: Survey) -> list[Note]:
    read = survey.read
    views = named(read["view"])
    value = shortcut(views, read["target"])
    rates = read["target"].groupby(views).mean().to_dict()
    text = f"The view alone predicts the label with an AUC of {value:.2f}"
    if {"AP", "PA"} <= set(rates):
        text += (
            f" ({100 * rates['AP']:.0f} % of AP and {100 * rates['PA']:.0f} % of PA are positive)"
        )
    if value >= STRONG_SHORTCUT:
        return [Note("warning", text + ": a shortcut that a network will take; judge per view.")]
    return [Note("fact", text + ".")]


def _boxes(survey: Survey) -> list[Note]:
    boxes = survey.boxes
    if boxes.empty:
        return [Note("warning", "There is no box at all.")]
    small = float((boxes["width_px"] * boxes["height_px"] < SMALL_BOX_PX).mean())
    area = box_measures(boxes)["area"].sum() / max(1, len(survey.read))
    return [
        Note("fact", f"Opacities cover about {area:.1f} % of all pixels; a network that calls "
             f"nothing is right on the other {100 - area:.1f} %."),
        Note("fact", f"{100 * small:.0f} % of the boxes are smaller than {SMALL_BOX_PX:,} px, the "
             "smallest that the published recipe keeps."),
    ]  # fmt: skip
