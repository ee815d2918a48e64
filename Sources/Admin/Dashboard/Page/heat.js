// Drift × time in one strip: a cell a batch, the newest on the right. Colour and height both tell the score against its
// threshold, and what is over has a cap on top, so that it reads without colour. Canvas, because a fleet on the screen
// has a thousand cells and each update would otherwise touch as many elements.

export const CELLS = 24;

let palette = null;

/** Forgets the colours; they are read again from the style sheet at the next drawing. */
export function themeChanged() {
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

/** Score over threshold in five steps: none, below a half, below the limit, over it, over twice the limit. */
function heatStep(score, threshold) {
  if (score === null || score === undefined) return 'none';
  const ratio = threshold > 0 ? score / threshold : score > 0 ? 2 : 0;
  if (ratio < 0.5) return 'low';
  if (ratio < 1) return 'near';
  return ratio < 2 ? 'over' : 'far';
}

/**
 * Draws `scores`, oldest first, right-aligned in `cells` cells.
 *
 * Sizes are given by the caller, in CSS pixels: reading them here would force a layout for every row.
 */
export function drawHeat(canvas, scores, threshold, { width, height, isGrey, cells = CELLS }) {
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
  const shown = scores.slice(-cells);
  for (let index = 0; index < cells; index += 1) {
    const place = index - (cells - shown.length);
    const score = place < 0 ? null : shown[place];
    cell(at, colour, heatStep(score, threshold), ratioOf(score, threshold), index * stride, stride - 1.5, height, isGrey);
  }
}

const ratioOf = (score, threshold) => (threshold > 0 ? Math.max(0, score ?? 0) / threshold : 0);

function cell(at, colour, kind, ratio, x, width, height, isGrey) {
  if (kind === 'none') {
    at.fillStyle = colour.line;
    at.fillRect(x, height - 1.5, width, 1.5);
    return;
  }
  const isOver = kind === 'over' || kind === 'far';
  // Below the limit at most 60 % of the height, so that crossing it is seen as a step.
  const share = isOver ? Math.min(1, 0.72 + 0.14 * Math.min(ratio, 2)) : 0.14 + 0.46 * ratio;
  const tall = Math.max(2, Math.round(share * height));
  at.fillStyle = isGrey ? (isOver ? colour.greyOver : colour.grey) : colour[kind];
  at.fillRect(x, height - tall, width, tall);
  if (kind === 'far') {
    at.fillStyle = colour.cap;
    at.fillRect(x, height - tall, width, 1);
  }
}

/** The strip in words. */
export function heatWords(scores, threshold) {
  const known = scores.filter((score) => score !== null);
  if (known.length === 0) return 'no batch judged yet';
  const over = known.filter((score) => score >= threshold).length;
  return `over the limit in ${over} of the last ${known.length} batches`;
}
