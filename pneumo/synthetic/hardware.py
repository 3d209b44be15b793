"""What is on and in the patient: leads, lines, tubes, and the lead letter in the corner."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pneumo.synthetic.canvas import HALF_PX, SIDE_PX, Path, Plane, ellipse, fine, smooth
from pneumo.synthetic.pose import Pose

Paths = list[Path]  # a width of 0 marks a filled shape


def devices(rng: np.random.Generator, pose: Pose, ill: bool) -> Plane:
    """Added attenuation of devices, ``(512, 512)``; the ill in bed (AP) have most."""
    share = (0.55 if ill else 0.2) if pose.view == "AP" else (0.10 if ill else 0.03)
    paths: Paths = []
    kinds = {_leads: 1.0, _central_line: 0.8, _airway_tube: 0.4, _stomach_tube: 0.45,
             _pacemaker: 0.2, _sternal_wires: 0.3}  # fmt: skip
    for device, weight in kinds.items():
        if rng.random() < share * weight:
            paths += device(rng, pose)
    if not paths:
        return np.zeros((HALF_PX, HALF_PX), np.float32)
    lines = [path for path in paths if path[1]]
    return fine([(points, value) for points, width_px, value in paths if not width_px], lines)


def _leads(rng: np.random.Generator, pose: Pose) -> Paths:
    """ECG electrodes and their wires, which hang to one side."""
    side, paths = rng.choice([-1, 1]), []
    gather = np.array([side * rng.uniform(330, 480), rng.uniform(750, 1100)])
    for x, y in ((-300, 190), (300, 200), (-250, 640), (270, 660))[: int(rng.integers(2, 5))]:
        pad = np.array([x, y]) + rng.normal(0, 35, 2)
        middle = (pad + gather) / 2 + rng.normal(0, 130, 2)
        wire = pose.project(
            smooth([pad, (pad + middle) / 2 + rng.normal(0, 70, 2), middle, gather])
        )
        paths += [
            (wire, 3, 0.20),
            (ellipse(wire[0, 0], wire[0, 1], 14, 14), 0, 0.16),
            (ellipse(wire[0, 0], wire[0, 1], 6, 6), 0, 0.4),
        ]
    return paths


def _central_line(rng: np.random.Generator, pose: Pose) -> Paths:
    side = int(rng.choice([-1, -1, 1]))
    start = [side * rng.uniform(120, 330), rng.uniform(60, 170)]
    path = [
        start,
        [side * 120, 195],
        [side * 30 - 20, 235],
        [-52, 310],
        [-56, rng.uniform(380, 520)],
    ]
    return [(pose.project(smooth(path)), 4, 0.15)]


def _airway_tube(rng: np.random.Generator, pose: Pose) -> Paths:
    path = smooth([[4, -80], [2, 100], [-3, rng.uniform(250, 330)]])
    return [(pose.project(path + np.array([dx, 0])), 2, 0.17) for dx in (-8, 8)] + [
        (pose.project(path), 2, 0.3)
    ]


def _stomach_tube(rng: np.random.Generator, pose: Pose) -> Paths:
    path = [[12, -80], [10, 200], [14, 500], [30, 720], [90, 800], [rng.uniform(110, 220), 850]]
    return [(pose.project(smooth(path)), 5, 0.16)]


def _pacemaker(rng: np.random.Generator, pose: Pose) -> Paths:
    x, y = rng.uniform(230, 300), rng.uniform(200, 260)
    case = pose.project(ellipse(x, y, 46, 38, 0.4))
    lead = smooth(
        [[x - 20, y], [140, 190], [20, 240], [-50, 340], [-50, 520], [40, 660], [110, 690]]
    )
    return [(case, 0, 0.75), (pose.project(lead), 4, 0.35)]


def _sternal_wires(rng: np.random.Generator, pose: Pose) -> Paths:
    wires: Paths = []
    for y in np.linspace(250, 560, int(rng.integers(4, 7))):
        loop = ellipse(rng.normal(0, 3), y, 17, 8, rng.normal(0, 0.2))[:40]
        wires.append((pose.project(np.hstack([loop, np.full((40, 1), 120)])), 3, 0.35))
    return wires


def marker(rng: np.random.Generator, view: str) -> Plane:
    """The lead letter, some turned or mirrored, and a label on portable images; 0 to 1."""
    image = Image.new("L", (SIDE_PX, SIDE_PX))
    letter = str(rng.choice(["L", "L", "L", "R"]))
    x = rng.uniform(880, 960) if letter == "L" else rng.uniform(60, 140)
    y = rng.uniform(50, 190)
    _stamp(
        image,
        letter,
        rng.uniform(38, 62),
        (x, y),
        turn=rng.normal(0, 9),
        mirrored=rng.random() < 0.15,
    )
    if view == "AP" and rng.random() < 0.6:
        away = float(rng.choice([85, 930]))
        _stamp(image, "AP", 20, (away, y + 120), turn=0, mirrored=False)
        _stamp(image, "PORTABLE", 18, (away, y + 165), turn=0, mirrored=False)
    return np.asarray(image, np.float32) * np.float32(rng.uniform(0.75, 1.0) / 255)


def _stamp(
    image: Image.Image, text: str, size: float, at: tuple[float, float], turn: float, mirrored: bool
) -> None:
    font = ImageFont.load_default(round(size))
    left, top, right, bottom = font.getbbox(text)
    stamp = Image.new("L", (int(right - left) + 8, int(bottom - top) + 8))
    draw = ImageDraw.Draw(stamp)
    draw.text((4 - left, 4 - top), text, fill=255, font=font, stroke_width=1)
    if mirrored:
        stamp = stamp.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    stamp = stamp.rotate(turn, expand=True, resample=Image.Resampling.BICUBIC)
    image.paste(stamp, (round(at[0] - stamp.width / 2), round(at[1] - stamp.height / 2)))
