// The ensemble's answer: locked until the reader asks for it, which the server notes.

import { heat, json } from "./api.js";
import { by, make, say } from "./dom.js";

export class Answer {
  constructor(viewer, seen) {
    [this.viewer, this.seen, this.known] = [viewer, seen, null];
    for (const id of ["answer-boxes", "answer-heat", "network"]) by(id).addEventListener("change", () => this.overlay());
  }

  reset(image, shown) {
    [this.image, this.known] = [image, null];
    by("answer").hidden = !image || image.status !== "scored";
    by("answer-show").hidden = by("answer-note").hidden = false;
    by("answer-body").hidden = true;
    if (shown && !by("answer").hidden) this.show();
  }

  async show() {
    const image = this.image;
    if (!image || image.status !== "scored" || this.known) return;
    try {
      const answer = await json(`/api/images/${image.id}/answer`);
      if (image !== this.image) return;
      image.probability = answer.probability;
      this.tell(answer);
      this.seen(image);
      by("answer-body").querySelector("input").focus({ preventScroll: true });
    } catch (error) { say("The answer cannot be had: " + error.message); }
  }

  tell(answer) {
    this.known = answer;
    by("answer").hidden = by("answer-body").hidden = false;
    by("answer-show").hidden = by("answer-note").hidden = true;
    const count = answer.boxes.length, figure = answer.probability;
    const text = [figure === null || figure === undefined ? "no probability" : "probability " + figure.toFixed(3),
      count === 1 ? "1 box" : count ? count + " boxes" : "no opacity called",
      answer.disagreement === null || answer.disagreement === undefined ? "" : "disagreement " + answer.disagreement.toFixed(3),
      answer.review_reason, answer.model, ...(answer.reasons ?? [])].filter(Boolean).join("; ");
    by("answer-text").textContent = text;
    by("network").replaceChildren(make("option", "the ensemble", { value: "" }), ...(answer.networks ?? []).map(name => make("option", name, { value: name })));
    by("answer-heat").disabled = by("network").disabled = !answer.heat;
    by("agree").parentElement.hidden = !this.image;
    by("prior").replaceChildren(...(answer.prior ?? []).map(one => make("p", `Before, ${one.model}: ${one.probability?.toFixed(3) ?? "none"}, ${one.boxes.length} boxes`, { class: "soft" })));
    this.overlay();
    say("The ensemble's answer: " + text);
  }

  async overlay() {
    const { image, viewer, known } = this;
    if (!known) return;
    viewer.answer = by("answer-boxes").checked ? known.boxes : null;
    viewer.draw();
    const network = by("network").value;
    if (!by("answer-heat").checked || !known.heat) { viewer.setHeat(null); return; }
    const wanted = this.wanted = image.id + " " + network;
    try {
      const map = await heat(image.id, network);
      if (this.wanted === wanted && image === this.image && by("answer-heat").checked) viewer.setHeat(map);
    } catch (error) { viewer.setHeat(null); say("No heat map: " + error.message); }
  }
}
