// How well an outline and a finding agree, in words and beside the film.

const UNDEFINED = "–";

/** What each number says, in the order of the page's table; how far apart a pair is that does not overlap is said above it. */
function numbersInWords(numbers, apart) {
  const { pointing_hit: hit, energy_inside: energy, tightness, distance_mm: mm, distance_px: pixels } = numbers;
  const dark = energy === null ? "nothing is salient here" : "the saliency misses it";
  const none = pixels === null ? "nothing was found" : apart ? "they do not overlap" : null;
  const percent = (share) => `${Math.round(share * 100)} %`;
  const rows = [
    ["Pointing", hit === null ? `${UNDEFINED} nothing is salient here` : hit ? "hit: the peak is inside" : "miss: the peak is outside"],
    ["Energy inside", energy === null ? `${UNDEFINED} nothing is salient here` : `${percent(energy)} of all saliency`],
    ["Dice", none ? `0, as ${none}` : `${numbers.dice.toFixed(2)}; 1 is the same area`],
    ["IoU", none ? `0, as ${none}` : `${numbers.iou.toFixed(2)}; shared of joint area`],
    ["Tightness", tightness === null ? `${UNDEFINED} ${dark}` : `${tightness.toFixed(2)} of the outlined area`],
    ["Centres apart", pixels === null ? `${UNDEFINED} nothing was found` : mm === null ? `${pixels.toFixed(0)} pixels` : `${mm.toFixed(1)} mm`],
  ];
  return apart ? rows.slice(0, -1) : rows;
}

/** A finding that is nearest and does not overlap is no match, and how far away it is says so. */
function apartInWords({ finding, overlapping, at }) {
  const { distance_mm: mm, distance_px: pixels } = Object.values(at)[0];
  const away = mm === null ? `${pixels.toFixed(0)} pixels` : `${mm.toFixed(mm < 10 ? 1 : 0)} mm`;
  const nearest = `finding ${finding + 1}, is ${away} away`;
  return overlapping.length ? `the nearest, ${nearest} and does not overlap it` : `no finding overlaps it; the nearest, ${nearest}`;
}

/** The outline by the number that it has in the table on the page. */
function titleOf({ outline, finding }) {
  return outline === null ? `Finding ${finding + 1}` : `Outline ${outline + 1}`;
}

function findingInWords({ evidence }, finding) {
  return `finding ${finding + 1}, score ${evidence.findings[finding].score.toFixed(2)}`;
}

/** The chosen pair and its numbers at the magnification on the screen, in one sentence. */
function agreementInWords({ pair, pane }) {
  const { outline, finding, at } = pair;
  const apart = outline === null ? "compared with no outline" : "compared with no finding";
  const alone = outline === null || finding === null;
  const other = alone ? apart : isApart(pair) ? apartInWords(pair) : `and ${findingInWords(pane, finding)}`;
  const numbers = at[pane.magnification];
  const told = numbers ? numbersInWords(numbers, isApart(pair)).map((each) => each.join(" ")) : [];
  return `${titleOf(pair)}, ${other}${numbers ? ` at ×${pane.magnification}: ${told.join("; ")}` : ""}`;
}

/** The numbers of the chosen pair, beside the film and never over it. */
class AgreementCard {
  constructor(viewer) {
    this.viewer = viewer;
    this.card = viewer.find(".agreement");
    this.drawn = {};
    this.card.addEventListener("click", (event) => this.onButton(event), { signal: viewer.listening.signal });
  }

  get pairing() {
    return this.viewer.pane.pairing;
  }

  onButton({ target }) {
    if (target.closest(".release")) this.pairing.letGo();
    if (target.closest(".further")) this.pairing.next();
  }

  /** With the panel, whenever a layer, the magnification or the pane is another. */
  draw() {
    const { pair, pane } = this.pairing;
    this.card.hidden = pair === null;
    const isAnother = pane.choices.compared !== this.drawn.chosen;
    const shown = { chosen: pane.choices.compared, evidence: pane.evidence, magnification: pane.magnification };
    if (Object.entries(shown).every(([name, value]) => this.drawn[name] === value)) return;
    this.drawn = shown;
    if (pair === null) return;
    this.card.replaceChildren(...this.contents(pair, pane));
    const scrolled = this.card.parentElement;
    if (isAnother) scrolled.scrollTop = this.card.offsetTop - scrolled.offsetTop;
  }

  contents(pair, pane) {
    const make = (tag, className, text) => Object.assign(document.createElement(tag), { className, textContent: text });
    const numbers = pair.at[pane.magnification];
    const head = make("div", "head", "");
    const further = Object.assign(make("button", "further", "Next (A)"), { type: "button", hidden: this.pairing.pairs.length < 2 });
    const release = Object.assign(make("button", "release", "×"), { type: "button", title: "Let go (Esc)" });
    release.setAttribute("aria-label", "Let go of the pair");
    head.append(make("h3", "", `${titleOf(pair)}${numbers ? ` · at ×${pane.magnification}` : ""}`), further, release);
    const lines = make("div", "lines", "");
    if (pair.outline !== null) lines.append(make("span", "reader", `reader: ${pair.lesion}`));
    const apart = isApart(pair);
    if (pair.finding !== null && !apart) lines.append(make("span", "model", findingInWords(pane, pair.finding)));
    if (numbers?.salient) lines.append(make("span", "salient", "the salient pixels around it"));
    const table = document.createElement("dl");
    const rows = numbers ? numbersInWords(numbers, apart) : [];
    table.append(...rows.flatMap(([name, words]) => [make("dt", "", name), make("dd", "", words)]));
    const told = apart ? [make("p", "apart", apartInWords(pair))] : [];
    return [head, lines, ...told, numbers ? table : make("p", "", this.whyNoNumbers(pair, pane))];
  }

  whyNoNumbers({ outline }, pane) {
    const { evidence } = pane;
    if (!evidence.assessed) return `Not compared. Networks ${pane.unassessedInWords()}.`;
    if (outline !== null) return "Not assessed at this magnification.";
    return this.pairing.pairs.length
      ? "An outline is compared with the finding nearest to it, where they overlap; this one is compared with none."
      : "The source has no outline to compare it with.";
  }
}
