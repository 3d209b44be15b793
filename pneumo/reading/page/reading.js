// What the reader says of each radiograph: changed at once here, saved at once there. What is not
// saved yet stays in this window's memory, never in the browser's storage.

import { put, Refused } from "./api.js";

const AGAIN_MS = 1500, TOGETHER_MS = 800, STEPS = 200;
const plain = ({ verdict, boxes, comment }) => ({ verdict, boxes: boxes.map(box => ({ ...box })), comment });

export class Readings {
  constructor(changed) {
    this.changed = changed;
    this.known = new Map();
    addEventListener("beforeunload", event => { if (this.unsaved) event.preventDefault(); });
    addEventListener("online", () => this.known.forEach((_, id) => this.save(id)));
  }

  take(id, stored) {
    const now = stored ?? { verdict: null, boxes: [], comment: "", revision: 0 };
    this.known.set(id, { ...now, ...plain(now), wanted: 0, kept: 0, before: [], after: [], stored });
  }

  get(id) { return this.known.get(id); }

  get unsaved() { return [...this.known.values()].filter(one => one.wanted > one.kept).length; }

  // `kind` names changes that count as one step when they follow each other quickly.
  change(id, part, kind = "") {
    const one = this.get(id), now = Date.now();
    if (!kind || kind !== one.kind || now - one.at > TOGETHER_MS) {
      one.before.push(plain(one));
      if (one.before.length > STEPS) one.before.shift();
    }
    [one.kind, one.at, one.after] = [kind, now, []];
    this.set(id, part, kind ? 250 : 0);
  }

  undo(id) { return this.step(id, "before", "after"); }
  redo(id) { return this.step(id, "after", "before"); }

  step(id, from, to) {
    const one = this.get(id), state = one[from].pop();
    if (!state) return false;
    one[to].push(plain(one));
    one.kind = "";
    this.set(id, state);
    return true;
  }

  set(id, part, later = 0) {
    const one = this.get(id);
    Object.assign(one, part);
    one.wanted++;
    one.refused = "";
    this.changed(id);
    clearTimeout(one.timer);
    one.timer = setTimeout(() => this.save(id), later);
  }

  async save(id) {
    const one = this.get(id);
    if (one.busy || one.conflict || one.wanted <= one.kept) return;
    one.busy = true;
    const wanted = one.wanted;
    let again = 0;
    try {
      const stored = await put(id, { ...plain(one), revision: one.revision });
      if (stored.conflict) this.differs(one, stored.conflict);
      else [one.revision, one.kept, one.stored, one.away] = [stored.revision, wanted, stored, false];
    } catch (error) {
      if (error instanceof Refused) [one.refused, one.away] = [error.message, false];
      else [one.away, again] = [true, AGAIN_MS];
    }
    one.busy = false;
    if (one.wanted > wanted && !again) again = 1;
    if (again) one.timer = setTimeout(() => this.save(id), again);
    this.changed(id);
  }

  // An answer that was lost on its way: what is stored is what was sent.
  differs(one, stored) {
    one.away = false;
    if (JSON.stringify(plain(stored)) === JSON.stringify(plain(one)))
      [one.revision, one.kept, one.stored] = [stored.revision, one.wanted, stored];
    else one.conflict = stored;
  }

  settle(id, mine) {
    const one = this.get(id), stored = one.conflict;
    one.conflict = null;
    one.revision = stored.revision;
    if (mine) { this.save(id); return; }
    one.before.push(plain(one));
    Object.assign(one, plain(stored));
    [one.kept, one.stored] = [one.wanted, stored];
    this.changed(id);
  }

  state() {
    const all = [...this.known.values()], count = this.unsaved;
    const refused = all.find(one => one.refused);
    if (refused) return ["Not saved: " + refused.refused, true];
    if (all.some(one => one.conflict)) return ["Not saved: changed in another window", true];
    if (count && all.some(one => one.away)) return [`Not saved: the server is away; ${count} kept here, tried again. Leave this page open.`, true];
    return count ? ["Saving …", false] : [all.some(one => one.kept) ? "Saved" : "", false];
  }
}
