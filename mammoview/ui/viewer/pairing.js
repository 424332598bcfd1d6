// An outline and what it is compared with: chosen on the film and drawn stronger there.

const ON_LINE = 6; // CSS pixels from a line that still are on it
const STRONGER = 2; // times as wide as the other lines
const SALIENT = "#ff4fd8";

/** Pairs as they are sent, with the salient pixels of each as an array. */
function pairsWith(arrays, pairs) {
  const drawn = (salient) => salient && { ...salient, array: untiled(arrays[salient.array], salient) };
  const numbers = (at) => Object.entries(at).map(([key, each]) => [key, { ...each, salient: drawn(each.salient) }]);
  return pairs.map((pair) => ({ ...pair, at: Object.fromEntries(numbers(pair.at)) }));
}

/** Whether a scan point lies inside a closed line, by the even-odd rule; points are [row, column]. */
function isInside(vertices, [row, column]) {
  let inside = false;
  vertices.forEach(([r1, c1], k) => {
    const [r0, c0] = vertices.at(k - 1);
    if (r0 > row !== r1 > row && column < c0 + ((row - r0) / (r1 - r0)) * (c1 - c0)) inside = !inside;
  });
  return inside;
}

/** From a scan point to the nearest point of a closed line, in scan pixels. */
function distanceToLine(vertices, [row, column]) {
  const distances = vertices.map(([r1, c1], k) => {
    const [r0, c0] = vertices.at(k - 1);
    const [down, across] = [r1 - r0, c1 - c0];
    const along = ((row - r0) * down + (column - c0) * across) / (down * down + across * across || 1);
    const share = limited(along, 0, 1);
    return Math.hypot(row - r0 - share * down, column - c0 - share * across);
  });
  return Math.min(...distances);
}

/** First row, first column, last row, last column around some closed lines. */
function boxAround(lines) {
  const [rows, columns] = [0, 1].map((k) => lines.flatMap(({ vertices }) => vertices.map((each) => each[k])));
  const least = (values) => values.reduce((a, b) => Math.min(a, b));
  const most = (values) => values.reduce((a, b) => Math.max(a, b));
  return [least(rows), least(columns), most(rows), most(columns)];
}

function areaOf({ vertices }) {
  const [top, left, bottom, right] = boxAround([{ vertices }]);
  return (bottom - top) * (right - left);
}

/** The outlines as they are painted: the chosen ones stronger, with the salient pixels that were counted. */
function paintOutlines(context, view, { lines, chosen, salient }, ratio) {
  if (salient) paintSalient(context, view, salient, ratio);
  lines.forEach((line) => paintOutline(context, view, line, ratio, chosen.has(line) ? STRONGER : 1));
}

/** Thinner where a pixel is small on the screen, so that tissue is seen between them. */
function paintSalient(context, view, salient, ratio) {
  const [a, b, c, d, e, f] = salient.matrix;
  const { zoom, x, y } = view;
  context.beginPath();
  context.setTransform(zoom * a, zoom * b, zoom * c, zoom * d, zoom * e + x, zoom * f + y);
  for (const [fromX, fromY, toX, toY] of salient.pieces) {
    context.moveTo(fromX, fromY);
    context.lineTo(toX, toY);
  }
  context.resetTransform();
  context.setLineDash([]);
  Object.assign(context, { strokeStyle: SALIENT, lineWidth: limited((zoom * d) / 3, 0.3 * ratio, ratio) });
  context.stroke();
}

/** Which pair of one pane is chosen: {outline, finding}, either of them null where it stands alone. */
class Pairing {
  constructor(pane) {
    this.pane = pane;
    this.pressed = null;
    this.painted = {};
    const { signal } = pane.listening;
    pane.stage.addEventListener("pointerdown", (event) => (this.pressed = event), { signal });
    pane.stage.addEventListener("pointerup", (event) => this.onRelease(event), { signal });
  }

  get evidence() {
    return this.pane.evidence;
  }

  get pairs() {
    return this.evidence?.pairs ?? [];
  }

  get chosen() {
    return this.pane.choices.compared;
  }

  /** The pair that was chosen, or what stands for it where a finding is compared with no outline. */
  get pair() {
    const { chosen } = this;
    if (!chosen) return null;
    return this.pairs.find(({ outline }) => outline === chosen.outline) ?? this.alone(chosen.finding);
  }

  alone(finding) {
    if (this.evidence?.findings?.[finding] === undefined) return null;
    return { outline: null, finding, found: this.evidence.drawn + finding, at: {} };
  }

  linesOf(pair) {
    const lines = [pair?.outline, pair?.found].filter((index) => index !== null && index !== undefined);
    return lines.map((index) => this.evidence.outlines[index]);
  }

  onRelease(event) {
    const { pressed, pane } = this;
    this.pressed = null;
    const { choices, viewer } = pane;
    const idle = pressed && pressed.button === 0 && !pressed.shiftKey && !choices.tool && !viewer.marker.on;
    if (!idle || event.target.closest(".help") || !pane.isLaidOver("outlines")) return;
    if (Math.hypot(event.clientX - pressed.clientX, event.clientY - pressed.clientY) > HAND_MOVES) return;
    const { x, y } = pane.under(event);
    this.pick([y - 0.5, x - 0.5]);
  }

  /** The contour under a scan point; where several are, the next of them. */
  pick(point) {
    const reach = (ON_LINE * this.pane.ratio) / this.pane.view.zoom;
    const contours = this.contours()
      .map((contour) => ({ ...contour, onLine: distanceToLine(contour.line.vertices, point) <= reach }))
      .filter(({ line, onLine }) => onLine || isInside(line.vertices, point))
      .sort((one, other) => other.onLine - one.onLine || areaOf(one.line) - areaOf(other.line));
    const under = [...new Set(contours.flatMap(({ pairs }) => pairs))];
    if (under.length === 0) return;
    const at = under.findIndex((pair) => this.isChosen(pair));
    this.choose(under[(at + 1) % under.length]);
  }

  /** Every boundary and every finding, with the pairs that it is part of. */
  contours() {
    const outlines = this.pairs.map((pair) => ({ line: this.evidence.outlines[pair.outline], pairs: [pair] }));
    const findings = (this.evidence?.findings ?? []).map((_, finding) => {
      const pairs = this.pairs.filter((pair) => pair.finding === finding);
      const alone = this.alone(finding);
      return { line: this.evidence.outlines[alone.found], pairs: pairs.length ? pairs : [alone] };
    });
    return [...outlines, ...findings];
  }

  isChosen({ outline, finding }) {
    return this.chosen?.outline === outline && this.chosen?.finding === finding;
  }

  choose({ outline, finding }) {
    this.pane.choices.compared = { outline, finding };
    this.pane.viewer.speak(agreementInWords(this));
    this.pane.redraw("layers");
  }

  /** The next outline, in the middle of the stage. */
  next() {
    const { pane, pairs } = this;
    if (pane.evidence?.withheld) return pane.viewer.speak(pane.findingsInWords());
    if (!pairs.length) return pane.viewer.speak("No outline of a reader to compare with");
    const { choices } = pane;
    if (choices.putAside) Object.assign(choices, { shown: choices.putAside, putAside: null });
    choices.shown.add("outlines");
    const pair = pairs[(pairs.findIndex((each) => this.isChosen(each)) + 1) % pairs.length];
    pane.showBox(boxAround(this.linesOf(pair)));
    this.choose(pair);
  }

  letGo() {
    if (!this.chosen) return;
    this.pane.choices.compared = null;
    this.pane.redraw("layers");
  }

  /** The outlines with the chosen pair; another object whenever another picture is due. */
  picture(lines) {
    const { pair, pane } = this;
    const made = { lines, pick: this.chosen, magnification: pane.magnification };
    if (Object.entries(made).every(([name, value]) => this.painted[name] === value)) return this.painted;
    const salient = pair?.at[pane.magnification]?.salient;
    this.painted = {
      ...made,
      chosen: new Set(this.linesOf(pair)),
      salient: salient && { matrix: salient.matrix, pieces: cellBorders(salient.array, 1) },
    };
    return this.painted;
  }
}
