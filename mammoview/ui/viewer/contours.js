// Layers as lines: where the values between cells cross a level, or around the cells that reach it.

const BEYOND = -Infinity; // no value: outside the array
const FINE = 9; // points along a cell's side, the middle one at its centre: the line bends as the heat between cells does

/** Which sides of a square the line joins, by the corners inside: 1 upper left, 2 upper right, 4 lower right, 8 lower left. */
const JOINED = {
  1: ["left top"], 2: ["top right"], 3: ["left right"], 4: ["right bottom"], 6: ["top bottom"], 7: ["left bottom"],
  8: ["left bottom"], 9: ["top bottom"], 11: ["right bottom"], 12: ["left right"], 13: ["top right"], 14: ["left top"],
};
const APART = { 5: ["left top", "right bottom"], 10: ["top right", "left bottom"] };
const TOGETHER = { 5: ["top right", "left bottom"], 10: ["left top", "right bottom"] };

/** Share of the way from one value to its neighbour at which the level is crossed; an array ends at its edge. */
function crossing(from, to, level) {
  if (to === BEYOND) return 1;
  return from === BEYOND ? 0 : (level - from) / (to - from);
}

/**
 * Pieces [x, y, x, y] of the line along which the values cross the level, straight between cell centres
 * and closed along the array's edges; x and y count cells from the array's first edge.
 */
function isoline({ values, rows, columns }, level) {
  const value = (row, column) => {
    if (row < 0 || column < 0 || row >= rows || column >= columns) return BEYOND;
    const found = values[row * columns + column];
    return Number.isNaN(found) ? BEYOND : found;
  };
  const pieces = [];
  for (let row = -1; row < rows; row++) {
    for (let column = -1; column < columns; column++) {
      const corners = [value(row, column), value(row, column + 1), value(row + 1, column + 1), value(row + 1, column)];
      const inside = corners.reduce((sum, each, k) => sum + (each >= level ? 1 << k : 0), 0);
      if (inside === 0 || inside === 15) continue;
      const [x, right] = [column, column + 1].map((k) => limited(k + 0.5, 0, columns));
      const [y, bottom] = [row, row + 1].map((k) => limited(k + 0.5, 0, rows));
      pieces.push(...piecesOf(corners, inside, level, { x, y, width: right - x, height: bottom - y }));
    }
  }
  return pieces;
}

function piecesOf([a, b, c, d], inside, level, { x, y, width, height }) {
  const sides = {
    top: () => [x + width * crossing(a, b, level), y],
    right: () => [x + width, y + height * crossing(b, c, level)],
    bottom: () => [x + width * crossing(d, c, level), y + height],
    left: () => [x, y + height * crossing(a, d, level)],
  };
  const saddle = (a + b + c + d) / 4 >= level ? TOGETHER : APART;
  return (JOINED[inside] ?? saddle[inside]).map((pair) => pair.split(" ").flatMap((side) => sides[side]()));
}

/** Pieces of the borders between cells that reach the level and cells that do not. */
function cellBorders({ values, rows, columns }, level) {
  const reaches = (row, column) =>
    row >= 0 && column >= 0 && row < rows && column < columns && values[row * columns + column] >= level;
  const pieces = [];
  for (let row = 0; row <= rows; row++) {
    for (let column = 0; column <= columns; column++) {
      const here = reaches(row, column);
      if (here !== reaches(row - 1, column)) pieces.push([column, row, column + 1, row]);
      if (here !== reaches(row, column - 1)) pieces.push([column, row, column, row + 1]);
    }
  }
  return pieces;
}

/** The lines that `heatmapPicture` and `gridPicture` fill. */
function heatmapLines(layer, level) {
  const [a, b, c, d, e, f] = layer.matrix;
  const matrix = [a / FINE, b / FINE, c / FINE, d / FINE, e, f];
  return { pieces: isoline(interpolated(layer.array, FINE), level), matrix, colour: "#ed6925" };
}

function gridLines(layer, level) {
  return { pieces: cellBorders(layer.array, level), matrix: layer.matrix, colour: "#35b779" };
}

function breastLines(layer) {
  return { pieces: isoline(layer.array, 0.5), matrix: layer.matrix, colour: "#f0e8d8" };
}

/** The border of a square frame that is drawn by its matrix. */
function frameLines({ side, matrix }) {
  const pieces = [[0, 0, side, 0], [side, 0, side, side], [side, side, 0, side], [0, side, 0, 0]];
  return { pieces, matrix, colour: "#ffffff", dash: [14, 5, 3, 5] };
}

/** The same line as few long ones, each a list of points: a stroke costs by its ends. */
function chained(pieces) {
  const at = new Map(); // place -> the pieces that end there
  const keys = pieces.map(([fromX, fromY, toX, toY]) => [`${fromX} ${fromY}`, `${toX} ${toY}`]);
  keys.forEach((ends, piece) => ends.forEach((end) => at.get(end)?.push(piece) ?? at.set(end, [piece])));
  const taken = new Uint8Array(pieces.length);
  const chains = [];
  for (let first = 0; first < pieces.length; first++) {
    if (taken[first]) continue;
    const chain = [pieces[first].slice(0, 2)];
    let end = keys[first][0];
    for (let piece = first; piece !== undefined; piece = at.get(end).find((each) => !taken[each])) {
      taken[piece] = 1;
      const onwards = keys[piece][0] === end;
      chain.push(onwards ? pieces[piece].slice(2) : pieces[piece].slice(0, 2));
      end = keys[piece][onwards ? 1 : 0];
    }
    chains.push(chain);
  }
  return chains;
}

function paintLines(context, view, picture, ratio) {
  const [a, b, c, d, e, f] = picture.matrix;
  const { zoom, x, y } = view;
  picture.chains ??= chained(picture.pieces);
  context.beginPath();
  context.setTransform(zoom * a, zoom * b, zoom * c, zoom * d, zoom * e + x, zoom * f + y);
  for (const [first, ...rest] of picture.chains) {
    context.moveTo(...first);
    for (const point of rest) context.lineTo(...point);
    const last = rest.at(-1);
    if (last[0] === first[0] && last[1] === first[1]) context.closePath();
  }
  context.resetTransform();
  context.setLineDash([]); // an outline of the model's may have been painted last
  context.lineCap = "round";
  context.lineJoin = "round";
  context.setLineDash((picture.dash ?? []).map((length) => length * ratio));
  strokeTwice(context, picture.colour, 2 * ratio, ratio);
}
