import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from pneumo.dataset.dataset import IMAGES
from pneumo.explore.explore import explore

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def page(demo_root, tmp_path_factory) -> str:
    out = tmp_path_factory.mktemp("reports") / "data.html"
    explore(out, [demo_root, demo_root])
    return out.read_text()


def test_the_page_needs_no_network(page):
    assert not re.findall(r"""(?:src|href)=["'](?!data:image/|#)""", page)
    assert not re.findall(r"https?:|url\(|@import|<script|<link", page)
    assert "default-src 'none'" in page


def test_the_page_names_no_patient_person_or_file(page, demo_root):
    people = pd.read_csv(demo_root / "patients.csv", dtype=str)
    text = re.sub(r"data:image/[^\"]*", "", page)
    for word in [*people["patientId"], ".dcm", str(demo_root)]:
        assert word not in text
    assert not set(people["person"]) & set(re.findall(r"\b\d{5}\b", text))


def test_the_page_of_two_equal_sets_tells_no_difference(page):
    assert "Nothing differs by more than chance" in page
    rows = page.count("within chance</td>")
    assert rows > 10
    assert rows == page.count('<tr class="unclear">')


def test_the_page_has_every_section_and_a_dozen_radiographs_per_set(page):
    for section in ("differences", "counts", "prevalence", "boxes", "pixels", "same", "refused"):
        assert f'<h2 id="{section}">' in page
    assert page.count("<figcaption>") == 2 * 12
    assert "nan" not in re.sub(r"data:image/[^\"]*", "", page)


def test_what_is_refused_or_there_twice_is_listed_without_names(broken_root, tmp_path):
    torn, missing, source, copy, *_ = sorted((broken_root / IMAGES).iterdir())
    content = source.read_bytes()
    for path in (torn, missing, copy):
        path.unlink()
    torn.write_bytes(b"torn")
    copy.write_bytes(content)
    (broken_root / IMAGES / "unknown.dcm").write_bytes(content)
    out = tmp_path / "data.html"
    (found,) = explore(out, [broken_root], workers=1)
    assert found.images["reason"].value_counts().to_dict() == {
        "": 34, "not_dicom": 1, "not_a_file": 1
    }  # fmt: skip
    text = out.read_text()
    assert "<code>not_dicom</code>" in text
    assert "2 radiographs were refused" in text
    assert "2 radiographs in 1 groups show the same picture" in text
    assert "1 files have no label" in text
    assert torn.stem not in text
    assert str(broken_root) not in text


def test_a_set_without_people_or_boxes_has_a_page(broken_root, tmp_path):
    (broken_root / "patients.csv").unlink()
    labels = broken_root / "stage_2_train_labels.csv"
    table = pd.read_csv(labels).drop_duplicates("patientId").assign(Target=0)
    table[["x", "y", "width", "height"]] = None
    table.to_csv(labels, index=False)
    explore(tmp_path / "data.html", [broken_root], workers=1)
    text = (tmp_path / "data.html").read_text()
    assert "The people are unknown" in text
    assert "There is no box at all" in text


def test_the_command_writes_where_it_is_told(demo_root, tmp_path):
    command = [str(Path(sys.executable).with_name("pneumo")), "explore", str(demo_root)]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "page.html")],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.stdout.splitlines() == [
        f"{demo_root.name}: 36 radiographs, 0 refused", str(tmp_path / "page.html")
    ]  # fmt: skip
