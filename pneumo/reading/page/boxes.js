// The boxes of the radiograph that is shown, in its pixels: drawn, moved, resized, deleted.

import { by, make, press, say } from "./dom.js";

const LEAST_PX = 2;

export class Boxes {
  constructor(changed) {
    [this.all, this.chosen, this.changed, this.editable] = [[], -1, changed, false];
  }

  show(boxes, size, editable) {
    [this.all, this.size, this.editable, this.busy] = [boxes.map(box => ({ ...box })), size, editable, false];
    if (this.chosen >= this.all.length) this.chosen = -1;
    this.list();
  }

  choose(index) {
    this.chosen = index;
    this.list();
    if (index >= 0) say(`Box ${index + 1} of ${this.all.length} chosen: ${text(this.all[index])}`);
  }

  following() { if (this.all.length) this.choose((this.chosen + 1) % this.all.length); }

  // A box of a quarter of the radiograph's width, around a point.
  create([x, y]) {
    if (!this.editable) return;
    const side = Math.min(this.size.columns, this.size.rows) / 4;
    this.all.push(this.inside({ x: x - side / 2, y: y - side / 2, width: side, height: side }));
    this.choose(this.all.length - 1);
    this.changed("");
  }

  remove(index = this.chosen) {
    if (index < 0 || !this.editable) return;
    this.all.splice(index, 1);
    this.choose(-1);
    this.changed("");
    say("Box deleted");
  }

  move(dx, dy, kind = "") {
    const box = this.all[this.chosen];
    if (!box || !this.editable) return;
    this.replace({ ...box, x: box.x + dx, y: box.y + dy }, kind);
  }

  grow(dx, dy, kind = "") {
    const box = this.all[this.chosen];
    if (!box || !this.editable) return;
    this.replace({ ...box, width: Math.max(box.width + dx, LEAST_PX), height: Math.max(box.height + dy, LEAST_PX) }, kind);
  }

  replace(box, kind) {
    this.all[this.chosen] = this.inside(box);
    this.list();
    this.changed(kind);
    say(text(this.all[this.chosen]));
  }

  // Within the radiograph, to a hundredth of a pixel.
  inside(box) {
    const { columns, rows } = this.size, round = value => Math.round(value * 100) / 100;
    const width = Math.min(box.width, columns), height = Math.min(box.height, rows);
    const x = Math.min(Math.max(box.x, 0), columns - width), y = Math.min(Math.max(box.y, 0), rows - height);
    return { x: round(x), y: round(y), width: round(width), height: round(height) };
  }

  // From one corner to the other, cut at the edges.
  between([x0, y0], [x1, y1]) {
    const { columns, rows } = this.size, cut = (value, most) => Math.min(Math.max(value, 0), most);
    [x0, x1, y0, y1] = [cut(x0, columns), cut(x1, columns), cut(y0, rows), cut(y1, rows)];
    return this.inside({ x: Math.min(x0, x1), y: Math.min(y0, y1), width: Math.abs(x1 - x0), height: Math.abs(y1 - y0) });
  }

  list() {
    const focused = [...by("boxes").querySelectorAll("button.box")].indexOf(document.activeElement);
    by("boxes").replaceChildren(...this.all.map((box, index) => {
      const item = make("li");
      item.append(press(`${index + 1}: ${text(box)}`, () => this.choose(index), { "aria-pressed": index === this.chosen, class: "box" }));
      if (this.editable) item.append(press("✕", () => this.remove(index), { "aria-label": `Delete box ${index + 1}` }));
      return item;
    }));
    by("boxes").querySelectorAll("button.box")[focused]?.focus();
    by("box-new").disabled = !this.editable;
    this.drawn?.();
  }
}

const text = box => `${box.width.toFixed(0)} × ${box.height.toFixed(0)} at ${box.x.toFixed(0)}, ${box.y.toFixed(0)}`;
