// How readers agree with each other, and with the ensemble.

import { json } from "./api.js";
import { by, make } from "./dom.js";

const figure = found => {
  if (found === null || found === undefined) return "–";
  if (typeof found === "number") return found.toFixed(3);
  const value = found.value ?? found.estimate, low = found.low ?? found.interval?.[0], high = found.high ?? found.interval?.[1];
  if (value === null || value === undefined) return "–";
  return value.toFixed(3) + (low === null || low === undefined ? "" : ` (${low.toFixed(3)} to ${high.toFixed(3)})`);
};

export async function agreement() {
  const body = by("agreement-body");
  body.replaceChildren(make("p", "…"));
  by("agreement").showModal();
  try {
    const found = await json("/api/agreement");
    body.replaceChildren(
      table("Verdicts", ["Reader", "Opacity", "Clear", "Unsure"], found.readers.map(one => [one.reader, one.opacity, one.clear, one.unsure])),
      table("Readers, with 95 % intervals", ["Readers", ...FIGURES], found.pairs.map(one => [`${one.one}, ${one.other}`, ...figures(one)])),
      table("Readers and the ensemble", ["Reader", ...FIGURES], found.answer.map(one => [one.reader, ...figures(one)])));
  } catch (error) { body.replaceChildren(make("p", "The agreement cannot be had: " + error.message)); }
}

const FIGURES = ["Radiographs", "Agree", "Kappa", "Box overlap (IoU)", "Metric, the first as truth", "the second as truth"];
const figures = one => [one.images, one.agree, ...["kappa", "box_iou", "score_one_truth", "score_other_truth"].map(name => figure(one[name]))];

function table(title, names, rows) {
  if (!rows.length) return make("p", title + ": none yet.");
  const node = make("table"), head = make("tr"), top = make("thead"), body = make("tbody");
  head.append(...names.map(name => make("th", name, { scope: "col" })));
  top.append(head);
  for (const cells of rows) {
    const line = make("tr");
    line.append(...cells.map((cell, index) => index ? make("td", cell) : make("th", cell, { scope: "row" })));
    body.append(line);
  }
  node.append(make("caption", title), top, body);
  return node;
}
