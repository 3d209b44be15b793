"""What ends a run on the terminal, from files as the stages write them."""

import io
import json
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from pneumo.cli import results

ROOT = Path(__file__).parents[2]
ROW = {"mean_iou": 0.775, "pixel_accuracy": 0.98, "f1": 0.7}


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=100)


def lines(console: Console) -> list[str]:
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines()]


def finished(folder: Path, ensemble: float) -> None:
    """Reports of a run with two networks; the better one reached 0.45."""
    named = yaml.safe_load((ROOT / "dvc.yaml").read_text())["vars"]
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"vars": named}))
    (folder / "reports/evaluation").mkdir(parents=True)
    metrics = {
        "ensemble": {"map": ensemble, **ROW},
        "unet_vgg19": {"map": 0.45, **ROW},
        "aspp_resnet152": {"map": 0.4, **ROW},
        "baselines": {"nothing called": {"map": 0.0, **ROW}},
        "leak": {"people": 0},
        "test_images": 80,
        "test_people": 59,
    }
    (folder / "reports/evaluation/metrics.json").write_text(json.dumps(metrics))
    gate = {"name": "pneumonia-ensemble", "version": 3, "verdict": "kept", "alias": "challenger"}
    gate["reasons"] = ["mAP: 0.40 [0.35, 0.45]; must exceed 0.5"]
    (folder / "reports/promotion.json").write_text(json.dumps(gate))


@pytest.mark.parametrize(
    ("ensemble", "said"),
    [
        (0.46, "beats each of its networks (0.4600; best network 0.4500)"),
        (0.45, "does not beat unet_vgg19 (0.4500; best network 0.4500)"),
    ],
)
def test_a_run_ends_with_its_figures_and_the_gates_verdict(
    tmp_path, monkeypatch, console, ensemble, said
):
    finished(tmp_path, ensemble)
    monkeypatch.chdir(tmp_path)
    results.print_result(console)
    told = lines(console)
    assert told[0] == "80 test images of 59 people"
    assert [line.split()[0] for line in told[2:6]] == [
        "unet_vgg19", "aspp_resnet152", "ensemble", "nothing"
    ]  # fmt: skip
    assert told[4] == f"ensemble {ensemble:.4f} 0.7750 0.9800 0.7000"
    assert told[6] == f"On these images the ensemble {said}."
    assert told[7] == "kept: pneumonia-ensemble version 3, alias challenger"
    assert told[8] == "mAP: 0.40 [0.35, 0.45]; must exceed 0.5"


def test_splits_are_a_line_each_and_a_naive_division_is_called_so(console):
    row = {"images": 40, "people": 31, "positive": 0.25, "ap": 0.4, "pa": 0.6}
    leak = {
        "people_in_two_splits": 0,
        "validation_images_of_training_people": 0.0,
        "test_images_of_training_people": 0.125,
    }
    found = {
        "splits": {"train": row | {"female": 0.5, "male": 0.5}},
        "leak": {"by_person": leak, "by_image": leak | {"people_in_two_splits": 7}},
    }
    results.print_splits(found, console)
    told = lines(console)
    assert told[1] == "train 40 31 25.0% 40.0% 60.0% 50.0% 50.0%"
    assert told[2].startswith("by person: 0 people in two splits; 0.0% of validation and 12.5%")
    assert " ".join(told[3:]).startswith("by image: 7 people")
    assert " ".join(told[3:]).endswith("(naive, for comparison)")
    assert "naive" not in told[2]
