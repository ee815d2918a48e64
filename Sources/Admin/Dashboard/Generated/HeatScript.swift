// Written by Page/build.py; change the sources in Page and run it again.
// swift-format-ignore-file

extension Dashboard {
  static let heatScript = ##"""
// heat.js
// Drift × time in one strip: a cell a batch, the newest on the right. Colour and height both tell the score against its
// threshold, and what is far over has a cap on top, so that it reads without colour. Canvas, because a fleet on the
// screen has a thousand cells and each update would otherwise touch as many elements.

/** The most batches of a model that are kept here. */
const MOST_BATCHES = 24;

/** Cells of a strip: few while few batches are known of any model. */
const cellsFor = (longest) => (longest <= MOST_BATCHES / 2 ? MOST_BATCHES / 2 : MOST_BATCHES);

/**
 * The batches of a model, `{score, isDrift, isNear}`, oldest first. The daemon keeps some; the page keeps those it has seen.
 *
 * By preset `reference` a score over the threshold is drift. By `standard` it must also be certain, which is told of
 * the last batch alone: of earlier ones, those that lead up to it without a break count as it does.
 */
function batchesOf(summary, known) {
  const scores = summary.recent_drift;
  const threshold = summary.drift?.threshold ?? Infinity;
  if (summary.preset === 'reference') return joined(known, scores.map((score) => (
    { score, isDrift: score > threshold, isNear: score >= threshold / 2 })));
  let isDrift = summary.drift?.drifted > 0;
  const marked = scores.toReversed().map((score) => {
    isDrift &&= score >= threshold;
    // A large score without certainty, as of a small batch, is not near drift: its evidence may be none.
    return { score, isDrift, isNear: false };
  });
  return joined(known, marked.toReversed());
}

/** What was known, and after it what is new: the old end is looked for in the new list. Once drift, always drift. */
function joined(known, fresh) {
  const old = known?.batches ?? [];
  for (let added = 0; added < fresh.length; added += 1) {
    const shared = fresh.length - added;
    const tail = old.slice(-shared);
    if (tail.length === shared && tail.every(({ score }, index) => score === fresh[index].score)) {
      const both = tail.map((batch, index) => ({ ...batch, isDrift: batch.isDrift || fresh[index].isDrift }));
      return [...old.slice(0, -shared), ...both, ...fresh.slice(shared)].slice(-MOST_BATCHES);
    }
  }
  return fresh.slice(-MOST_BATCHES);
}

let palette = null;

/** Forgets the colours; they are read again from the style sheet at the next drawing. */
function themeChanged() {
  palette = null;
}

/** Canvas knows no custom properties: a hidden element that has each as its colour tells what it is now. */
function colours() {
  if (palette) return palette;
  const probe = document.body.appendChild(document.createElement('i'));
  probe.hidden = true;
  const read = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  palette = {
    low: read('heat-low'), near: read('heat-near'), over: read('heat-over'), far: read('heat-far'),
    grey: read('heat-grey'), greyOver: read('heat-grey-over'), line: read('line'), cap: read('text'),
  };
  probe.remove();
  return palette;
}

/** A batch in five steps: none, far from drift, near it, drift, and drift of twice the limit. */
function heatStep(batch, ratio) {
  if (batch === undefined || batch.score === null) return 'none';
  if (!batch.isDrift) return batch.isNear ? 'near' : 'low';
  return ratio < 2 ? 'over' : 'far';
}

/**
 * Draws batches, oldest first, right-aligned in `cells` cells.
 *
 * Sizes are given by the caller, in CSS pixels: reading them here would force a layout for every row.
 */
function drawHeat(canvas, batches, threshold, { width, height, isGrey, cells }) {
  const scale = Math.min(window.devicePixelRatio || 1, 2);
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const at = canvas.getContext('2d');
  at.setTransform(scale, 0, 0, scale, 0, 0);
  at.clearRect(0, 0, width, height);
  const colour = colours();
  const stride = width / cells;
  const shown = batches.slice(-cells);
  for (let index = 0; index < cells; index += 1) {
    const batch = shown[index - (cells - shown.length)];
    const ratio = threshold > 0 ? Math.max(0, batch?.score ?? 0) / threshold : 0;
    cell(at, colour, heatStep(batch, ratio), ratio, index * stride, stride - 1.5, height, isGrey);
  }
}

function cell(at, colour, kind, ratio, x, width, height, isGrey) {
  if (kind === 'none') {
    at.fillStyle = colour.line;
    at.fillRect(x, height - 1.5, width, 1.5);
    return;
  }
  const isOver = kind === 'over' || kind === 'far';
  // What is no drift takes at most 60 % of the height, so that drift is seen as a step.
  const share = isOver ? Math.min(1, 0.72 + 0.14 * Math.min(ratio, 2)) : 0.14 + 0.46 * Math.min(ratio, 1);
  const tall = Math.max(2, Math.round(share * height));
  at.fillStyle = isGrey ? (isOver ? colour.greyOver : colour.grey) : colour[kind];
  at.fillRect(x, height - tall, width, tall);
  if (kind === 'far') {
    at.fillStyle = colour.cap;
    at.fillRect(x, height - tall, width, 1);
  }
}

/** The strip in words. */
function heatWords(batches) {
  const known = batches.filter(({ score }) => score !== null);
  if (known.length === 0) return 'no batch judged yet';
  return `drift in ${known.filter(({ isDrift }) => isDrift).length} of the last ${known.length} batches`;
}

"""##
}
