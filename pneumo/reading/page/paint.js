// What is drawn over a radiograph, in screen pixels.

export function onScreen(place, box) {
  const [u0, v0] = place.toScreen(box.x, box.y), [u1, v1] = place.toScreen(box.x + box.width, box.y + box.height);
  return [Math.min(u0, u1), Math.min(v0, v1), Math.abs(u1 - u0), Math.abs(v1 - v0)];
}

export function paintBoxes(context, place, boxes, { colour, dashed = false, chosen = -1 }) {
  boxes.forEach((box, index) => {
    const [u, v, width, height] = onScreen(place, box);
    for (const [style, line] of [["#000a", 4], [colour, 2]]) {
      context.strokeStyle = style;
      context.lineWidth = line;
      context.setLineDash(dashed ? [8, 5] : []);
      context.strokeRect(u, v, width, height);
    }
    context.setLineDash([]);
    context.fillStyle = colour;
    if (index === chosen) for (const [x, y] of [[u, v], [u + width, v], [u, v + height], [u + width, v + height]]) context.fillRect(x - 5, y - 5, 10, 10);
    label(context, box.confidence === undefined ? String(index + 1) : box.confidence.toFixed(2), u + 3, dashed ? v + height + 15 : v - 5, colour);
  });
}

function label(context, text, u, v, colour) {
  context.font = "600 13px system-ui, sans-serif";
  context.lineWidth = 3;
  context.strokeStyle = "#000";
  context.strokeText(text, u, Math.max(v, 13));
  context.fillStyle = colour;
  context.fillText(text, u, Math.max(v, 13));
}

export function length(picture, [x0, y0, x1, y1]) {
  if (!picture.across || !picture.down) return `${Math.hypot(x1 - x0, y1 - y0).toFixed(0)} px`;
  return `${Math.hypot((x1 - x0) * picture.across, (y1 - y0) * picture.down).toFixed(1)} mm`;
}

export function paintRuler(context, place, picture, measure) {
  if (measure) {
    const from = place.toScreen(measure[0], measure[1]), to = place.toScreen(measure[2], measure[3]);
    stroke(context, [from, to]);
    label(context, length(picture, measure), to[0] + 8, to[1], "#b9f6ca");
  }
  if (!picture.across || !picture.down) return;
  const perMm = place.zoom / (place.turns % 2 ? picture.down : picture.across);
  const mm = [5, 10, 20, 50, 100].find(size => size * perMm >= 60) ?? 100, u = 16, v = place.height - 16;
  stroke(context, [[u, v - 6], [u, v], [u + mm * perMm, v], [u + mm * perMm, v - 6]]);
  label(context, `${mm} mm`, u + 5, v - 8, "#b9f6ca");
}

function stroke(context, points) {
  for (const [style, line] of [["#000", 4], ["#b9f6ca", 2]]) {
    context.strokeStyle = style;
    context.lineWidth = line;
    context.beginPath();
    points.forEach(([u, v], index) => index ? context.lineTo(u, v) : context.moveTo(u, v));
    context.stroke();
  }
}
