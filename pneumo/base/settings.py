"""Every choice of a run: ``params.yaml`` as one frozen, typed object.

There are no defaults: what a run does is written in ``params.yaml``, whole. Each pipeline stage
takes only the sections it needs, so DVC knows what an edit makes stale.
"""

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pneumo.base._removed import without_removed
from pneumo.base.errors import SettingsError
from pneumo.base.words import EngineName, Network, OverlayName

Fraction = Annotated[float, Field(ge=0, lt=1)]


class Section(BaseModel):
    """A group of settings that change together; frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class DataSettings(Section):
    """Which radiographs, at what size, and how they are split by person."""

    root: str = Field(min_length=1, description="Folder in RSNA's format, relative to the checkout")
    size_px: int = Field(ge=32, le=1024, multiple_of=32, description="Side of the networks' input")
    train_images: int | None = Field(ge=1, description="Training images; null: all that are left")
    validation_images: int = Field(ge=1, description="Images the ensemble is tuned on")
    test_images: int = Field(ge=1, description="Images the ensemble is judged on, once")
    reserved_test: str | None = Field(
        min_length=1, description="File in the root with IDs of images kept for test; null: none"
    )
    frontal_only: bool = Field(
        description="Refuse what its header says is no frontal chest for presentation; false: note"
    )
    seed: int = Field(ge=0, description="Seed of the split")


class DemoSettings(Section):
    """The synthetic radiographs of ``pneumo demo``."""

    images: int = Field(ge=30, le=100_000, description="Number of radiographs")
    seed: int = Field(ge=0, description="Same seed, same bytes")


class TrainSettings(Section):
    """How each network is built and trained."""

    encoder: Literal["full", "small"] = Field(description="Published encoder, or one for a CPU")
    encoder_weights: str = Field(description="imagenet, none, or a path: from `pneumo pretrain`")
    frozen_epochs: int = Field(
        ge=0,
        description="First epochs, in which an encoder that came with weights stays as it is; "
        "as many as there are epochs: it is never trained",
    )
    encoder_rate: float = Field(
        gt=0, le=1, description="Such an encoder's step size, as a share of the rest's"
    )
    batch_size: int = Field(ge=1, description="Images per training step")
    epochs: int = Field(ge=1, description="Most passes over the training images")
    patience: int = Field(ge=1, description="Epochs without a better validation loss, then stop")
    learning_rate: float = Field(gt=0, le=1, description="Adam's step size")
    schedule: Literal["constant", "cosine"] = Field(description="Course of the step size")
    warmup_epochs: float = Field(
        ge=0,
        description="Epochs in which a cosine's step size rises, and that of an encoder let go",
    )
    overlap: Literal["iou", "dice"] = Field(description="Loss of the overlap of masks")
    overlap_weight: float = Field(
        ge=0, le=1, description="Weight of the overlap loss; the rest is cross-entropy"
    )
    overlap_channels: Literal["both", "opacity"] = Field(
        description="Masks the overlap loss looks at"
    )
    focus: float = Field(ge=0, le=5, description="Focal cross-entropy's gamma; 0: plain")
    positive_share: float | None = Field(
        gt=0, lt=1, description="Share of an epoch's images with opacities; null: as they are"
    )
    image_head: bool = Field(description="Multiply maps by a probability of any opacity")
    image_head_weight: float = Field(ge=0, description="Weight of that probability's loss")
    average: float = Field(ge=0, lt=1, description="Memory of the weights' moving average; 0: none")
    batch_norm_momentum: float = Field(gt=0, lt=1, description="Memory of the batch statistics")
    reestimate_batch_norm: bool = Field(
        description="Estimate these anew after training, but for an encoder that was frozen"
    )
    flip_average: bool = Field(description="Answer with the mean over image and mirror image")
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        description="Of training; auto: bfloat16 where the device multiplies in it, as GPUs and "
        "CPUs with AMX or AVX-512 BF16 do; heads and losses are float32"
    )
    devices: int = Field(ge=1, le=64, description="GPUs that share each batch of one network")
    jit_compile: Literal["auto", "on", "off"] = Field(description="Compile steps with XLA")
    pictures: int = Field(ge=0, le=16, description="Validation images that MLflow's server shows")
    seed: int = Field(ge=0, description="Seed of initial weights, order and augmentation")

    @property
    def stays_frozen(self) -> bool:
        """Whether an encoder that came with weights is never trained."""
        return self.frozen_epochs >= self.epochs


class AugmentSettings(Section):
    """How training images are changed, drawn anew for every epoch; 0 and false: not."""

    flip: bool = Field(description="Mirror half of the images")
    rotation_deg: float = Field(ge=0, le=45, description="Largest rotation, either way")
    scale: Fraction = Field(description="Largest enlargement, or reduction, as a share")
    shift: Fraction = Field(description="Largest shift, as a share of the side")
    contrast: Fraction = Field(description="Largest change of contrast, as a share")
    brightness: Fraction = Field(description="Largest change of brightness, as a share of white")
    blur: float = Field(ge=0, le=1, description="Largest share of a blurred copy")
    jpeg: float = Field(ge=0, le=4, description="Largest JPEG quantisation, in steps of quality 50")


class PretrainSettings(Section):
    """How ``pneumo pretrain`` teaches an encoder: its options, and ``params.yaml`` for the rest."""

    size_px: int = Field(ge=32, le=1024, multiple_of=32, description="Side of the encoders' input")
    held_out: float = Field(ge=0.05, le=0.5, description="Share of the people that is held out")
    balance: bool = Field(description="Let rare labels weigh more")
    frontal_only: bool = Field(description="As data.frontal_only")
    train: TrainSettings
    augment: AugmentSettings


class EnsembleSettings(Section):
    """The search for the weights of the networks."""

    candidates: int = Field(ge=0, description="Random weightings tried; 0: equal weights")


class BoxesSettings(Section):
    """What tuning may choose from to make boxes; it begins at the first of each, and may stay."""

    thresholds: list[Annotated[float, Field(gt=0, lt=1)]] = Field(
        min_length=1, description="Pixel probabilities above which a pixel is opacity"
    )
    gates: list[Fraction] = Field(
        min_length=1, description="Image level below which nothing is called; 0: none"
    )
    minimum_areas_px: list[Annotated[float, Field(ge=0)]] = Field(
        min_length=1,
        description="Smallest component kept, in pixels of a radiograph of 1024 x 1024",
    )
    shrinks: list[Fraction] = Field(
        min_length=1, description="Shares of width, and of height, taken off each box"
    )


class PromotionSettings(Section):
    """When a candidate replaces the champion."""

    minimum_map: float = Field(ge=0, le=1, description="mAP below which nothing is promoted")
    minimum_sensitivity: float = Field(
        ge=0, le=1, description="Share of positive images called below which nothing is promoted"
    )
    margin: float = Field(ge=0, le=1, description="Loss of mAP that must be ruled out")
    confidence: float = Field(
        ge=0.5, lt=1, description="Confidence of a gain, and that no loss exceeds the margin"
    )
    subgroup_margin: float = Field(ge=0, le=1, description="Loss of mAP allowed in a subgroup")
    approval: Literal["none", "required"] = Field(
        description="Whether a person must agree before the champion changes"
    )


class ScoreSettings(Section):
    """How new radiographs are scored."""

    engine: EngineName = Field(description="auto: Keras on a GPU, OpenVINO on a CPU")
    precision: Literal["auto", "float32", "mixed", "bfloat16", "int8"] = Field(
        description="Another than float32 must agree with it on the processor; mixed: bfloat16, "
        "and float32 where that is unsure; auto: the fastest"
    )
    batch_size: int = Field(
        ge=1, le=256, description="Pictures computed at once; OpenVINO in float32: 2 at most"
    )
    flip: bool = Field(description="Average each map with that of the mirrored picture")
    frontal_only: bool = Field(
        description="Refuse what its header says is no frontal chest for presentation; false: note"
    )
    overlays: OverlayName = Field(description="Radiographs drawn with boxes and heat map")
    task_images: int = Field(ge=1, description="Radiographs of one task of the DAG, at least")


class MonitorSettings(Section):
    """What is watched after the promotion."""

    window_images: int = Field(ge=20, description="Radiographs after which a window is judged")
    window_days: int = Field(ge=1, le=92, description="Days after which a smaller one is; 20 wait")
    false_alarms: float = Field(
        gt=0, le=0.1, description="Share of unchanged windows that may be marked by chance"
    )
    review_share: float = Field(ge=0, le=1, description="Share to be read first, at least")
    audit_share: float = Field(
        ge=0, le=1, description="Share of the uncalled drawn for readers, so misses can be counted"
    )
    keep_days: int = Field(ge=1, description="Days for which what each radiograph gave is kept")


class Settings(Section):
    """All sections of ``params.yaml``."""

    models: list[Network] = Field(min_length=1)
    data: DataSettings
    demo: DemoSettings
    train: TrainSettings
    augment: AugmentSettings
    ensemble: EnsembleSettings
    boxes: BoxesSettings
    promotion: PromotionSettings
    score: ScoreSettings
    monitor: MonitorSettings


def load_settings(path: Path = Path("params.yaml")) -> Settings:
    """Read ``path``; raise SettingsError with every fault at once when it cannot be used.

    A key that was a setting once is a fault, too, whose line says what became of it.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(
            str(path), ["there is no such file; run this in a checkout, or `pneumo recipe demo`"]
        ) from None
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(
            str(path), [f"cannot be read: {' '.join(str(error).split())}"]
        ) from None
    if not isinstance(raw, dict):
        raise SettingsError(
            str(path),
            [f"must hold named sections ({_found(raw)}); `pneumo recipe demo` writes them"],
        )
    kept, faults = without_removed(raw, Settings.model_fields)
    try:
        settings = Settings.model_validate(kept)
    except ValidationError as error:
        raise SettingsError(str(path), faults + [_fault(item) for item in error.errors()]) from None
    if faults:
        raise SettingsError(str(path), faults)
    return settings


def _found(raw: Any) -> str:
    return "it is empty" if raw is None else f"got a {type(raw).__name__}"


def _fault(item: Any) -> str:
    where = ".".join(str(part) for part in item["loc"])
    if item["type"] == "missing":
        return f"{where}: missing"
    if item["type"] != "extra_forbidden":
        return f"{where}: {item['msg'][0].lower()}{item['msg'][1:]} (got {item['input']!r})"
    parent, known = _keys_beside(item["loc"])
    near = difflib.get_close_matches(str(item["loc"][-1]), known, n=1)
    hint = f"; did you mean {'.'.join([*parent, near[0]])}?" if near else ""
    return f"{where}: unknown{hint}"


def _keys_beside(loc: tuple[Any, ...]) -> tuple[list[str], list[str]]:
    if len(loc) == 1:
        return [], list(Settings.model_fields)
    section = Settings.model_fields[str(loc[0])].annotation
    return [str(loc[0])], list(getattr(section, "model_fields", {}))
