// 16-bit pixels to grey levels, and where they lie on the screen.

export class Picture {
  constructor(raw) {
    Object.assign(this, raw);
    this.canvas = document.createElement("canvas");
    this.canvas.width = this.columns;
    this.canvas.height = this.rows;
    this.context = this.canvas.getContext("2d");
    this.data = this.context.createImageData(this.columns, this.rows);
    this.preset("file");
  }

  preset(name) {
    const { least, most } = this, range = Math.max(most - least, 1);
    const center = this.center ?? least + range / 2, width = this.width0 ?? this.width ?? range;
    this.width0 = width;
    const [level, span] = {
      file: [center, width], full: [least + range / 2, range], narrow: [center, width / 2], wide: [center, width * 1.5],
      lung: [least + range * 0.3, range * 0.6], bone: [least + range * 0.7, range * 0.6],
    }[name];
    this.window(level, span);
  }

  window(level, span) {
    const range = Math.max(this.most - this.least, 1);
    this.level = Math.min(Math.max(level, this.least - range), this.most + range);
    this.span = Math.min(Math.max(span, range / 500, 1), 4 * range);
    this.stale = true;
  }

  // PS3.3 C.11.2.1.2.1, linear: values below the window are black, those above it white.
  levels(inverted) {
    if (!this.stale && inverted === this.inverted) return this.canvas;
    const table = new Uint32Array(65536), low = this.level - 0.5 - (this.span - 1) / 2, width = Math.max(this.span - 1, 1);
    for (let value = 0; value < 65536; value++) {
      let grey = Math.round(Math.min(Math.max((value - low) / width, 0), 1) * 255);
      if (inverted) grey = 255 - grey;
      table[value] = 0xff000000 | grey << 16 | grey << 8 | grey;
    }
    const out = new Uint32Array(this.data.data.buffer), values = this.values;
    for (let i = 0; i < out.length; i++) out[i] = table[values[i]];
    this.context.putImageData(this.data, 0, 0);
    [this.stale, this.inverted] = [false, inverted];
    return this.canvas;
  }
}

// The point of the radiograph in the middle of the screen, screen pixels per pixel, quarter turns.
export class Place {
  constructor() { [this.x, this.y, this.zoom, this.turns, this.width, this.height] = [0, 0, 1, 0, 1, 1]; }

  fit(columns, rows) {
    const [across, down] = this.turns % 2 ? [rows, columns] : [columns, rows];
    this.zoom = Math.min(this.width / across, this.height / down);
    [this.x, this.y] = [columns / 2, rows / 2];
  }

  matrix() {
    const [c, s] = [[1, 0], [0, 1], [-1, 0], [0, -1]][this.turns], z = this.zoom;
    return [c * z, s * z, -s * z, c * z,
      this.width / 2 - z * (c * this.x - s * this.y), this.height / 2 - z * (s * this.x + c * this.y)];
  }

  toScreen(x, y) {
    const [a, b, c, d, e, f] = this.matrix();
    return [a * x + c * y + e, b * x + d * y + f];
  }

  toImage(u, v) {
    const [a, b, c, d, e, f] = this.matrix(), area = a * d - b * c;
    return [(d * (u - e) - c * (v - f)) / area, (a * (v - f) - b * (u - e)) / area];
  }

  zoomAt(u, v, factor) {
    const [x, y] = this.toImage(u, v);
    this.zoom = Math.min(Math.max(this.zoom * factor, 0.02), 60);
    const [nx, ny] = this.toImage(u, v);
    this.x += x - nx;
    this.y += y - ny;
  }

  pan(du, dv) {
    const [x0, y0] = this.toImage(0, 0), [x, y] = this.toImage(du, dv);
    this.x -= x - x0;
    this.y -= y - y0;
  }
}
