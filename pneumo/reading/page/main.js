// The page: one radiograph is open, everything else follows it.

import { agreement } from "./agreement.js";
import { Answer } from "./answer.js";
import { attempt, json, pixels } from "./api.js";
import { Boxes } from "./boxes.js";
import { by, press, say } from "./dom.js";
import { keys } from "./keys.js";
import { length } from "./paint.js";
import { listen } from "./pointer.js";
import { Readings } from "./reading.js";
import { Viewer } from "./viewer.js";
import { Worklist } from "./worklist.js";

class Page {
  constructor(told) {
    this.told = told;
    this.readings = new Readings(id => this.changed(id));
    for (const image of told.images) this.readings.take(image.id, image.reading);
    this.boxes = new Boxes(kind => this.drawn(kind));
    this.viewer = new Viewer(this.boxes);
    this.boxes.drawn = () => this.viewer.draw();
    this.answer = new Answer(this.viewer, image => this.list.refresh(image));
    by("who").textContent = [told.reader, told.model, told.mode === "label" ? "labelling" : told.blind ? "blind" : "with the answer"].filter(Boolean).join(" · ");
    by("verdicts").append(...told.verdicts.map(word => press(word, () => this.verdict(word), { "data-verdict": word, "aria-pressed": false, title: word[0].toUpperCase() })));
    this.list = new Worklist(told.images, this.readings, image => this.open(image));
    listen(this.viewer, this.boxes);
    keys(this);
    this.buttons();
    const first = this.list.found.find(image => image.status !== "rejected" && !this.readings.get(image.id).verdict) ?? this.list.found[0];
    if (first) this.open(first);
  }

  async open(image) {
    this.loading?.abort();
    this.loading = new AbortController();
    this.image = image;
    this.boxes.chosen = -1;
    this.list.choose(image);
    by("title").textContent = image.name || "no name";
    by("review").textContent = image.review ? "Read first: " + (image.review_reason ?? "") : "";
    this.viewer.clear(image.status === "rejected" ? "Refused: " + (image.reason ?? "") : "…");
    this.boxes.show([], null, false);
    this.answer.reset(image, this.told.mode === "results" && !this.told.blind);
    this.changed(image.id);
    if (image.status === "rejected") return;
    const after = this.list.beside(1), query = after ? "?next=" + after.id : "";
    await this.load(`/api/images/${image.id}/pixels${query}`, image, this.loading.signal);
  }

  async load(path, image, signal) {
    try {
      const raw = await pixels(path, signal);
      if (this.image !== image) return;
      this.viewer.show(raw);
      this.boxes.show(this.readings.get(image?.id)?.boxes ?? [], raw, !!image);
      by("canvas").setAttribute("aria-label", "Radiograph " + (image?.name ?? "that was dropped"));
      say(`${image?.name ?? "The file"}, ${raw.columns} by ${raw.rows} pixels`);
      if (this.answer.known) this.answer.overlay();
    } catch (error) {
      if (error.name !== "AbortError" && this.image === image) this.viewer.message("Cannot be shown: " + error.message);
    }
  }

  changed(id) {
    const [text, away] = this.readings.state();
    by("saving").textContent = text;
    by("saving").classList.toggle("away", away);
    const image = this.image;
    if (!image || id !== image.id) return;
    const one = this.readings.get(id), disabled = image.status === "rejected";
    for (const button of by("verdicts").querySelectorAll("button")) {
      button.setAttribute("aria-pressed", button.dataset.verdict === one.verdict);
      button.disabled = disabled;
    }
    if (document.activeElement !== by("comment") || by("comment").value !== one.comment) by("comment").value = one.comment;
    by("comment").disabled = disabled;
    [by("undo").disabled, by("redo").disabled] = [!one.before.length, !one.after.length];
    by("conflict").hidden = !one.conflict;
    if (this.boxes.size && !this.boxes.busy && JSON.stringify(one.boxes) !== JSON.stringify(this.boxes.all)) this.boxes.show(one.boxes, this.boxes.size, true);
    this.list.refresh(image);
  }

  say(part, kind) { if (this.image && this.image.status !== "rejected") this.readings.change(this.image.id, part, kind); }

  drawn(kind) { this.say({ boxes: this.boxes.all.map(box => ({ ...box })), verdict: this.boxes.all.length ? "opacity" : this.readings.get(this.image.id).verdict }, kind); }

  // Boxes stand beside an opacity alone; undo brings them back.
  verdict(word) {
    if (!this.image || this.image.status === "rejected") return;
    const boxes = word === "opacity" ? this.readings.get(this.image.id).boxes : [];
    this.say({ verdict: word, boxes });
    say("Verdict: " + word);
  }

  agree(yes) {
    const known = this.answer.known;
    if (!known || !this.image) { say("Show the answer first (A)"); return; }
    const called = known.boxes.length > 0;
    const boxes = yes ? known.boxes.map(({ x, y, width, height }) => ({ x, y, width, height })) : [];
    this.say({ verdict: called === yes ? "opacity" : "clear", boxes });
    say(yes ? "Agreed" : "Disagreed");
  }

  go(step) {
    const image = this.list.beside(step);
    if (image) this.open(image); else say(step > 0 ? "This is the last one" : "This is the first one");
  }

  undo() { if (this.image) say(this.readings.undo(this.image.id) ? "Undone" : "Nothing to undo"); }
  redo() { if (this.image) say(this.readings.redo(this.image.id) ? "Done again" : "Nothing to do again"); }

  escape() { this.boxes.choose(-1); by("canvas").focus({ preventScroll: true }); }

  ruler() {
    const { viewer } = this;
    if (!viewer.picture) return;
    viewer.measure = viewer.measure ? null : [viewer.place.x, viewer.place.y, viewer.place.x + viewer.picture.columns / 5, viewer.place.y];
    by("ruler").setAttribute("aria-pressed", !!viewer.measure);
    this.measured();
  }

  measured() { this.viewer.draw(); if (this.viewer.measure) say(length(this.viewer.picture, this.viewer.measure)); }

  async tryFile(file) {
    this.loading?.abort();
    this.image = null;
    this.list.choose(null);
    by("title").textContent = file.name;
    by("review").textContent = "Tried only: nothing of it is kept.";
    this.viewer.clear("Reading the file …");
    this.boxes.show([], null, false);
    this.answer.reset(null);
    try {
      const found = await attempt(file);
      if (this.image) return;
      this.answer.tell({ ...found, heat: false });
      await this.load(found.pixels, null);
    } catch (error) { if (!this.image) { this.viewer.message("Refused: " + error.message); say("Refused: " + error.message); } }
  }

  buttons() {
    const on = (id, act, kind = "click") => by(id).addEventListener(kind, act), { viewer } = this;
    on("previous", () => this.go(-1)); on("next", () => this.go(1));
    on("invert", () => viewer.invert()); on("rotate", () => viewer.rotate()); on("fit", () => viewer.fit());
    on("zoom-in", () => viewer.zoom(1.25)); on("zoom-out", () => viewer.zoom(0.8)); on("ruler", () => this.ruler());
    on("preset", event => viewer.preset(event.target.value), "change");
    on("box-new", () => this.boxes.create([viewer.place.x, viewer.place.y]));
    on("undo", () => this.undo()); on("redo", () => this.redo());
    on("mine", () => this.readings.settle(this.image.id, true)); on("theirs", () => this.readings.settle(this.image.id, false));
    on("comment", event => this.say({ comment: event.target.value }, "comment"), "input");
    on("answer-show", () => this.answer.show()); on("agree", () => this.agree(true)); on("disagree", () => this.agree(false));
    on("agreement-open", agreement); on("help-open", () => by("help").showModal());
    on("pick", event => { if (event.target.files[0]) this.tryFile(event.target.files[0]); event.target.value = ""; }, "change");
  }
}

function theme() {
  const root = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = (root.dataset.theme ?? (dark ? "dark" : "light")) === "dark" ? "light" : "dark";
}

by("theme").addEventListener("click", theme);
try {
  const page = new Page(await json("/api/worklist"));
  const over = on => by("stage").classList.toggle("over", on);
  document.addEventListener("dragover", event => { event.preventDefault(); over(true); });
  document.addEventListener("dragleave", () => over(false));
  document.addEventListener("drop", event => {
    event.preventDefault();
    over(false);
    if (event.dataTransfer.files[0]) page.tryFile(event.dataTransfer.files[0]);
  });
} catch (error) { by("message").hidden = false; by("message").textContent = "The worklist cannot be had: " + error.message; throw error; }
