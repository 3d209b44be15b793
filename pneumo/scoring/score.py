"""Find opacities on new radiographs with an ensemble; a bad file never stops the batch.

``score`` does all of it. For many machines it is cut in three: ``plan_score`` lists the work,
``score_part`` does one task of it, ``publish_scores`` writes the tables of all.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pneumo.base.errors import DataError, PneumoError, TransientError
from pneumo.base.locks import share_lock, try_lock
from pneumo.base.safe import printable
from pneumo.dicom.read import READING
from pneumo.engines.choose import choose, is_installed, open_engine
from pneumo.engines.processor import why_not_in
from pneumo.intake.profile import PROFILE
from pneumo.scoring._inputs import list_inputs
from pneumo.scoring._model import Model, open_model
from pneumo.scoring._precision import choose_precision
from pneumo.scoring._publish import publish
from pneumo.scoring._room import is_full
from pneumo.scoring.parts import Scorer, Store
from pneumo.scoring.plan import Plan, left_of, load_plan, make_plan
from pneumo.scoring.run import Work, score_parts
from pneumo.site.sitekey import site_key

if TYPE_CHECKING:
    from pneumo.base.settings import ScoreSettings

MOST_TASKS = 500

PART_IMAGES = 256
"""Radiographs that are finished at a time, or those of a task where these are fewer: what a kill
costs at most, about a minute on a CPU."""


def score(
    inputs: Sequence[Path],
    out: Path,
    model: str,
    *,
    score: "ScoreSettings",
    resume: bool = True,
    review_share: float = 0.0,
) -> dict[str, Any]:
    """Score files, folders and zip archives with the ensemble ``model`` into the folder ``out``.

    What this scorer has finished there is kept, or removed first without ``resume``. At least
    ``review_share`` of the radiographs get a reason to be read first. Returns the summary.
    Raises DataError for inputs that are not there, for a full disk, and for another run that would
    be disturbed; RegistryError for an ensemble that fails its checks.
    """
    chosen = open_model(model)
    with _writing(out, clean=True):
        plan = make_plan(list_inputs(inputs, _unpacked(out)), _part_images(score))
        scorer = _scorer(chosen, score)
        with _alone_with(out, plan, None if resume else scorer):
            done = Store(out).done(scorer, score.overlays)
            left = list(left_of(plan.parts, done))
            _score(out, plan, plan.parts, left, chosen, scorer, score)
            found = _publish(out, plan, scorer, score.overlays, review_share, keep_older=False)
    return found


def plan_score(
    inputs: Sequence[Path], out: Path, model: str, *, rescore: bool, score: "ScoreSettings"
) -> dict[str, Any]:
    """List what is to be scored and divide it into tasks; returns ``out`` and their number.

    Without ``rescore``, what an earlier version of the model has scored is left as it is.
    """
    chosen = open_model(model)
    with _writing(out):
        plan = make_plan(list_inputs(inputs, _unpacked(out)), _part_images(score))
        scorer = _scorer(chosen, score)
        done = Store(out).done(scorer if rescore else None, score.overlays)
        parts = list(left_of(plan.parts, done))
        about = {"model": chosen.uri, "tasks": _tasks(parts, score.task_images)}
        about |= {"rescore": rescore, "score": score.model_dump(), "scorer": asdict(scorer)}
        Plan(plan.images, parts).save(_plan_file(out), about)
    return {"out": str(out), "tasks": about["tasks"], "files": len(plan.images)}


def score_part(out: Path, number: int, *, score: "ScoreSettings") -> None:
    """Do task ``number`` of those that were planned in ``out``."""
    plan, about = load_plan(_plan_file(out))
    if not 0 <= number < about["tasks"]:
        raise DataError(f"{out}: has no task {number}; there are {about['tasks']}")
    score = score.model_copy(update=about["score"])
    scorer = _planned(out, about)
    if not is_installed(scorer.engine):
        raise PneumoError(
            f"{printable(out)}: its plan scores with {scorer.engine} on every machine, and that is "
            f"not installed here; install pneumo[{scorer.engine}], or plan with another engine"
        )
    chosen = open_model(about["model"])
    if chosen.digest != scorer.digest:
        raise DataError(f"{chosen.uri}: is another ensemble than was planned; plan again")
    with _writing(out):
        mine, store = plan.parts[number :: about["tasks"]], Store(out)
        left = [part for part in mine if not store.holds(scorer, part, score.overlays)]
        if left:
            _can_multiply(scorer, out)
        _score(out, plan, mine, left, chosen, scorer, score)


def publish_scores(
    out: Path, *, score: "ScoreSettings", review_share: float = 0.0
) -> dict[str, Any]:
    """Reconcile what the tasks have done and write the tables; returns the summary."""
    plan, about = load_plan(_plan_file(out))
    score = score.model_copy(update=about["score"])
    scorer = _planned(out, about)
    with _writing(out, clean=True):
        older = not about["rescore"]
        return _publish(out, plan, scorer, score.overlays, review_share, keep_older=older)


def _part_images(settings: "ScoreSettings") -> int:
    return min(PART_IMAGES, settings.task_images)


def _tasks(parts: Sequence[Sequence[str]], task_images: int) -> int:
    images = sum(map(len, parts))
    return min(MOST_TASKS, len(parts), -(-images // task_images))


def _score(
    out: Path,
    plan: Plan,
    parts: Sequence[Sequence[str]],
    left: Sequence[Sequence[str]],
    model: Model,
    scorer: Scorer,
    settings: "ScoreSettings",
) -> None:
    if not left:
        return
    engine = open_engine(
        model.package,
        scorer.engine,
        batch_size=settings.batch_size,
        precision=scorer.precision,
        quantised=model.quantised() if scorer.precision == "int8" else None,
    )
    profile = model.profile()
    if profile:
        Store(out).keep_profile(scorer, model.package.file(PROFILE))
    work = Work(
        Store(out),
        scorer,
        engine,
        model.package.ensemble,
        plan.paths(),
        settings.overlays,
        profile,
        site_key(),
    )
    total = sum(map(len, parts))
    score_parts(work, left, total - sum(map(len, left)), total)


def _publish(
    out: Path,
    plan: Plan,
    scorer: Scorer,
    overlays: str,
    review_share: float,
    *,
    keep_older: bool,
) -> dict[str, Any]:
    store = Store(out)
    store.keep_asked(scorer)
    parts = list(store.parts())
    own = [part for part in parts if part.scorer.key == scorer.key]
    others = [part for part in parts if part.scorer.key != scorer.key]
    return publish(out, plan, own + others if keep_older else own, overlays, review_share)


def _scorer(model: Model, settings: "ScoreSettings") -> Scorer:
    engine = choose() if settings.engine == "auto" else settings.engine
    return Scorer(
        model=model.uri,
        version=model.version,
        digest=model.digest,
        engine=engine,
        precision=choose_precision(model, settings) if engine == "openvino" else "float32",
        flip=settings.flip,
        reading=READING,
        frontal_only=settings.frontal_only,
    )


def _planned(out: Path, about: Mapping[str, Any]) -> Scorer:
    """The scorer of a plan: ``auto`` was resolved once, and means the same on every machine."""
    try:
        return Scorer(**about["scorer"])
    except (KeyError, TypeError):
        raise DataError(
            f"{printable(out)}: was planned by another version of pneumo; "
            "run `pneumo score-plan` again"
        ) from None


def _can_multiply(scorer: Scorer, out: Path) -> None:
    """TransientError where this processor is none for the planned precision; another may be."""
    if reason := why_not_in(scorer.precision):
        raise TransientError(
            f"{printable(out)}: its plan scores in {scorer.precision} on every machine, and "
            f"{reason}; try again on another machine, or set score.precision float32 and plan again"
        )


def _plan_file(out: Path) -> Path:
    return out / ".scoring" / "plan.json"


def _unpacked(out: Path) -> Path:
    return out / ".scoring" / "unpacked"


@contextmanager
def _writing(out: Path, *, clean: bool = False) -> Iterator[None]:
    """Share ``out`` with runs beside this one; with ``clean`` the last removes what was unpacked.

    A full disk and a folder that may not be written become one line.
    """
    try:
        (out / ".scoring").mkdir(parents=True, exist_ok=True)
        with (out / ".scoring" / "shared").open("w") as file:
            share_lock(file)
            yield
            if clean and try_lock(file):
                shutil.rmtree(_unpacked(out), ignore_errors=True)
    except OSError as error:
        if is_full(error):
            raise DataError(
                f"{printable(out)}: there is no room left; make room and run the same again: "
                "what is finished is kept"
            ) from None
        if isinstance(error, PermissionError | NotADirectoryError | FileExistsError):
            raise PneumoError(f"{printable(out)}: cannot be written ({error.strerror})") from None
        raise


@contextmanager
def _alone_with(out: Path, plan: Plan, again: Scorer | None) -> Iterator[None]:
    """Several runs of one plan may share ``out``; DataError when another plan is on its way.

    What ``again`` has finished is removed, which nobody shares.
    """
    with (out / ".scoring" / "running").open("a+") as file:
        if try_lock(file):
            if again:
                shutil.rmtree(Store(out).folder / again.key, ignore_errors=True)
            file.truncate(0)
            file.write(plan.key)
            file.flush()
        else:
            file.seek(0)
            if again or file.read().strip() != plan.key:
                what = "files" if again else "other files"
                raise DataError(
                    f"{printable(out)}: another run scores {what} into it; wait for its "
                    "end, or name another folder"
                )
        share_lock(file)
        yield
