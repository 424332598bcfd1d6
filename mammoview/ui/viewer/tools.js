// The reader's own marks: a ruler, and probes of the grey values they surround. They never leave the browser.

const TOOLS = { ruler: "Ruler", profile: "Profile", rectangle: "Rectangle", ellipse: "Ellipse" };
const MARKED = "#ffe14d";
const SMALLEST_MARK = 3; // CSS pixels; less was a click
const MOST_WHILE_DRAWN = 1_000_000; // film pixels; a larger probe is counted once it is drawn

/** Whether a mark is a line rather than a probe. */
function isLine({ tool }) {
  return tool === "ruler" || tool === "profile";
}

/** Length of a ruler in film pixels, and in millimetres where the spacing (down, across) is known. */
function lengthOf({ from, to }, spacing) {
  const [across, down] = [to.x - from.x, to.y - from.y];
  return {
    pixels: Math.hypot(across, down),
    mm: spacing ? Math.hypot(across * spacing[1], down * spacing[0]) : null,
  };
}

/** First and last edge of a mark's box on the scan. */
function boxOf({ from, to }) {
  return {
    left: Math.min(from.x, to.x),
    right: Math.max(from.x, to.x),
    top: Math.min(from.y, to.y),
    bottom: Math.max(from.y, to.y),
  };
}

/** For a row of the film: the columns [first, end) whose pixels have their centre inside the mark. */
function columnsInside(mark, { left, right, top, bottom }, row, columns) {
  const middle = (left + right) / 2;
  let half = (right - left) / 2;
  if (mark.tool === "ellipse") {
    const height = (row + 0.5 - (top + bottom) / 2) / ((bottom - top) / 2);
    half *= Math.sqrt(Math.max(0, 1 - height * height));
  }
  const first = Math.max(0, Math.ceil(middle - half - 0.5));
  return [first, Math.max(first, Math.min(columns, Math.ceil(middle + half - 0.5)))];
}

/** The rows [first, end) of the film whose centres lie between the mark's edges. */
function rowsInside({ top, bottom }, rows) {
  return [Math.max(0, Math.ceil(top - 0.5)), Math.min(rows, Math.ceil(bottom - 0.5))];
}

/** Count, mean, standard deviation (of all pixels, not a sample), least and largest value inside a probe. */
function greysInside({ values, rows, columns }, mark) {
  const box = boxOf(mark);
  const [first, end] = rowsInside(box, rows);
  let [count, sum, squares, min, max, about] = [0, 0, 0, Infinity, -Infinity, null];
  for (let row = first; row < end; row++) {
    const [left, right] = columnsInside(mark, box, row, columns);
    for (let k = row * columns + left; k < row * columns + right; k++) {
      const value = values[k];
      about ??= value; // sums of differences stay exact
      const difference = value - about;
      sum += difference;
      squares += difference * difference;
      if (value < min) min = value;
      if (value > max) max = value;
    }
    count += right - left;
  }
  if (count === 0) return { count };
  const sd = Math.sqrt(Math.max(0, squares / count - (sum / count) ** 2));
  return { count, mean: about + sum / count, sd, min, max };
}

/** What a mark says, line by line. */
function wordsOf(mark, numbers) {
  if (isLine(mark)) {
    const length = numbers.mm === null ? `${numbers.pixels.toFixed(1)} px` : `${numbers.mm.toFixed(1)} mm`;
    return mark.tool === "profile" ? [length, "drawn below the film"] : [length];
  }
  if (!numbers) return ["counted when drawn"];
  if (numbers.count === 0) return ["no film inside"];
  const pixels = `${numbers.count} px`;
  const area = numbers.area_mm2?.toFixed(numbers.area_mm2 < 10 ? 2 : 1);
  return [
    `mean ${numbers.mean.toFixed(1)} · SD ${numbers.sd.toFixed(1)}`,
    `min ${numbers.min} · max ${numbers.max}`,
    area === undefined ? pixels : `${area} mm² · ${pixels}`,
  ];
}

/** The marks of one film: being drawn, measured, written and taken away again. */
class Marks {
  constructor(choices) {
    this.choices = choices; // {tool, marks}
    this.pending = null;
    this.counted = new WeakMap();
  }

  get drawing() {
    return this.pending !== null;
  }

  begin(point) {
    this.pending = { tool: this.choices.tool, from: { ...point }, to: { ...point } };
  }

  moveTo(point) {
    if (this.pending) this.pending = { ...this.pending, to: { ...point } };
  }

  /** The finished mark, or null where it was only a click; `zoom` is CSS pixels per film pixel. */
  end(zoom) {
    const mark = this.pending;
    this.pending = null;
    if (!mark || lengthOf(mark, null).pixels * zoom < SMALLEST_MARK) return null;
    // There is one profile: below the film is room for that of one line.
    if (mark.tool === "profile") this.choices.marks = this.choices.marks.filter(({ tool }) => tool !== "profile");
    this.choices.marks.push(mark);
    return mark;
  }

  remove(mark) {
    this.choices.marks = this.choices.marks.filter((each) => each !== mark);
  }

  numbers(mark, film, spacing) {
    if (isLine(mark)) return lengthOf(mark, spacing);
    const { left, right, top, bottom } = boxOf(mark);
    if (mark === this.pending && (right - left) * (bottom - top) > MOST_WHILE_DRAWN) return null;
    if (!this.counted.has(mark)) this.counted.set(mark, greysInside(film, mark));
    const greys = this.counted.get(mark);
    return { ...greys, area_mm2: spacing ? greys.count * spacing[0] * spacing[1] : null };
  }

  /** Each mark that is drawn, with its name and what it says. */
  all(film, spacing) {
    const marks = this.pending ? [...this.choices.marks, this.pending] : this.choices.marks;
    return marks.map((mark, index) => {
      const numbers = this.numbers(mark, film, spacing);
      return { mark, numbers, name: `${TOOLS[mark.tool]} ${index + 1}`, words: wordsOf(mark, numbers) };
    });
  }

  paint(context, view, ratio, film, spacing) {
    context.clearRect(0, 0, context.canvas.width, context.canvas.height);
    for (const { mark, name, words } of this.all(film, spacing)) {
      paintMark(context, view, mark, ratio);
      paintWords(context, view, mark, ratio, [name, ...words]);
    }
  }
}

/** Dark under bright, like the outlines; a line ends in short bars across, and a profile begins with a ring. */
function paintMark(context, view, mark, ratio) {
  const at = ({ x, y }) => [view.x + x * view.zoom, view.y + y * view.zoom];
  const [[x0, y0], [x1, y1]] = [at(mark.from), at(mark.to)];
  context.beginPath();
  if (mark.tool === "rectangle") context.rect(Math.min(x0, x1), Math.min(y0, y1), Math.abs(x1 - x0), Math.abs(y1 - y0));
  else if (mark.tool === "ellipse") {
    context.ellipse((x0 + x1) / 2, (y0 + y1) / 2, Math.abs(x1 - x0) / 2, Math.abs(y1 - y0) / 2, 0, 0, 2 * Math.PI);
  } else {
    const length = Math.hypot(x1 - x0, y1 - y0) || 1;
    const [across, down] = [(-(y1 - y0) / length) * 5 * ratio, ((x1 - x0) / length) * 5 * ratio];
    const lines = [[x0, y0, x1, y1], ...[[x0, y0], [x1, y1]].map(([x, y]) => [x - across, y - down, x + across, y + down])];
    for (const [x, y, toX, toY] of lines) {
      context.moveTo(x, y);
      context.lineTo(toX, toY);
    }
    if (mark.tool === "profile") {
      context.moveTo(x0 + 4 * ratio, y0);
      context.arc(x0, y0, 4 * ratio, 0, 2 * Math.PI);
    }
  }
  strokeTwice(context, MARKED, 2 * ratio, ratio);
}

/** Beside the mark's lower right corner, inside the stage. */
function paintWords(context, view, mark, ratio, lines) {
  const { right, bottom } = boxOf(mark);
  const [size, gap] = [12 * ratio, 4 * ratio];
  context.font = `600 ${size}px system-ui, sans-serif`;
  const width = Math.max(...lines.map((line) => context.measureText(line).width)) + 2 * gap;
  const height = lines.length * 1.3 * size + 2 * gap;
  const x = limited(view.x + right * view.zoom + 2 * gap, 0, Math.max(0, context.canvas.width - width));
  const y = limited(view.y + bottom * view.zoom + 2 * gap, 0, Math.max(0, context.canvas.height - height));
  context.fillStyle = "rgb(0 0 0 / 85%)";
  context.fillRect(x, y, width, height);
  context.fillStyle = MARKED;
  context.textBaseline = "top";
  lines.forEach((line, k) => context.fillText(line, x + gap, y + gap + k * 1.3 * size));
}
