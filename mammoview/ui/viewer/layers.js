// The layers: how each becomes colours, and how it is laid on the film by its matrix.

const INFERNO = "000004 1b0c41 4a0c6b 781c6d a52c60 cf4446 ed6925 fb9b06 f7d13d fcffa4";
const VIRIDIS = "440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725";
const CIVIDIS = "00224e 123570 3b496c 575d6d 707173 8a8678 a59c74 c3b369 e1cc55 fee838";
const MAGENTA = [255, 79, 216];
/** How the saliency of the patches is added up: a name, and what it says. */
const WEIGHTINGS = {
  context: ["By context", "each kept patch adds up to its suspicion times the heat at its centre"],
  entropy: ["Raw entropy", "|∂H/∂x| as the paper has it; next to nothing where the network is sure"],
  normalised: ["Patches alike", "each kept patch adds up to 1, whether suspicious or hardly"],
  "log-probability": ["−log p", "|∂(−log p)/∂x| of the class that the network predicts"],
};
const LINES = { reader: "#56b4e9", model: "#e69f00" };
const SMOOTH = 8; // heat is drawn at 8 × 8 points per cell, straight lines between cell centres

/** Red, green, blue at 0…1 between evenly spaced colours, as 256 triples. */
function colourMap(stops) {
  const colours = stops.split(" ").map((hex) => [0, 2, 4].map((k) => parseInt(hex.slice(k, k + 2), 16)));
  return Array.from({ length: 256 }, (_, value) => {
    const at = (value / 255) * (colours.length - 1);
    const k = Math.min(Math.floor(at), colours.length - 2);
    return colours[k].map((from, c) => Math.round(from + (at - k) * (colours[k + 1][c] - from)));
  });
}

const MAPS = { heatmap: colourMap(INFERNO), grid: colourMap(VIRIDIS) };
const DISAGREEING = colourMap(CIVIDIS);

/** Colour and opacity of a value in [0, 1]: nothing below half the level, all from the level on. */
function colourOf(map, value, level) {
  const share = Math.min(Math.max(value, 0), 1);
  const alpha = level > 0 ? Math.min(Math.max((2 * share) / level - 1, 0), 1) : 1;
  // The darkest quarter of a map would darken tissue instead of lighting it.
  return [...map[Math.round(64 + share * 191)], Math.round(alpha * 255)];
}

/** One hue; the more salient, the more opaque. */
function saliencyColour(share) {
  return [...MAGENTA, Math.round(share * 255)];
}

/** From clear where the magnifications agree to opaque from a difference of a half on. */
function disagreementColour(spread) {
  return [...DISAGREEING[Math.round(64 + limited(spread, 0, 1) * 191)], Math.round(limited(2 * spread, 0, 1) * 255)];
}

/** 256 colours as a canvas keeps them in memory. */
function paletteOf(colourAt) {
  return Uint32Array.from({ length: 256 }, (_, value) => {
    const [red, green, blue, alpha] = colourAt(value / 255);
    return ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  });
}

/** Values from 0 to `one` as a picture. */
function canvasOf({ values, rows, columns }, one, palette) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [columns, rows];
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  const out = new Uint32Array(image.data.buffer);
  for (let k = 0; k < out.length; k++) {
    out[k] = palette[Math.min(Math.max(Math.round((values[k] * 255) / one), 0), 255)];
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

/** What was sent as squares, as one array; nothing lies in the squares that were not sent. */
function untiled({ values }, { rows, columns, tile, places }) {
  const whole = new Uint8Array(rows * columns);
  places.forEach(([top, left], number) => {
    const width = Math.min(tile, columns - left);
    for (let row = 0; row < Math.min(tile, rows - top); row++) {
      const from = (number * tile + row) * tile;
      whole.set(values.subarray(from, from + width), (top + row) * columns + left);
    }
  });
  return { values: whole, rows, columns };
}

/** Values between the centres of cells, `times` points along each cell's side. */
function interpolated({ values, rows, columns }, times) {
  const [down, across] = [rows * times, columns * times];
  const out = new Float32Array(down * across);
  const x = neighbours(0, across, 0, times, columns);
  const y = neighbours(0, down, 0, times, rows);
  for (let row = 0, k = 0; row < down; row++) {
    const [upper, lower] = [y.first[row] * columns, y.second[row] * columns];
    for (let column = 0; column < across; column++, k++) {
      const [i, j, dx] = [x.first[column], x.second[column], x.share[column]];
      const above = values[upper + i] + dx * (values[upper + j] - values[upper + i]);
      const below = values[lower + i] + dx * (values[lower + j] - values[lower + i]);
      out[k] = above + y.share[row] * (below - above);
    }
  }
  return { values: out, rows: down, columns: across };
}

/** A layer's picture and the matrix from the picture's own edges to scan edges. */
function heatmapPicture(layer, level) {
  const palette = paletteOf((value) => colourOf(MAPS.heatmap, value, level));
  layer.smooth ??= interpolated(layer.array, SMOOTH); // the same at every level
  const canvas = canvasOf(layer.smooth, 1, palette);
  const [a, b, c, d, e, f] = layer.matrix;
  return { canvas, matrix: [a / SMOOTH, b / SMOOTH, c / SMOOTH, d / SMOOTH, e, f], squares: false };
}

function gridPicture(layer, level) {
  const palette = paletteOf((value) => colourOf(MAPS.grid, value, level));
  return { canvas: canvasOf(layer.array, 1, palette), matrix: layer.matrix, squares: true };
}

function disagreementPicture(layer) {
  return { canvas: canvasOf(layer.array, 1, paletteOf(disagreementColour)), matrix: layer.matrix, squares: true };
}

function saliencyPicture(layer) {
  const canvas = canvasOf(layer.array, 255, paletteOf(saliencyColour));
  return { canvas, matrix: layer.matrix, squares: true };
}

/**
 * The picture in as many halvings as bring it near its size on the stage, and by how much it is smaller.
 * Each is made once, when it is first needed: smoothing the whole picture down again costs 10 ms a frame.
 */
function halvedTo(picture, scale) {
  picture.halves ??= [picture.canvas];
  const { halves } = picture;
  const most = Math.floor(Math.log2(Math.min(picture.canvas.width, picture.canvas.height)));
  const wanted = Math.min(Math.max(Math.round(-Math.log2(scale)), 0), most);
  while (halves.length <= wanted) {
    const larger = halves.at(-1);
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [(larger.width + 1) >> 1, (larger.height + 1) >> 1];
    const context = canvas.getContext("2d");
    context.scale(0.5, 0.5);
    context.drawImage(larger, 0, 0); // at half the size, straight lines between pixels are the mean of 2 × 2
    halves.push(canvas);
  }
  return { canvas: halves[wanted], times: 2 ** wanted };
}

function paintPicture(context, view, picture) {
  const [a, b, c, d, e, f] = picture.matrix;
  const { zoom, x, y } = view;
  const scale = zoom * Math.hypot(a, b);
  const { canvas, times } = halvedTo(picture, scale);
  const each = zoom * times;
  context.setTransform(each * a, each * b, each * c, each * d, zoom * e + x, zoom * f + y);
  context.imageSmoothingEnabled = !picture.squares || scale < 1;
  context.drawImage(canvas, 0, 0);
  context.resetTransform();
}

/** A reader's line is solid, a model's dashed. */
function paintOutline(context, view, outline, ratio, stronger = 1) {
  context.beginPath();
  for (const [row, column] of outline.vertices) {
    context.lineTo(view.x + (column + 0.5) * view.zoom, view.y + (row + 0.5) * view.zoom);
  }
  context.closePath();
  context.lineJoin = "round";
  context.setLineDash(outline.drawn_by === "model" ? [8 * ratio, (4 + 2 * stronger) * ratio] : []);
  strokeTwice(context, LINES[outline.drawn_by], (outline.core ? 1 : 2) * stronger * ratio, ratio);
}

/** The current path, dark under bright, so that a line is seen on fat and on dense tissue. */
function strokeTwice(context, colour, width, ratio) {
  for (const [style, thickness] of [["#000000", width + 2 * ratio], [colour, width]]) {
    context.strokeStyle = style;
    context.lineWidth = thickness;
    context.stroke();
  }
}

/** Row and column of the layer's cell under a scan point (edges), or null. */
function cellUnder({ array, matrix: [a, b, c, d, e, f] }, x, y) {
  const determinant = a * d - b * c;
  const column = Math.floor((d * (x - e) - c * (y - f)) / determinant);
  const row = Math.floor((a * (y - f) - b * (x - e)) / determinant);
  const inside = row >= 0 && column >= 0 && row < array.rows && column < array.columns;
  return inside ? array.values[row * array.columns + column] : null;
}

/** A colour bar over mid grey, painted with the very colours of the layer. */
function paintBar(canvas, colourAt, opacity) {
  const context = canvas.getContext("2d");
  const { width, height } = canvas;
  context.fillStyle = "#808080";
  context.fillRect(0, 0, width, height);
  for (let x = 0; x < width; x++) {
    const [red, green, blue, alpha] = colourAt((x + 0.5) / width);
    context.fillStyle = `rgb(${red} ${green} ${blue} / ${(alpha / 255) * opacity})`;
    context.fillRect(x, 0, 1, height);
  }
}
