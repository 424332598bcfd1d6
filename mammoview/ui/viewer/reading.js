// What is read off the film: the choices, which layer they mean, and what each says in words.

const NAMES = {
  heatmap: "Heatmap",
  grid: "Tissue grid",
  saliency: "Saliency",
  outlines: "Outlines",
  disagreement: "Disagreement",
  breast: "Breast edge",
  frame: "Paper's frame",
};
const LAYERS = Object.keys(NAMES);
const VALUED = LAYERS.filter((name) => name !== "outlines" && name !== "frame");
const FROM_BELOW = ["breast", "frame", "heatmap", "grid", "disagreement", "saliency", "outlines"]; // as they lie over the film
const MAGNIFICATION_KEYS = { q: "0.5", w: "0.33", e: "0.25" };

/** What stays when the film changes or the page draws the viewer anew. */
function firstChoices() {
  return {
    shown: new Set(), // layers
    putAside: null, // layers that "Hide all" took away
    opacity: { heatmap: 0.45, grid: 0.45, saliency: 0.8, outlines: 1, disagreement: 0.45, breast: 1, frame: 1 },
    lined: new Set(), // layers drawn as a line at the level instead of filled
    level: {}, // by layer, where the reader moved it away from the card's
    chosen: "heatmap",
    magnification: null,
    magnificationBefore: null,
    weighting: "context", // of the saliency
    stride: null,
    inverted: false,
    tool: null, // what a drag does: null moves the film; "window", or one of TOOLS
    marks: [], // what was measured on this film
    loupe: false, // lies on the film without its key being held
    nipples: {}, // where the reader put it: {x, y} on the scan, by film
    film: null,
    finding: null, // the one that was gone to last
    compared: null, // {outline, finding}: the pair whose numbers are told
    view: null, // {zoom, row, column, fitted}: the scan point in the middle of the stage
    window: null, // {preset, low, high}
  };
}

function exponential(value) {
  return value === 0 ? "0" : value.toExponential(1);
}

function limited(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

/** What the viewer knows without drawing: `film`, `layers`, `choices`, `cursor`, `blink` and `peeking` are the viewer's. */
class Reading {
  /** A film that says how its greys are meant is first seen so. */
  get firstPreset() {
    return "file" in this.film.header.windows ? "file" : "breast";
  }

  get evidence() {
    return this.layers?.film === this.film?.header.film ? this.layers : null;
  }

  /** The one that is on the screen; while magnifications blink, the other one every second time. */
  get magnification() {
    return this.blink.isTurned("magnifications") ? this.otherMagnification : this.chosenMagnification;
  }

  get chosenMagnification() {
    return this.choices.magnification ?? this.evidence?.magnification ?? "0.5";
  }

  /** The one before, or where there was none the next in order. */
  get otherMagnification() {
    const keys = Object.values(MAGNIFICATION_KEYS);
    return this.choices.magnificationBefore ?? keys[(keys.indexOf(this.chosenMagnification) + 1) % keys.length];
  }

  /** The saliency's patches lie at the stride of the assessment, whichever grid is looked at. */
  saliencyStride() {
    const stride = this.evidence?.stride;
    return stride ? ` · saliency stride ${stride}` : "";
  }

  get stride() {
    return this.choices.stride ?? this.evidence?.stride ?? 32;
  }

  /** The layer as it was sent, at the chosen magnification and stride; undefined where it was not run. */
  layer(name) {
    const evidence = this.evidence;
    if (name === "breast") return this.film?.breast.found ? this.film.breast : undefined;
    if (name === "frame") return this.film?.header.paper_frame ?? undefined;
    if (name === "outlines") return evidence?.outlines.length ? evidence.outlines : undefined;
    if (!evidence?.assessed) return undefined;
    if (name === "heatmap") return evidence.heatmap;
    const here = ({ magnification }) => magnification === this.magnification;
    if (name === "saliency") return this.saliency(evidence.saliency.filter(here));
    if (name === "disagreement") return evidence.disagreement ?? undefined;
    return evidence.grids.find((grid) => here(grid) && grid.stride === this.stride);
  }

  /** The map that was chosen; put together when it is first looked at. */
  saliency(maps) {
    const map = maps.find(({ weighting }) => weighting === this.choices.weighting);
    if (map) map.array ??= untiled(map.tiles, map);
    return map;
  }

  level(name) {
    return this.choices.level[name] ?? this.layer(name)?.level ?? 0.5;
  }

  /** A line is thin enough to be opaque. */
  opacity(name) {
    return this.choices.lined.has(name) ? 1 : this.choices.opacity[name];
  }

  isVisible(name) {
    return this.isLaidOver(name) && !this.blink.isTurned("layers");
  }

  /** Also while it blinks. */
  isLaidOver(name) {
    return this.choices.shown.has(name) && !this.peeking && this.layer(name) !== undefined;
  }

  isEmpty(name) {
    const layer = this.layer(name);
    if (["outlines", "breast", "frame"].includes(name)) return false;
    if (name === "saliency") return layer.scale === 0;
    if (name === "disagreement") return layer.most === 0;
    const level = this.level(name);
    return !layer.array.values.some((value) => value >= level);
  }

  /** A network that gave no number somewhere has failed there, and says so. */
  isNumber(name) {
    const layer = this.layer(name);
    if (name === "saliency") return layer.scale !== null;
    return !layer.array.values.some(Number.isNaN);
  }

  stateInWords(name) {
    if (this.evidence?.withheld) return this.evidence.state;
    const layer = this.layer(name);
    const shown = this.choices.shown.has(name) ? "shown" : "off";
    if (name === "outlines") return this.outlinesInWords(layer, shown);
    if (name === "breast" || name === "frame") return layer ? shown : "not told from the background";
    if (!layer) return this.evidence?.assessed ? "not run at this magnification" : (this.evidence?.state ?? "not run");
    if (!this.isNumber(name)) return "ran, gave no number";
    if (name === "disagreement" && layer.most === 0) return "ran, all three agree";
    if (name === "disagreement" && shown === "shown") return `shown · most ${layer.most.toFixed(2)}`;
    return this.isEmpty(name) ? "ran, nothing above the level" : shown;
  }

  outlinesInWords(outlines, shown) {
    if (!outlines) return this.evidence?.assessed ? "ran, nothing above the level" : `${this.evidence?.state ?? "not run"}, none drawn`;
    const counts = ["reader", "model"].map((by) => [outlines.filter((line) => line.drawn_by === by).length, by]);
    return [shown, ...counts.filter(([count]) => count).map(([count, by]) => `${count} ${by}`)].join(" · ");
  }

  /** Findings come with the highest score first. */
  get findings() {
    return this.evidence?.findings ?? [];
  }

  findingsInWords() {
    const { evidence, findings } = this;
    if (!evidence?.assessed) return `Findings: ${evidence?.state ?? "not run"}`;
    if (!findings.length) return `No finding: no heat reaches ${evidence.heatmap.level.toFixed(2)}`;
    const { score, area_mm2: area } = findings[this.choices.finding] ?? findings[0];
    if (this.choices.finding !== null) {
      const number = this.choices.finding + 1;
      const assumed = this.film.header.spacing_mm ? "" : " at the 50 µm assumed";
      return `Finding ${number} of ${findings.length} · score ${score.toFixed(2)} · ${area.toFixed(0)} mm²${assumed}`;
    }
    const [count, highest] = findings.length === 1 ? ["1 finding", ""] : [`${findings.length} findings`, "highest "];
    return `${count} · ${highest}score ${score.toFixed(2)}`;
  }

  /** Why there is nothing to blink, or null. */
  noBlink(what) {
    if (this.blink.isForbidden) return "Your system asks for less motion: step with B or 0 instead";
    const names = what === "layers" ? LAYERS : ["grid", "saliency"];
    if (names.some((name) => this.isLaidOver(name))) return null;
    return what === "layers" ? "Show a layer first" : "Show the tissue grid or the saliency first";
  }

  blinkInWords() {
    if (this.blink.what === "layers") return "Blinking: film alone and with layers";
    if (this.blink.what === null) return null;
    return `Blinking: ×${this.chosenMagnification} and ×${this.otherMagnification}`;
  }

  scaleInWords(name, level) {
    if (name === "saliency") return this.saliencyScale();
    if (name === "disagreement") return ["0", "largest less smallest suspicion", "1"];
    return this.levelScale(name, level);
  }

  levelScale(name, level) {
    const moved = this.choices.level[name] !== undefined;
    const card = moved ? ` (card ${this.layer(name).level.toFixed(2)})` : " (card)";
    if (this.choices.lined.has(name)) return [`line at level ${level.toFixed(2)}${card}, from 0 to 1`];
    return ["0", `level ${level.toFixed(2)}${card}, clear below half`, "1"];
  }

  saliencyScale() {
    const { scale, percentile } = this.layer("saliency");
    if (!scale) return [scale === null ? "no number" : "nothing kept"];
    return ["0", `film's ${percentile}th percentile`, `≥ ${exponential(scale)}`];
  }

  get pixel() {
    if (!this.cursor) return null;
    const { rows, columns } = this.film.header;
    const [row, column] = [Math.floor(this.cursor.y), Math.floor(this.cursor.x)];
    return row >= 0 && column >= 0 && row < rows && column < columns ? { row, column } : null;
  }

  cursorInWords() {
    const { pixel } = this;
    if (!pixel) return "";
    const { spacing_mm: spacing, spacing_source: source } = this.film.header;
    const place = `Row ${pixel.row}, column ${pixel.column}`;
    if (!spacing) return `${place} · millimetres unknown`;
    const [down, across] = [(pixel.row + 0.5) * spacing[0], (pixel.column + 0.5) * spacing[1]];
    return `${place} · ${down.toFixed(1)}, ${across.toFixed(1)} mm (${source})`;
  }

  /** On what every length and area in millimetres rests. */
  spacingInWords() {
    const { spacing_mm: spacing, spacing_source: source, sampling_mm: sampling } = this.film.header;
    if (!spacing) return `Pixels only; spacing ${source}`;
    const sampled = sampling ? `; sampled every ${Math.max(...sampling).toFixed(3)} mm` : "";
    const [down, across] = spacing.map((mm) => mm.toFixed(4));
    const size = down === across ? `${down} mm per pixel` : `${down} × ${across} mm per pixel down × across`;
    return `${size}: ${source}${sampled}`;
  }

  /** Only of what is seen: a hidden layer tells nothing before it is asked. */
  valuesInWords() {
    const { pixel } = this;
    if (!pixel) return "";
    const words = [this.greyInWords(pixel)];
    for (const name of VALUED.filter((each) => this.isLaidOver(each))) {
      const value = cellUnder(this.layer(name), this.cursor.x, this.cursor.y);
      if (value !== null) words.push(`${NAMES[name].toLowerCase()} ${this.valueInWords(name, value)}`);
    }
    return words.join(" · ");
  }

  greyInWords({ row, column }) {
    const [{ values, columns }] = this.film.pyramid;
    const { reduction } = this.film.header;
    const value = values[Math.floor(row / reduction) * columns + Math.floor(column / reduction)];
    return reduction === 1 ? `Value ${value}` : `Value ${value}, mean of ${reduction} × ${reduction}`;
  }

  valueInWords(name, value) {
    if (name === "breast") return value ? "inside" : "outside";
    if (name !== "saliency") return Number.isNaN(value) ? "not a number" : value.toFixed(2);
    const { scale } = this.layer(name);
    if (scale === null) return "not a number";
    return value === 255 ? `≥ ${exponential(scale)}` : exponential((value / 255) * scale);
  }

  saliencyMeaning() {
    const maximum = this.isLaidOver("saliency") ? this.layer("saliency").maximum : null;
    const largest = maximum === null ? "" : `; largest ${exponential(maximum)}`;
    return `${WEIGHTINGS[this.choices.weighting][1]}${largest}`;
  }
}
