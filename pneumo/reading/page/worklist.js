// The list of radiographs: its order, its filters, where the reader is.

import { by, make } from "./dom.js";

const MOST = 400;
const low = value => value ?? Infinity;
const ORDERS = {
  order: (a, b) => Number(b.review) - Number(a.review) || low(a.order) - low(b.order) || a.place - b.place,
  high: (a, b) => (b.probability ?? -1) - (a.probability ?? -1) || a.place - b.place,
  low: (a, b) => low(a.probability) - low(b.probability) || a.place - b.place,
  view: (a, b) => (a.view || "~").localeCompare(b.view || "~") || a.place - b.place,
  name: (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }),
};

export class Worklist {
  constructor(images, readings, open) {
    Object.assign(this, { images, readings, open, current: null });
    images.forEach((image, place) => { image.place = place; });
    for (const id of ["order", "state", "text"]) by(id).addEventListener("input", () => this.update());
    this.update();
  }

  update() {
    const state = by("state").value, text = by("text").value.toLowerCase();
    this.found = this.images.filter(image => this.fits(image, state) && image.name.toLowerCase().includes(text));
    this.found.sort(ORDERS[by("order").value]);
    this.paint();
  }

  fits(image, state) {
    const verdict = this.readings.get(image.id)?.verdict, refused = image.status === "rejected";
    return { "": true, open: !verdict && !refused, read: !!verdict, unsure: verdict === "unsure", review: image.review, rejected: refused }[state];
  }

  paint() {
    const here = this.index(), from = Math.max(0, Math.min(here - MOST / 2, this.found.length - MOST));
    const held = by("rows").contains(document.activeElement);
    by("rows").replaceChildren(...this.found.slice(from, from + MOST).map(image => this.row(image)));
    const read = this.images.filter(image => this.readings.get(image.id)?.verdict).length;
    by("count").textContent = `${this.found.length} of ${this.images.length} listed, ${read} read`;
    const row = by("rows").querySelector('[aria-current="true"]');
    row?.scrollIntoView({ block: "nearest" });
    if (held) row?.focus();
  }

  row(image) {
    const button = make("button", null, { type: "button", "data-id": image.id, "aria-current": image === this.current });
    const one = this.readings.get(image.id), figure = image.probability === null ? "" : image.probability.toFixed(3);
    button.append(make("span", image.name || "no name"), make("span", figure));
    const state = image.status === "rejected" ? "refused" : one?.verdict ? one.verdict + (one.boxes.length ? `, ${one.boxes.length} drawn` : "") : "not read";
    button.append(make("span", [state, image.view].filter(Boolean).join(" · "), { class: "state" }));
    if (image.review) button.append(make("span", image.review_reason || "to be read first", { class: "noted" }));
    button.addEventListener("click", () => this.open(image));
    const item = make("li");
    item.append(button);
    return item;
  }

  // The row of one image alone, which keeps the list as it stands while one reads.
  refresh(image) {
    const old = by("rows").querySelector(`[data-id="${CSS.escape(image.id)}"]`);
    if (!old) return;
    const held = old === document.activeElement, row = this.row(image);
    old.parentElement.replaceWith(row);
    if (held) row.firstChild.focus();
    const read = this.images.filter(one => this.readings.get(one.id)?.verdict).length;
    by("count").textContent = `${this.found.length} of ${this.images.length} listed, ${read} read`;
  }

  choose(image) { this.current = image; this.paint(); }

  index() { return this.found.indexOf(this.current); }

  beside(step) {
    const here = this.index();
    return this.found[here < 0 ? 0 : here + step] ?? null;
  }
}
