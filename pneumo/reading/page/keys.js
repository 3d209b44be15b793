// Everything by keyboard.

import { by, make } from "./dom.js";

const TEXT = "textarea, input[type=search]";
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export function keys(page) {
  const { viewer, boxes } = page;
  const table = [
    ["j", "next radiograph", () => page.go(1)], ["k", "previous radiograph", () => page.go(-1)],
    ["o", "opacity", () => page.verdict("opacity")], ["c", "clear", () => page.verdict("clear")], ["u", "unsure", () => page.verdict("unsure")],
    ["a", "show the ensemble's answer", () => page.answer.show()], ["y", "agree with it", () => page.agree(true)], ["x", "disagree with it", () => page.agree(false)],
    ["h", "heat map on and off", () => by("answer-heat").click()], ["g", "the ensemble's boxes on and off", () => by("answer-boxes").click()],
    ["n", "map of the next network", () => following("network")],
    ["b", "new box in the middle", () => boxes.create([viewer.place.x, viewer.place.y])], ["t", "choose the next box", () => boxes.following()],
    ["Delete", "delete the chosen box", () => boxes.remove()], ["Escape", "choose no box, leave the comment", () => page.escape()],
    ["z", "undo", () => page.undo()], ["Shift+z", "redo", () => page.redo()], ["m", "comment", () => by("comment").focus()],
    ["i", "invert", () => viewer.invert()], ["r", "turn", () => viewer.rotate()], ["f", "whole radiograph", () => viewer.fit()],
    ["+", "larger", () => viewer.zoom(1.25)], ["-", "smaller", () => viewer.zoom(0.8)],
    ["v", "next preset of the window", () => following("preset")], ["[", "narrower window", () => viewer.window(0, -0.1)], ["]", "wider window", () => viewer.window(0, 0.1)],
    [",", "brighter", () => viewer.window(-0.04, 0)], [".", "darker", () => viewer.window(0.04, 0)],
    ["d", "ruler on and off", () => page.ruler()], ["l", "to the list", () => (document.querySelector("#rows [aria-current=true]") ?? by("rows")).focus()],
    ["s", "to the radiograph", () => by("canvas").focus()], ["/", "search by name", () => by("text").focus()], ["?", "this help", () => by("help").showModal()],
  ];
  const acts = new Map(table.map(([key, , act]) => [key, act]));
  const shown = [...table.map(([key, text]) => [key.length === 1 ? key.toUpperCase() : key, text]),
    ["Arrows", "move the chosen box, or the ruler's end, or the picture"], ["Shift+Arrows", "resize the box, or move the ruler's start"], ["Ctrl+Arrows", "the same by one pixel"],
    ["Ctrl+Z, Ctrl+Y", "undo, redo"]];
  by("keys").append(...shown.flatMap(([key, text]) => [make("dt", key), make("dd", text)]));

  document.addEventListener("keydown", event => {
    if (document.querySelector("dialog[open]") || event.altKey || event.metaKey) return;
    const writing = event.target.matches(TEXT);
    if (writing && event.key !== "Escape") return;
    if (ARROWS[event.key] && !event.target.matches("select")) return arrow(event);
    const named = event.key.length > 1;
    let act;
    if (event.ctrlKey) act = { z: event.shiftKey ? "Shift+z" : "z", Z: "Shift+z", y: "Shift+z" }[event.key];
    else if (named || by("single").checked) act = (event.shiftKey && event.key.toLowerCase() === "z") ? "Shift+z" : named ? event.key : event.key.toLowerCase();
    if (!acts.has(act) || (event.target.matches("select") && !event.ctrlKey && named)) return;
    event.preventDefault();
    acts.get(act)();
  });

  function arrow(event) {
    const [dx, dy] = ARROWS[event.key], size = boxes.size;
    if (!viewer.picture || !size) return;
    if (event.target.closest("#worklist, #panel") && boxes.chosen < 0) return;  // the page scrolls
    event.preventDefault();
    const step = event.ctrlKey ? 1 : Math.max(size.columns, size.rows) / 100, [x, y] = turned(dx * step, dy * step, viewer.place.turns);
    const part = event.shiftKey ? 0 : 2;
    if (viewer.measure) { viewer.measure[part] += x; viewer.measure[part + 1] += y; page.measured(); }
    else if (boxes.chosen < 0) viewer.pan(-dx * 40, -dy * 40);
    else if (event.shiftKey) boxes.grow(x, y, "grow");
    else boxes.move(x, y, "move");
  }
}

// A step on the screen as one on the radiograph.
function turned(dx, dy, turns) {
  for (let turn = 0; turn < turns; turn++) [dx, dy] = [dy, -dx];
  return [dx, dy];
}

function following(id) {
  const select = by(id);
  if (select.disabled) return;
  select.selectedIndex = (select.selectedIndex + 1) % select.options.length;
  select.dispatchEvent(new Event("change"));
}
