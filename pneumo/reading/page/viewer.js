// The radiograph on its canvas, with what lies over it.

import { by } from "./dom.js";
import { Picture, Place } from "./picture.js";
import { paintBoxes, paintRuler } from "./paint.js";

export class Viewer {
  constructor(boxes) {
    this.boxes = boxes;
    this.canvas = by("canvas");
    this.context = this.canvas.getContext("2d");
    this.place = new Place();
    this.inverted = false;
    this.clear();
    new ResizeObserver(() => this.resize()).observe(this.canvas);
  }

  clear(message = "") {
    [this.picture, this.answer, this.heat, this.measure] = [null, null, null, null];
    this.message(message);
  }

  message(text) {
    by("message").textContent = text;
    by("message").hidden = !text;
    this.draw();
  }

  show(raw) {
    this.picture = new Picture(raw);
    by("preset").value = "file";
    this.message("");
    this.fit();
    this.canvas.dataset.shown = String(Number(this.canvas.dataset.shown || 0) + 1);
  }

  resize() {
    const ratio = window.devicePixelRatio || 1, { clientWidth, clientHeight } = this.canvas;
    this.canvas.width = clientWidth * ratio;
    this.canvas.height = clientHeight * ratio;
    [this.place.width, this.place.height] = [clientWidth, clientHeight];
    if (this.fitted) this.fit(); else this.draw();
  }

  fit() {
    if (this.picture) this.place.fit(this.picture.columns, this.picture.rows);
    this.fitted = true;
    this.draw();
  }

  rotate() { this.place.turns = (this.place.turns + 1) % 4; this.fit(); }

  invert() {
    this.inverted = !this.inverted;
    by("invert").setAttribute("aria-pressed", this.inverted);
    this.draw();
  }

  zoom(factor, u = this.place.width / 2, v = this.place.height / 2) {
    this.fitted = false;
    this.place.zoomAt(u, v, factor);
    this.draw();
  }

  pan(du, dv) {
    this.fitted = false;
    this.place.pan(du, dv);
    this.draw();
  }

  preset(name) { this.picture?.preset(name); this.draw(); }

  window(level, width) {  // as shares of the window's width
    const picture = this.picture;
    if (!picture) return;
    picture.window(picture.level + level * picture.span, picture.span * Math.exp(width));
    this.draw();
  }

  setHeat(bitmap) {
    if (!bitmap) { this.heat = null; this.draw(); return; }
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
    const context = canvas.getContext("2d");
    context.drawImage(bitmap, 0, 0);
    const data = context.getImageData(0, 0, canvas.width, canvas.height), bytes = data.data;
    for (let i = 0; i < bytes.length; i += 4) {
      const heat = bytes[i];
      [bytes[i], bytes[i + 1], bytes[i + 2], bytes[i + 3]] = [255, 60 + heat * 0.5, 0, heat * 0.55];
    }
    context.putImageData(data, 0, 0);
    this.heat = canvas;
    this.draw();
  }

  draw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => { this.waiting = 0; this.paint(); });
  }

  paint() {
    const { context, place, picture } = this, ratio = window.devicePixelRatio || 1;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (!picture) { by("picture-note").textContent = ""; return; }
    context.setTransform(...place.matrix().map(part => part * ratio));
    context.imageSmoothingEnabled = place.zoom < 3;
    context.drawImage(picture.levels(this.inverted), 0, 0);
    context.imageSmoothingEnabled = true;
    if (this.heat) context.drawImage(this.heat, 0, 0, picture.columns, picture.rows);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (this.answer) paintBoxes(context, place, this.answer, { colour: "#ffd60a", dashed: true });
    paintBoxes(context, place, this.boxes.all, { colour: "#4cc9f0", chosen: this.boxes.chosen });
    paintRuler(context, place, picture, this.measure);
    by("picture-note").textContent = [`${picture.columns} × ${picture.rows} pixels`,
      picture.across ? `${picture.across.toFixed(3)} mm a pixel` : "spacing unknown: no millimetres",
      `window ${Math.round(picture.span)} at ${Math.round(picture.level)}`, `${Math.round(place.zoom * 100)} %`].join(" · ");
  }
}
