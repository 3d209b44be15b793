// Mouse, pen and fingers on the radiograph: draw, move, resize, window, pan, zoom to the pointer.

import { by } from "./dom.js";
import { onScreen } from "./paint.js";

const NEAR_PX = { mouse: 9, touch: 22, pen: 14 }, LEAST_DRAG_PX = 4;

export function listen(viewer, boxes) {
  const { canvas, place } = viewer, pointers = new Map();
  let drag = null, pinch = null;
  const at = event => [event.offsetX, event.offsetY];

  canvas.addEventListener("contextmenu", event => event.preventDefault());
  canvas.addEventListener("wheel", event => {
    event.preventDefault();
    viewer.zoom(Math.exp(-Math.max(-60, Math.min(60, event.deltaY)) / 300), ...at(event));
  }, { passive: false });

  canvas.addEventListener("pointerdown", event => {
    if (!viewer.picture) return;
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, at(event));
    if (pointers.size === 2) { stop(false); pinch = span(); return; }
    drag = begin(event, at(event));
  });

  canvas.addEventListener("pointermove", event => {
    if (!pointers.has(event.pointerId)) return;
    const before = pointers.get(event.pointerId), now = at(event);
    pointers.set(event.pointerId, now);
    if (pinch) {
      const next = span();
      viewer.zoom(next.size / Math.max(pinch.size, 1), ...next.middle);
      viewer.pan(next.middle[0] - pinch.middle[0], next.middle[1] - pinch.middle[1]);
      pinch = next;
    } else drag?.move(now, [now[0] - before[0], now[1] - before[1]]);
  });

  for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, event => {
    pointers.delete(event.pointerId);
    if (pointers.size < 2) pinch = null;
    if (drag) stop(kind === "pointerup");
  });

  function stop(done) { drag?.end(done); drag = null; viewer.draw(); }

  function span() {
    const [[a, b], [c, d]] = [...pointers.values()];
    return { size: Math.hypot(a - c, b - d), middle: [(a + c) / 2, (b + d) / 2] };
  }

  function begin(event, start) {
    const tool = event.button === 2 ? "window" : event.button === 1 ? "pan" : by("tool").value, none = () => {};
    if (viewer.measure) {
      const from = place.toImage(...start);
      return { move: now => { viewer.measure = [...from, ...place.toImage(...now)]; viewer.draw(); }, end: none };
    }
    if (tool === "pan") return { move: (_, by) => viewer.pan(...by), end: none };
    if (tool === "window") return { move: (_, [du, dv]) => viewer.window(dv / 300, du / 250), end: none };
    return boxes.editable ? edit(start, NEAR_PX[event.pointerType] ?? 12) : { move: none, end: none };
  }

  // A corner of the chosen box, the inside of any box, or a new one.
  function edit(start, near) {
    const saved = boxes.all.map(box => ({ ...box })), corner = grabbed(start, near);
    const from = corner ?? place.toImage(...start), hit = corner ? boxes.chosen : under(start);
    let moved = false;
    boxes.busy = true;  // until another radiograph is shown, too
    if (!corner && hit !== boxes.chosen) boxes.choose(hit);
    return {
      move(now) {
        if (!boxes.busy) return;
        if (!moved && Math.hypot(now[0] - start[0], now[1] - start[1]) < LEAST_DRAG_PX) return;
        const to = place.toImage(...now);
        if (hit >= 0 && !corner) boxes.all[hit] = boxes.inside({ ...saved[hit], x: saved[hit].x + to[0] - from[0], y: saved[hit].y + to[1] - from[1] });
        else {
          if (!moved && !corner) boxes.chosen = boxes.all.push(null) - 1;
          boxes.all[boxes.chosen] = boxes.between(from, to);
        }
        moved = true;
        viewer.draw();
      },
      end(done) {
        const box = boxes.all[boxes.chosen], here = boxes.busy;
        boxes.busy = false;
        if (!moved || !here) return;
        if (done && box.width >= 1 && box.height >= 1) { boxes.list(); boxes.changed(""); return; }
        boxes.all = saved;
        boxes.choose(-1);
      },
    };
  }

  // The corner opposite to the one that was taken, which stays where it is.
  function grabbed([u, v], near) {
    const box = boxes.all[boxes.chosen];
    if (!box) return null;
    for (const [x, y] of [[0, 0], [1, 0], [0, 1], [1, 1]]) {
      const [p, q] = place.toScreen(box.x + x * box.width, box.y + y * box.height);
      if (Math.hypot(u - p, v - q) <= near) return [box.x + (1 - x) * box.width, box.y + (1 - y) * box.height];
    }
    return null;
  }

  function under([u, v]) {
    return boxes.all.findLastIndex(box => {
      const [x, y, width, height] = onScreen(place, box);
      return u >= x && u <= x + width && v >= y && v <= y + height;
    });
  }
}
