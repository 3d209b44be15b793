// Elements; a text from outside only ever becomes text.

export const by = id => document.getElementById(id);

export function make(kind, text, attributes = {}) {
  const node = document.createElement(kind);
  if (text !== undefined && text !== null) node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

export function press(text, act, attributes = {}) {
  const node = make("button", text, { type: "button", ...attributes });
  node.addEventListener("click", act);
  return node;
}

let turn = 0;
export function say(text) {
  by("live").textContent = text + (++turn % 2 ? "" : "\u00a0");  // the same text is spoken again
}
