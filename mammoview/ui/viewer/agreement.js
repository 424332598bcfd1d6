// How well an outline and a finding agree, in words and beside the film.

const UNDEFINED = "–";

/** What each number says, in the order of the page's table. */
function numbersInWords(numbers) {
  const { pointing_hit: hit, energy_inside: energy, tightness, distance_mm: mm, distance_px: pixels } = numbers;
  const dark = energy === null ? "nothing is salient here" : "the saliency misses it";
  const percent = (share) => `${Math.round(share * 100)} %`;
  return [
    ["Pointing", hit === null ? `${UNDEFINED} nothing is salient here` : hit ? "hit: the peak is inside" : "miss: the peak is outside"],
    ["Energy inside", energy === null ? `${UNDEFINED} nothing is salient here` : `${percent(energy)} of all saliency`],
    ["Dice", pixels === null ? "0, as nothing was found" : `${numbers.dice.toFixed(2)}; 1 is the same area`],
    ["IoU", pixels === null ? "0, as nothing was found" : `${numbers.iou.toFixed(2)}; shared of joint area`],
    ["Tightness", tightness === null ? `${UNDEFINED} ${dark}` : `${tightness.toFixed(2)} of the outlined area`],
    ["Centres apart", pixels === null ? `${UNDEFINED} nothing was found` : mm === null ? `${pixels.toFixed(0)} pixels` : `${mm.toFixed(1)} mm`],
  ];
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
  const other = outline === null || finding === null ? apart : `and ${findingInWords(pane, finding)}`;
  const numbers = at[pane.magnification];
  const told = numbers ? numbersInWords(numbers).map((each) => each.join(" ")) : [];
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
    const shown = { chosen: pane.choices.compared, evidence: pane.evidence, magnification: pane.magnification };
    if (Object.entries(shown).every(([name, value]) => this.drawn[name] === value)) return;
    this.drawn = shown;
    if (pair === null) return;
    this.card.replaceChildren(...this.contents(pair, pane));
    this.card.parentElement.scrollTop = 0;
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
    if (pair.finding !== null) lines.append(make("span", "model", findingInWords(pane, pair.finding)));
    if (numbers?.salient) lines.append(make("span", "salient", "the salient pixels around it"));
    const table = document.createElement("dl");
    const rows = numbers ? numbersInWords(numbers) : [];
    table.append(...rows.flatMap(([name, words]) => [make("dt", "", name), make("dd", "", words)]));
    return [head, lines, numbers ? table : make("p", "", this.whyNoNumbers(pair, pane))];
  }

  whyNoNumbers({ outline }, { evidence }) {
    if (!evidence.assessed) return `Not compared: ${evidence.state}.`;
    if (outline !== null) return "Not assessed at this magnification.";
    return this.pairing.pairs.length
      ? "An outline is compared with the finding nearest to it; this one is nearest to none."
      : "The source has no outline to compare it with.";
  }
}
