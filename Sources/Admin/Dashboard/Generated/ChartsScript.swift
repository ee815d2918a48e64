// Written by Page/build.py; change the sources in Page and run it again.
// swift-format-ignore-file

extension Dashboard {
  static let chartsScript = ##"""
// charts.js
// Charts of one model over time, as SVG: values with their spread and limit, the ribbon of alerts above them, and
// distributions. All charts of a page share one period, and one line under the pointer.


const LEFT = 52;
const RIGHT = 12;
const TICKS = 5;

let serial = 0;

/** From a time to its place, for a chart so many px wide. */
function timeScale(period, width) {
  const [from, to] = period;
  return (time) => LEFT + ((time - from) / Math.max(1, to - from)) * (width - LEFT - RIGHT);
}

function timeAt(period, width, x) {
  const [from, to] = period;
  return from + ((x - LEFT) / (width - LEFT - RIGHT)) * (to - from);
}

/** Round numbers that cover a range. */
function rounded(low, high, steps) {
  const raw = (high - low) / steps || 1;
  const size = 10 ** Math.floor(Math.log10(raw));
  const factor = [1, 2, 2.5, 5, 10].find((candidate) => candidate * size >= raw);
  const step = factor * size;
  const values = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-6; value += step) values.push(value);
  return values;
}

function valueRange(points, limits, { floor }) {
  let low = Infinity;
  let high = -Infinity;
  for (const point of points) {
    low = Math.min(low, point.low);
    high = Math.max(high, point.high);
  }
  for (const limit of limits) {
    low = Math.min(low, limit);
    high = Math.max(high, limit);
  }
  if (low > high) return [0, 1];
  const room = (high - low || Math.abs(high) || 1) * 0.12;
  return [floor === undefined ? low - room : Math.min(floor, low), high + room];
}

/** Breaks a line where three of its usual steps are missing, so that silence is not drawn as a value. */
function runs(points, step) {
  const gaps = points.slice(1).map((point, index) => point.at - points[index].at).sort((a, b) => a - b);
  const usual = Math.max(step, gaps[Math.floor(gaps.length / 2)] ?? 0);
  const found = [];
  let last = null;
  for (const point of points) {
    if (last === null || point.at - last > usual * 3.5) found.push([]);
    found[found.length - 1].push(point);
    last = point.at;
  }
  return found;
}

/**
 * A line with its spread.
 *
 * - points: `{at, value, low, high}`, times in ms, oldest first.
 * - limit: `{value, direction, label}` or null; what is beyond it is drawn in the colour of alerts. When it `isMarked`,
 *   says only what `isExpected`, or there is none, the points that are `isWrong` are.
 * - format: the words of a value on the axis.
 */
function lineChart({ points, limit, period, step, width, height, format, floor, label, hasAxis }) {
  const x = timeScale(period, width);
  const [low, high] = valueRange(points, limit ? [limit.value] : [], { floor });
  const bottom = height - (hasAxis ? 20 : 4);
  const y = (value) => 8 + (1 - (value - low) / (high - low || 1)) * (bottom - 8);
  const id = `clip-${(serial += 1)}`;
  const svg = s('svg', { class: 'chart', viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', 'aria-label': label });
  for (const value of rounded(low, high, 3)) {
    svg.append(
      s('line', { class: 'rule', x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }),
      s('text', { class: 'axis', x: LEFT - 8, y: y(value) + 4, 'text-anchor': 'end' }, format(value)));
  }
  if (hasAxis) svg.append(timeAxis(period, width, height));
  const parts = runs(points, step);
  const band = parts.map((run) => area(run, x, y)).join('');
  const line = parts.map((run) => path(run, x, y)).join('');
  svg.append(s('path', { class: 'band', d: band }), s('path', { class: 'value', d: line }));
  for (const run of parts) {
    if (run.length === 1) svg.append(s('circle', { class: 'point', cx: x(run[0].at), cy: y(run[0].value), r: 2 }));
  }
  if (!limit || limit.isMarked || limit.isExpected) {
    svg.append(s('path', { class: 'value wrong', d: parts.map((run) => path(wrongOf(run), x, y)).join('') }));
  }
  if (limit) {
    const isBelow = limit.direction === 'below';
    const edge = y(limit.value);
    if (!limit.isMarked && !limit.isExpected) {
      svg.append(
        s('clipPath', { id }, s('rect', {
          x: 0, width, y: isBelow ? edge : 0, height: Math.max(0, isBelow ? height - edge : edge),
        })),
        s('path', { class: 'value wrong', d: line, 'clip-path': `url(#${id})` }));
    }
    const kind = limit.isExpected ? ' expected' : '';
    svg.append(
      s('line', { class: `limit${kind}`, x1: LEFT, x2: width - RIGHT, y1: edge, y2: edge }),
      s('text', {
        class: `axis limit-name${kind}`, x: LEFT + 2,
        y: isBelow ? Math.min(edge + 13, bottom - 3) : Math.max(edge - 5, 9),
      }, limit.label));
  }
  return svg;
}

/** The points that are wrong, each with a note whether it goes on from the one before. */
function wrongOf(run) {
  return run.flatMap((point, index) => (point.isWrong ? [{ ...point, isStart: !run[index - 1]?.isWrong }] : []));
}

function path(run, x, y) {
  return run.map((p, index) => `${index && !p.isStart ? 'L' : 'M'}${x(p.at).toFixed(1)} ${y(p.value).toFixed(1)}`).join('');
}

function area(run, x, y) {
  if (run.length < 2) return '';
  const above = run.map((p, index) => `${index ? 'L' : 'M'}${x(p.at).toFixed(1)} ${y(p.high).toFixed(1)}`);
  const below = run.toReversed().map((p) => `L${x(p.at).toFixed(1)} ${y(p.low).toFixed(1)}`);
  return `${above.join('')}${below.join('')}Z`;
}

function timeAxis(period, width, height) {
  const [from, to] = period;
  const x = timeScale(period, width);
  const group = s('g', {});
  const ticks = width < 420 ? 3 : TICKS;
  for (let index = 0; index <= ticks; index += 1) {
    const time = from + ((to - from) * index) / ticks;
    const anchor = index === 0 ? 'start' : index === ticks ? 'end' : 'middle';
    group.append(s('text', { class: 'axis', x: x(time), y: height - 4, 'text-anchor': anchor }, tick(time, to - from)));
  }
  return group;
}

/**
 * The ribbon: one lane a monitor, one bar an episode, its severity as colour and as the height of the bar.
 *
 * - episodes: `{monitor, severity, from, to (null while open), words}`.
 */
function ribbon({ episodes, period, width, label }) {
  const [from, to] = period;
  const lanes = [...new Set(episodes.map((episode) => episode.monitor))].slice(0, 6);
  const height = Math.max(1, lanes.length) * 20;
  const x = timeScale(period, width);
  const svg = s('svg', { class: 'chart ribbon', viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', 'aria-label': label });
  lanes.forEach((lane, index) => {
    const middle = index * 20 + 10;
    svg.append(
      s('text', { class: 'axis', x: 0, y: middle + 4 }, lane.length > 9 ? `${lane.slice(0, 8)}…` : lane),
      s('line', { class: 'rule', x1: LEFT, x2: width - RIGHT, y1: middle, y2: middle }));
    for (const episode of episodes) {
      if (episode.monitor !== lane || (episode.to ?? to) < from || episode.from > to) continue;
      const start = Math.max(x(from), x(episode.from));
      const end = Math.min(x(to), x(episode.to ?? to));
      const tall = { high: 12, medium: 8, low: 4 }[episode.severity] ?? 8;
      svg.append(s('rect', {
        class: `episode ${episode.severity}`, x: start, y: middle - tall / 2, width: Math.max(3, end - start), height: tall, rx: 1,
      }, s('title', {}, episode.words)));
    }
  });
  return svg;
}

/** Reference (outline) against current (filled), bin by bin; what the bins are stands in the title of each. */
function distribution({ bins, reference, current }, { width, height, describe, label }) {
  const svg = s('svg', { class: 'chart', viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', 'aria-label': label });
  const top = Math.max(0.01, ...reference, ...current);
  const stride = width / bins.length;
  const bar = Math.max(2, stride - Math.min(3, stride * 0.25));
  bins.forEach((name, index) => {
    const left = index * stride + (stride - bar) / 2;
    const now = (current[index] / top) * (height - 4);
    const then = (reference[index] / top) * (height - 4);
    svg.append(s('g', {},
      s('title', {}, describe(name, reference[index], current[index])),
      s('rect', { class: 'hit', x: index * stride, y: 0, width: stride, height }),
      s('rect', { class: 'now', x: left, y: height - 1 - now, width: bar, height: now }),
      s('path', { class: 'then', d: `M${left} ${height - 1 - then}h${bar}` })));
  });
  svg.append(s('line', { class: 'rule', x1: 0, x2: width, y1: height - 0.5, y2: height - 0.5 }));
  return svg;
}

/** Points of one figure of a history. */
function pointsOf(history, figure) {
  const points = [];
  for (const point of history) {
    const value = point[figure];
    if (value === null || value === undefined) continue;
    const at = instant(point.at);
    if (figure === 'drift') {
      if (value.score !== null) points.push({ at, value: value.score, low: value.score, high: value.score, isWrong: value.drifted > 0 });
    } else points.push({ at, value: value.mean, low: value.min, high: value.max });
  }
  return points;
}

"""##
}
