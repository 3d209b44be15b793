"""Who is on an image: placeholders name nobody, and the spellings of one person are one.

A person is a text. Blanks, case and Unicode form do not count, nor do what spreadsheets and scripts
do to numbers: ``007``, ``7`` and ``7.0`` are one person, and so are ``0`` and ``0.0``.
"""

from collections.abc import Iterable

import pandas as pd

from pneumo.dataset.tables import spell

NOBODY = frozenset(
    {
        "na", "nan", "nat", "none", "null", "nil", "missing", "empty", "blank", "undefined",
        "unspecified", "unnamed", "noname", "noid", "unknown", "unk", "unbekannt",
        "unknownpatient", "patientunknown", "unknownperson", "notknown", "notavailable", "anon",
        "anonym", "anonymous", "anonymized", "anonymised", "anonymouspatient", "patientanonymous",
        "deidentified", "redacted", "removed", "withheld",
    }
)  # fmt: skip
"""Words that stand where a person should; marks do not count (``N/A``, ``<NA>``)."""

NUMBER = r"0*([0-9]+?)([.,]0{1,2})?"
VERY_MANY_IMAGES = 200
"""More than anybody has in the NIH's collection, from which RSNA's images are."""

MANY_IMAGES, MANY_SHARE = 10, 0.05
SHOWN = 5


def is_known(people: pd.Series) -> pd.Series:
    """Whether a cell names somebody: it is there, has a letter or digit, and is no placeholder.

    ``-1`` is what pandas numbers a missing value with; ``XXX`` is how names are struck out.
    """
    plain = spell(people).fillna("")
    letters = plain.str.replace(r"[\W_]+", "", regex=True)
    struck = plain.str.fullmatch(r"-1(\.0+)?|x{3,}|#nv")
    return ~(letters.isin(NOBODY | {""}) | struck).astype(bool)


def person_key(people: pd.Series) -> pd.Series:
    """What the spellings of one person have in common; missing for a placeholder."""
    keys = spell(people).str.replace(f"^{NUMBER}$", r"\1", regex=True)
    return keys.where(is_known(people))


def one_each(people: pd.Series) -> pd.Series:
    """People in one spelling each, the first in order of those that are there; else missing."""
    keys = person_key(people)
    return keys.map(people.groupby(keys).min()).astype(people.dtype)


def crowded(people: pd.Series) -> pd.Series:
    """Whether a row is one of very many of one person, which a placeholder may be."""
    counts = people.map(people.value_counts()).fillna(0).astype(int)
    return (counts > VERY_MANY_IMAGES) | (counts > max(MANY_IMAGES, MANY_SHARE * len(people)))


def nobody_named(placeholders: Iterable[object]) -> str:
    """``16 images name no person (None, nan)``, of the cells that stand where people should."""
    cells = pd.Series(list(placeholders), dtype=object)
    words = sorted(set(cells.fillna("").astype(str).str.strip()) - {""})
    blank = ["blank"] if cells.isna().any() or (cells.astype(str).str.strip() == "").any() else []
    shown = [*words[:SHOWN], *(["..."] if len(words) > SHOWN else []), *blank]
    images = f"{len(cells)} image{'s' if len(cells) != 1 else ''}"
    return f"{images} name{'s' if len(cells) == 1 else ''} no person ({', '.join(shown)})"
