// The arc: a point of one view lies in the other view of that breast about as far from the nipple.

const ARC_MARGIN_MM = 10; // to either side of the distance
const ARC_PIECES = 720;
const NIPPLE_REACH = 12; // CSS pixels around its mark that take hold of it
const ARC_COLOUR = "#7dff9b";

/** Distance in millimetres between two scan points (edges) of a film whose spacing is known. */
function millimetresBetween(from, to, spacing) {
  return lengthOf({ from, to }, spacing).mm;
}

/** Why no arc leads from one pane to another, or null. */
function noArc(from, to) {
  for (const pane of [from, to]) {
    if (!pane.film) return `No arc: ${pane.name} is not there yet`;
    if (!pane.film.header.spacing_mm) return `No arc: the size of a pixel of ${pane.name} is not known`;
    if (!pane.nipple) return `No arc: no nipple could be estimated on ${pane.name}`;
  }
  return null;
}

/** Pieces of the circle around a nipple that lie on the breast, as lists of scan points (edges). */
function arcOn({ film, nipple }, mm) {
  const [down, across] = film.header.spacing_mm;
  const pieces = [[]];
  for (let step = 0; step <= ARC_PIECES; step++) {
    const angle = (2 * Math.PI * step) / ARC_PIECES;
    const [x, y] = [nipple.x + (mm * Math.cos(angle)) / across, nipple.y + (mm * Math.sin(angle)) / down];
    if (cellUnder(film.breast, x, y)) pieces.at(-1).push([x, y]);
    else if (pieces.at(-1).length) pieces.push([]);
  }
  return pieces.filter((piece) => piece.length > 1);
}

/** The distance as a line, its margins dashed. */
function paintArc(context, view, pane, mm, ratio) {
  for (const [radius, width, dash] of [[mm - ARC_MARGIN_MM, 1, [6, 6]], [mm, 2, []], [mm + ARC_MARGIN_MM, 1, [6, 6]]]) {
    if (radius <= 0) continue;
    context.beginPath();
    for (const piece of arcOn(pane, radius)) {
      piece.forEach(([x, y], k) => context[k ? "lineTo" : "moveTo"](view.x + x * view.zoom, view.y + y * view.zoom));
    }
    context.setLineDash(dash.map((length) => length * ratio));
    strokeTwice(context, ARC_COLOUR, width * ratio, ratio);
    context.setLineDash([]);
  }
}

/** A small ring where the nipple is taken to be; a cross where the reader clicked. */
function paintNipple(context, view, { x, y }, isCorrected, ratio) {
  const [across, down] = [view.x + x * view.zoom, view.y + y * view.zoom];
  context.beginPath();
  context.arc(across, down, 6 * ratio, 0, 2 * Math.PI);
  context.setLineDash(isCorrected ? [] : [3 * ratio, 3 * ratio]);
  strokeTwice(context, ARC_COLOUR, 2 * ratio, ratio);
  context.setLineDash([]);
}

function paintClicked(context, view, { x, y }, ratio) {
  const [across, down, arm] = [view.x + x * view.zoom, view.y + y * view.zoom, 7 * ratio];
  context.beginPath();
  context.moveTo(across - arm, down);
  context.lineTo(across + arm, down);
  context.moveTo(across, down - arm);
  context.lineTo(across, down + arm);
  strokeTwice(context, ARC_COLOUR, 2 * ratio, ratio);
}

/** What the reader clicked on in one view, and what follows for the other views of that breast. */
class Arc {
  constructor(group) {
    this.group = group;
    this.from = null; // the pane
    this.point = null; // on its scan (edges)
  }

  begin(pane, point) {
    [this.from, this.point] = [pane, point];
  }

  clear() {
    [this.from, this.point] = [null, null];
  }

  /** In millimetres, from the nipple of the view that was clicked on; null where it cannot be told. */
  get distance() {
    const { from, point } = this;
    if (!point || !from.film?.header.spacing_mm || !from.nipple) return null;
    return millimetresBetween(from.nipple, point, from.film.header.spacing_mm);
  }

  /** The panes that show the same breast from the other side. */
  get others() {
    if (!this.from) return [];
    const { laterality, view } = this.from.film.header;
    return this.group.panes.filter(({ film }) => film && laterality && film.header.laterality === laterality && film.header.view !== view);
  }

  inWords() {
    if (!this.from) return "Arc: click on a point of one view";
    const { others, from } = this;
    if (!others.length) return `No arc: there is no other view of the breast in ${from.name}`;
    const refusal = noArc(from, from) ?? noArc(others[0], others[0]);
    if (refusal) return refusal;
    return `${this.distance.toFixed(0)} mm from the nipple in ${from.name}: arc in ${others.map(({ name }) => name).join(", ")}, ±${ARC_MARGIN_MM} mm`;
  }

  paint(pane, context) {
    const { from, point, distance, others } = this;
    if (pane === from) paintClicked(context, pane.view, point, pane.ratio);
    const drawn = distance !== null && others.includes(pane) && noArc(from, pane) === null;
    if (drawn) paintArc(context, pane.view, pane, distance, pane.ratio);
    return drawn;
  }
}
