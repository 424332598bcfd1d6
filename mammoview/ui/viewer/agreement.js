// An outline beside what it is compared with: chosen on the film, drawn stronger there, told in numbers.

const ON_LINE = 6; // CSS pixels from a line that still are on it
const STRONGER = 2; // times as wide as the other lines
const SALIENT = "#ff4fd8";
const UNDEFINED = "–";

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

/** What each number says, in the order of the page's table. */
function agreementInWords(numbers) {
  const { pointing_hit: hit, energy_inside: energy, tightness, distance_mm: mm, distance_px: pixels } = numbers;
  const dark = energy === null ? "nothing is salient here" : "the saliency misses it";
  const percent = (share) => `${Math.round(share * 100)} %`;
  return [
    ["Pointing", hit === null ? `${UNDEFINED} nothing is salient here` : hit ? "hit: the most salient point is inside" : "miss: the most salient point is outside"],
    ["Energy inside", energy === null ? `${UNDEFINED} nothing is salient here` : `${percent(energy)} of the film's saliency`],
    ["Dice", pixels === null ? "0, as nothing was found" : `${numbers.dice.toFixed(2)}; 1 is the same area`],
    ["IoU", pixels === null ? "0, as nothing was found" : `${numbers.iou.toFixed(2)}; shared of joint area`],
    ["Tightness", tightness === null ? `${UNDEFINED} ${dark}` : `${tightness.toFixed(2)}: salient of outlined area`],
    ["Centres apart", pixels === null ? `${UNDEFINED} nothing was found` : mm === null ? `${pixels.toFixed(0)} pixels` : `${mm.toFixed(1)} mm`],
  ];
}

/** Which pair is chosen: {outline, finding}, either of them null where it stands alone. */
class Agreement {
  constructor(viewer) {
    this.viewer = viewer;
    this.card = viewer.find(".agreement");
    this.pressed = null;
    this.painted = {};
    const { signal } = viewer.listening;
    const { stage } = viewer;
    stage.addEventListener("pointerdown", (event) => (this.pressed = event), { signal });
    stage.addEventListener("pointerup", (event) => this.onRelease(event), { signal });
    this.card.addEventListener("click", (event) => this.onButton(event), { signal });
  }

  get evidence() {
    return this.viewer.evidence;
  }

  get pairs() {
    return this.evidence?.pairs ?? [];
  }

  get chosen() {
    return this.viewer.choices.compared;
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
    const { pressed, viewer } = this;
    this.pressed = null;
    const { choices, marker } = viewer;
    const idle = pressed && pressed.button === 0 && !pressed.shiftKey && !choices.tool && !marker.on;
    if (!idle || event.target.closest(".help") || !viewer.isLaidOver("outlines")) return;
    if (Math.hypot(event.clientX - pressed.clientX, event.clientY - pressed.clientY) > HAND_MOVES) return;
    const { x, y } = viewer.under(event);
    this.pick([y - 0.5, x - 0.5]);
  }

  onButton({ target }) {
    if (target.closest(".release")) this.letGo();
    if (target.closest(".further")) this.next();
  }

  /** The contour under a scan point; where several are, the next of them. */
  pick(point) {
    const reach = (ON_LINE * this.viewer.ratio) / this.viewer.view.zoom;
    const under = this.contours()
      .map((contour) => ({ ...contour, onLine: distanceToLine(contour.line.vertices, point) <= reach }))
      .filter(({ line, onLine }) => onLine || isInside(line.vertices, point))
      .sort((one, other) => other.onLine - one.onLine || areaOf(one.line) - areaOf(other.line))
      .flatMap(({ pairs }) => pairs);
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
    this.viewer.choices.compared = { outline, finding };
    this.viewer.speak(this.inWords());
    this.viewer.redraw("layers");
  }

  next() {
    const { viewer, pairs } = this;
    if (viewer.evidence?.withheld) return viewer.speak(viewer.findingsInWords());
    if (!pairs.length) return viewer.speak("No outline of a reader to compare with");
    const { choices } = viewer;
    if (choices.putAside) Object.assign(choices, { shown: choices.putAside, putAside: null });
    choices.shown.add("outlines");
    const pair = pairs[(pairs.findIndex((each) => this.isChosen(each)) + 1) % pairs.length];
    viewer.showBox(boxAround(this.linesOf(pair)));
    this.choose(pair);
  }

  letGo() {
    if (!this.chosen) return;
    this.viewer.choices.compared = null;
    this.viewer.redraw("layers");
  }

  /** The outlines with the chosen pair; another object whenever another picture is due. */
  picture(lines) {
    const { pair, viewer } = this;
    const before = this.painted;
    if (before.lines === lines && before.pair === pair && before.magnification === viewer.magnification) return before;
    const salient = pair?.at[viewer.magnification]?.salient;
    this.painted = {
      lines,
      pair,
      magnification: viewer.magnification,
      chosen: new Set(this.linesOf(pair)),
      salient: salient && { matrix: salient.matrix, pieces: cellBorders(salient.array, 1) },
    };
    return this.painted;
  }

  /** The card beside the film; with the panel, whenever a layer or the magnification is another. */
  draw() {
    const { card, pair } = this;
    card.hidden = pair === null;
    if (pair === null) return;
    const words = `${this.title(pair)}, ${this.pairedWith(pair)}`;
    const key = JSON.stringify([words, this.viewer.magnification, pair.at[this.viewer.magnification] !== undefined]);
    if (card.dataset.shown === key && this.drawnPair === pair) return;
    this.drawnPair = pair;
    card.dataset.shown = key;
    card.replaceChildren(...this.contents(pair));
    card.scrollIntoView({ block: "nearest" });
  }

  contents(pair) {
    const make = (tag, className, text) => Object.assign(document.createElement(tag), { className, textContent: text });
    const head = make("div", "head", "");
    const further = Object.assign(make("button", "further", "Next (A)"), { type: "button", hidden: this.pairs.length < 2 });
    const release = Object.assign(make("button", "release", "×"), { type: "button", title: "Let go (Esc)" });
    release.setAttribute("aria-label", "Let go of the pair");
    const numbers = pair.at[this.viewer.magnification];
    const at = numbers ? ` · at ×${this.viewer.magnification}` : "";
    head.append(make("h3", "", `${this.title(pair)}${at}`), further, release);
    const lines = make("div", "lines", "");
    if (pair.outline !== null) lines.append(make("span", "reader", `reader: ${pair.lesion}`));
    if (pair.finding !== null) lines.append(make("span", "model", this.findingInWords(pair.finding)));
    if (numbers?.salient) lines.append(make("span", "salient", "the salient pixels around it"));
    const table = document.createElement("dl");
    const rows = numbers ? agreementInWords(numbers) : [["", this.nothing(pair)]];
    table.append(...rows.flatMap(([name, words]) => [make("dt", "", name), make("dd", "", words)]));
    return [head, lines, table];
  }

  title({ outline, finding }) {
    if (outline === null) return `Finding ${finding + 1}`;
    return `Outline ${outline + 1}`; // as the table on the page counts
  }

  pairedWith({ outline, finding }) {
    if (outline === null) return "compared with no outline";
    return finding === null ? "compared with no finding" : `and ${this.findingInWords(finding)}`;
  }

  findingInWords(finding) {
    return `finding ${finding + 1}, score ${this.evidence.findings[finding].score.toFixed(2)}`;
  }

  nothing(pair) {
    if (!this.evidence.assessed) return `Not compared: ${this.evidence.state}`;
    if (pair.outline !== null) return "Not assessed at this magnification";
    return this.pairs.length
      ? "Every outline is compared with the finding nearest to it; this one is nearest to none."
      : "No outline of a reader to compare with.";
  }

  inWords() {
    const { pair } = this;
    const numbers = pair.at[this.viewer.magnification];
    const said = `${this.title(pair)}, ${this.pairedWith(pair)}`;
    if (!numbers) return said;
    const told = agreementInWords(numbers).map(([name, words]) => `${name} ${words}`);
    return `${said} at ×${this.viewer.magnification}: ${told.join("; ")}`;
  }
}
