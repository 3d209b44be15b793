// What the page asks of its server; every address lies below the token.

const base = document.body.dataset.base;

export class Refused extends Error {}

export async function ask(path, options = {}) {
  const answer = await fetch(base + path, { cache: "no-store", ...options });
  if (answer.status === 422) throw new Refused((await answer.json()).refused);
  if (!answer.ok) throw Object.assign(new Error("the server answers " + answer.status), { status: answer.status });
  return answer;
}

export const json = async (path, options) => (await ask(path, options)).json();

export async function pixels(path, signal) {
  const answer = await ask(path, { signal });
  const number = name => answer.headers.has(name) ? Number(answer.headers.get(name)) : null;
  return {
    rows: number("X-Rows"), columns: number("X-Columns"),
    least: number("X-Minimum"), most: number("X-Maximum"),
    center: number("X-Window-Center"), width: number("X-Window-Width"),
    down: number("X-Spacing-Row-Mm"), across: number("X-Spacing-Column-Mm"),
    values: new Uint16Array(await answer.arrayBuffer()),
  };
}

export async function heat(id, network) {
  const query = network ? "?network=" + encodeURIComponent(network) : "";
  return createImageBitmap(await (await ask(`/api/images/${id}/heat${query}`)).blob());
}

// The saved reading; { conflict } with the stored one when another window was faster.
export async function put(id, reading) {
  const answer = await fetch(`${base}/api/images/${id}/reading`, {
    method: "PUT", headers: { "Content-Type": "application/json" }, body: JSON.stringify(reading),
  });
  if (answer.status === 409) return { conflict: await answer.json() };
  if (answer.status === 422) throw new Refused((await answer.json()).refused);
  if (!answer.ok) throw Object.assign(new Error("not saved"), { status: answer.status });
  return answer.json();
}

export function attempt(file) {
  const body = new FormData();
  body.append("file", file, "file");  // the name stays here
  return json("/api/try", { method: "POST", body });
}
