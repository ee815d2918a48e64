// Written by Page/build.py; change the sources in Page and run it again.
// swift-format-ignore-file

extension Dashboard {
  static let trendsScript = ##"""
// trends.js
// A model over time: accuracy, latency and drift under the ribbon of its alerts, with one line through all of them that
// follows the pointer or the arrow keys and tells the numbers there.


const HOUR = 3600e3;
const PERIODS = [
  ['1 h', HOUR], ['6 h', 6 * HOUR], ['24 h', 24 * HOUR], ['7 d', 168 * HOUR], ['30 d', 720 * HOUR], ['1 y', 8766 * HOUR],
  ['10 y', 87660 * HOUR],
];

const FIGURES = [
  { name: 'accuracy', monitor: 'accuracy', title: 'Accuracy', format: (value) => fixed(value, 3), tick: (value) => number(value) },
  { name: 'latency_ms', monitor: 'latency', title: 'Latency', format: milliseconds, tick: (value) => number(value), floor: 0, unit: 'ms' },
  { name: 'drift', monitor: 'drift', title: 'Drift score', format: (value) => number(value), tick: (value) => number(value), floor: 0 },
];

/**
 * The period that ends now; of a model whose own time is elsewhere, as of a replayed recording, the one that ends
 * with its latest event.
 */
function periodOf(model, length) {
  const latest = instant(model.model_time);
  const end = Math.abs(now() - latest) < Math.max(length, 24 * HOUR) ? now() : latest;
  return [end - length, end];
}

/** What came of a model since this page was opened: what is shown when there is no journal. */
class Trail {
  /** At one delta a second, ten minutes. */
  static MOST = 600;
  points = [];

  take(model) {
    const last = this.points.at(-1);
    const at = model.model_time;
    if (last?.at === at) return;
    const one = (value) => (value === null || value === undefined ? null : { count: 1, min: value, max: value, mean: value });
    this.points.push({ at, accuracy: one(model.accuracy), latency_ms: one(model.latency_ms), drift: driftAt(model, last) });
    if (this.points.length > Trail.MOST) this.points.shift();
  }

  after(time) {
    return this.points.filter((point) => time === undefined || instant(point.at) > time);
  }
}

function driftAt(model, last) {
  if (!model.drift || last?.batch === model.drift.at) return null;
  return { ...model.drift, batches: 1 };
}

function trends() {
  let data = null;
  let width = 0;
  let place = null;

  const cursor = h('div', { class: 'cursor', 'aria-hidden': 'true', hidden: true });
  const readout = h('p', { class: 'readout', 'aria-live': 'polite' });
  const stage = h('div', {
    class: 'stage', tabindex: 0, role: 'group', 'aria-label': 'Charts over time; the left and right arrow keys read them point by point',
    onpointermove: (event) => moveTo(timeAt(data?.period ?? [0, 1], width, event.clientX - stage.getBoundingClientRect().left)),
    onpointerleave: () => moveTo(null), onblur: () => moveTo(null), onkeydown: keys,
  });
  const figures = h('div', {});
  stage.append(figures, cursor);
  const element = h('div', { class: 'trends' }, stage, readout);
  const resized = new ResizeObserver(([entry]) => {
    const wide = Math.round(entry.contentRect.width);
    if (wide === width || wide < 80) return;
    width = wide;
    draw();
  });
  resized.observe(stage);

  function draw() {
    if (data === null || width === 0) return;
    const key = JSON.stringify([width, data.period, data.points.length, data.points.at(-1), data.limits, data.episodes]);
    renew(figures, key, () => charts(data, width));
    if (place === null) rest();
  }

  function keys(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step === undefined || !data?.points.length) return;
    event.preventDefault();
    const at = place === null ? data.points.length : nearest(place);
    moveTo(instant(data.points[Math.max(0, Math.min(data.points.length - 1, at + step))].at));
  }

  function nearest(time) {
    let best = 0;
    for (let index = 1; index < data.points.length; index += 1) {
      if (Math.abs(instant(data.points[index].at) - time) < Math.abs(instant(data.points[best].at) - time)) best = index;
    }
    return best;
  }

  function moveTo(time) {
    place = time;
    cursor.hidden = time === null || !data?.points.length;
    if (cursor.hidden) return rest();
    const point = data.points[nearest(time)];
    cursor.style.transform = `translateX(${timeScale(data.period, width)(instant(point.at)).toFixed(1)}px)`;
    setText(readout, readOut(point));
    return undefined;
  }

  /** Without a pointer: what the charts are made of. */
  function rest() {
    if (data) setText(readout, data.note);
  }

  return {
    element,
    show: (next) => {
      data = next;
      draw();
    },
    close: () => resized.disconnect(),
  };
}

function readOut(point) {
  const figure = (name, summary, format) => {
    if (!summary) return null;
    const spread = summary.count > 1 ? ` (${format(summary.min)} to ${format(summary.max)}, ${count(summary.count)} measured)` : '';
    return `${name} ${format(summary.mean)}${spread}`;
  };
  return [
    absolute(instant(point.at)),
    figure('accuracy', point.accuracy, (value) => fixed(value, 3)),
    figure('latency', point.latency_ms, milliseconds),
    point.drift ? `drift ${number(point.drift.score)}, ${point.drift.drifted} of ${point.drift.features} features` : null,
  ].filter((part) => part !== null).join(' · ');
}

/** What a limit alone does not tell is wrong while an alert about it is open. */
function mark(points, episodes) {
  for (const point of points) {
    point.isWrong = episodes.some((episode) => point.at >= episode.from && point.at <= (episode.to ?? Infinity));
  }
}

function charts(data, width) {
  const made = [];
  const shown = FIGURES.map((figure) => [figure, pointsOf(data.points, figure.name)]).filter(([, points]) => points.length > 0);
  if (data.episodes.length > 0) {
    made.push(h('h3', {}, 'Alerts'),
      ribbon({ episodes: data.episodes, period: data.period, width, label: `${data.episodes.length} alerts in this period` }));
  }
  for (const [index, [figure, points]] of shown.entries()) {
    const hasAxis = index === shown.length - 1;
    const limit = data.limits[figure.name] ?? null;
    const last = points.at(-1);
    const isWrong = (p) => (limit?.direction === 'below' ? p.value < limit.value : p.value > limit?.value);
    if (limit === null || limit.isExpected) mark(points, data.episodes.filter((episode) => episode.monitor === figure.monitor));
    made.push(
      h('h3', {}, figure.title, figure.unit ? h('span', { class: 'quiet' }, ` ${figure.unit}`) : null,
        h('span', { class: 'last' }, figure.format(last.value))),
      lineChart({
        points, period: data.period, step: data.step, width, hasAxis, height: hasAxis ? 116 : 100, format: figure.tick, floor: figure.floor,
        limit: limit && { ...limit, label: `${limit.isExpected ? 'expected' : 'limit'} ${figure.format(limit.value)}` },
        label: `${figure.title}: ${points.length} points, last ${figure.format(last.value)}`
          + (limit ? `, ${limit.isExpected ? 'expected' : 'limit'} ${figure.format(limit.value)}` : '')
          + (limit && !limit.isExpected ? `, beyond it ${points.filter(isWrong).length} times` : ''),
      }));
  }
  if (made.length === 0) return h('p', { class: 'nothing' }, data.note);
  return made;
}

/** Episodes of a model as bars: open ones, and those of the last messages. */
function episodesOf(model, recent) {
  const found = new Map();
  for (const alert of [...recent, ...model.alerts]) {
    if (alert.model !== undefined && (alert.model !== model.model || alert.version !== model.version)) continue;
    const isOver = alert.state === 'resolved';
    found.set(alert.episode_id, {
      monitor: alertName(alert), severity: alert.severity, from: instant(alert.opened_at),
      to: isOver ? instant(alert.changed_at) : null,
      words: `${alertName(alert)}, ${alert.severity}, from ${absolute(instant(alert.opened_at))}`
        + (isOver ? ` to ${absolute(instant(alert.changed_at))}` : ', open'),
    });
  }
  return [...found.values()].sort((a, b) => a.from - b.from);
}

/** The buttons that choose the period. */
function periodChoice(chosen, choose) {
  const buttons = PERIODS.map(([name, length]) => h('button', {
    type: 'button', 'aria-pressed': String(length === chosen), 'data-focus': `period-${name}`, onclick: () => {
      for (const button of buttons) button.setAttribute('aria-pressed', String(button.textContent === name));
      choose(length);
    },
  }, name));
  const group = h('div', { class: 'segments', role: 'group', 'aria-label': 'Period' });
  replace(group, buttons);
  return group;
}

"""##
}
