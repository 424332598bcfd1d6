// The film: its payload, a pyramid of area averages, and the way from 16-bit values to greys.

const ARRAY_TYPES = { uint8: Uint8Array, uint16: Uint16Array, float32: Float32Array };

/** A payload's header, and its arrays as {values, rows, columns}. */
function unpack(bytes) {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(8, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(16, 16 + length)));
  const arrays = header.arrays.map(({ offset, dtype, shape: [rows, columns] }) => {
    const Type = ARRAY_TYPES[dtype];
    const begin = bytes.byteOffset + 16 + length + offset;
    const size = rows * columns * Type.BYTES_PER_ELEMENT;
    const aligned = begin % Type.BYTES_PER_ELEMENT === 0;
    const values = aligned
      ? new Type(bytes.buffer, begin, rows * columns)
      : new Type(bytes.buffer.slice(begin, begin + size));
    return { values, rows, columns };
  });
  return { header, arrays };
}

/** Half the size, each value the mean of 2 × 2; an odd last row or column counts twice. */
function halved({ values, rows, columns }) {
  const down = (rows + 1) >> 1;
  const across = (columns + 1) >> 1;
  const half = new Uint16Array(down * across);
  for (let row = 0, out = 0; row < down; row++) {
    const upper = 2 * row * columns;
    const lower = 2 * row + 1 < rows ? upper + columns : upper;
    for (let column = 0; column < across; column++, out++) {
      const left = 2 * column;
      const right = left + 1 < columns ? left + 1 : left;
      const sum = values[upper + left] + values[upper + right] + values[lower + left] + values[lower + right];
      half[out] = (sum + 2) >> 2;
    }
  }
  return { values: half, rows: down, columns: across };
}

/** The film at 1, 1/2, 1/4 … until it is small. */
function pyramidOf(film) {
  const levels = [film];
  while (Math.max(levels.at(-1).rows, levels.at(-1).columns) > 256) levels.push(halved(levels.at(-1)));
  return levels;
}

/** Which device pixels [from, to) have their centre on the film, along one axis. */
function covered(offset, zoom, length, size) {
  const from = Math.max(0, Math.ceil(offset - 0.5));
  const to = Math.min(size, Math.ceil(offset + zoom * length - 0.5));
  return [from, Math.max(from, to)];
}

/** For each device pixel of one axis: the two samples beside its centre, and the share of the second. */
function neighbours(from, to, offset, zoom, length) {
  const first = new Int32Array(to - from);
  const second = new Int32Array(to - from);
  const share = new Float32Array(to - from);
  for (let pixel = from; pixel < to; pixel++) {
    const at = Math.min(Math.max((pixel + 0.5 - offset) / zoom - 0.5, 0), length - 1);
    first[pixel - from] = Math.floor(at);
    second[pixel - from] = Math.min(Math.floor(at) + 1, length - 1);
    share[pixel - from] = at - Math.floor(at);
  }
  return { first, second, share };
}

/** For each device pixel of one axis: the sample that it shows. */
function nearest(from, to, offset, zoom, length) {
  const index = new Int32Array(to - from);
  for (let pixel = from; pixel < to; pixel++) {
    index[pixel - from] = Math.min(Math.floor((pixel + 0.5 - offset) / zoom), length - 1);
  }
  return index;
}

/**
 * The visible part of the film as 16-bit values, one for each device pixel: the sample itself where
 * enlarged, a mean where reduced. `view` is {zoom, x, y}: device pixels per scan pixel, and where the
 * scan's first corner lies.
 */
function resampled(pyramid, view, width, height) {
  const { rows, columns } = pyramid[0];
  const [left, right] = covered(view.x, view.zoom, columns, width);
  const [top, bottom] = covered(view.y, view.zoom, rows, height);
  const box = { left, top, width: right - left, height: bottom - top };
  const values = new Uint16Array(box.width * box.height);
  if (view.zoom >= 1) enlarge(values, pyramid[0], view, box);
  else reduce(values, pyramid, view, box);
  return { values, ...box };
}

function enlarge(out, film, view, box) {
  const across = nearest(box.left, box.left + box.width, view.x, view.zoom, film.columns);
  const down = nearest(box.top, box.top + box.height, view.y, view.zoom, film.rows);
  for (let y = 0, k = 0; y < box.height; y++) {
    const row = down[y] * film.columns;
    for (let x = 0; x < box.width; x++, k++) out[k] = film.values[row + across[x]];
  }
}

function reduce(out, pyramid, view, box) {
  const step = Math.min(Math.floor(Math.log2(1 / view.zoom) + 1e-9), pyramid.length - 1);
  const { values, rows, columns } = pyramid[step];
  const zoom = view.zoom * 2 ** step;
  const across = neighbours(box.left, box.left + box.width, view.x, zoom, columns);
  const down = neighbours(box.top, box.top + box.height, view.y, zoom, rows);
  for (let y = 0, k = 0; y < box.height; y++) {
    const upper = down.first[y] * columns;
    const lower = down.second[y] * columns;
    const dy = down.share[y];
    for (let x = 0; x < box.width; x++, k++) {
      const i = across.first[x];
      const j = across.second[x];
      const dx = across.share[x];
      const above = values[upper + i] + dx * (values[upper + j] - values[upper + i]);
      const below = values[lower + i] + dx * (values[lower + j] - values[lower + i]);
      out[k] = above + dy * (below - above) + 0.5;
    }
  }
}

/** Opaque grey for each of the 65,536 values; inverted, the air around the breast stays black. */
function greysOf({ low, high }, inverted, air) {
  const greys = new Uint32Array(65536);
  const scale = 255 / Math.max(high - low, 1);
  for (let value = 0; value < 65536; value++) {
    let grey = Math.min(Math.max(Math.round((value - low) * scale), 0), 255);
    if (inverted) grey = value <= air ? 0 : 255 - grey;
    greys[value] = 0xff000000 | (grey << 16) | (grey << 8) | grey;
  }
  return greys;
}

function paintFilm(context, sampled, greys) {
  const { width, height } = context.canvas;
  context.clearRect(0, 0, width, height);
  if (sampled.values.length === 0) return;
  const image = context.createImageData(sampled.width, sampled.height);
  const out = new Uint32Array(image.data.buffer);
  const { values } = sampled;
  for (let k = 0; k < values.length; k++) out[k] = greys[values[k]];
  context.putImageData(image, sampled.left, sampled.top);
}
