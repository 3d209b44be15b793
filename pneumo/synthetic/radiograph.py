"""One synthetic radiograph, put together from anatomy, findings and devices."""

from dataclasses import replace

import numpy as np

from pneumo.synthetic.anatomy import Chest, chest
from pneumo.synthetic.canvas import Plane, cloud
from pneumo.synthetic.distractors import add_distractors
from pneumo.synthetic.exposure import developed
from pneumo.synthetic.hardware import devices, marker
from pneumo.synthetic.opacities import BoxPx, add_opacities
from pneumo.synthetic.plan import NORMAL, OPACITY, OTHER, Case
from pneumo.synthetic.pose import Build, Pose, draw_build, draw_pose
from pneumo.synthetic.skeleton import skeleton
from pneumo.synthetic.vessels import vessels


def draw(case: Case) -> tuple[np.ndarray, list[BoxPx]]:
    """Grey levels, uint8 ``(1024, 1024)``, and the boxes of the opacities in pixels."""
    rng = np.random.default_rng([case.seed, 2, case.index])
    build = draw_build(np.random.default_rng([case.seed, 1, case.person]), case.sex, case.age)
    if case.finding == OTHER and rng.random() < 0.3:
        build = replace(build, heart=build.heart * rng.uniform(1.2, 1.4))
    pose = draw_pose(rng, case.view)
    inside = chest(rng, build, pose)
    boxes: list[BoxPx] = []
    if case.finding == OPACITY:
        boxes = add_opacities(rng, inside)
    elif case.finding == OTHER:
        add_distractors(rng, inside)
    plane = _attenuation(rng, inside, build, pose) + devices(rng, pose, case.finding != NORMAL)
    letters = marker(rng, case.view)
    return developed(rng, plane, letters, case.view, build.stoutness), boxes


def _attenuation(rng: np.random.Generator, inside: Chest, build: Build, pose: Pose) -> Plane:
    """Attenuation of the whole body, ``(512, 512)``, about 0 to 1.3."""
    depth = rng.normal(0.64, 0.03)
    lung = vessels(build, pose) * inside.marked + _texture(rng)
    lung = np.clip(lung * 0.58 * (1 - inside.opaque), -0.2, 0.8)
    soft = inside.body - depth * inside.air * (1 - lung)
    bone = skeleton(build, pose) * np.clip(1.32 - soft, 0.22, 0.9)
    return np.asarray(soft + 0.33 * bone * np.clip(inside.body * 3, 0, 1), np.float32)


def _texture(rng: np.random.Generator) -> Plane:
    """Fine markings of lung tissue, mean 0."""
    fine = rng.uniform(0.03, 0.07) * cloud(rng, 7) + rng.uniform(0.03, 0.06) * cloud(rng, 26)
    return np.asarray(fine, np.float32)
