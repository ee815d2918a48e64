// Written by Page/build.py; change the sources in Page and run it again.
// swift-format-ignore-file

extension Dashboard {
  static let modelScript = ##"""
// model.js
// One model: what it measured and when it alerted, how its inputs differ from its reference, whether it would be
// retrained, where its numbers come from, and what falls due.


/** Detail is asked for at most so often, in ms, however fast the model moves; its history less often. */
const DETAIL_EVERY = 2000;
const HISTORY_EVERY = 10_000;

/** The last model that was open keeps its trail, for who looks at a decision and comes back. */
let kept = { key: null, trail: new Trail() };
let period = PERIODS[2][1];

function modelView(root, model, version) {
  const key = keyOf(model, version);
  if (kept.key !== key) kept = { key, trail: new Trail() };
  const { trail } = kept;
  let detail = null;
  let history = { points: [], reason: null, step_s: 60 };
  let recent = [];
  let decisions = [];
  let asked = { detail: -Infinity, history: -Infinity };
  let isAsking = false;
  let isClosed = false;

  const head = h('div', { class: 'page-head' });
  const time = card('Over time', { id: 'c-time', note: periodChoice(period, choosePeriod) });
  const lines = trends();
  time.body.append(lines.element);
  const parts = {
    retrain: card('Retrain', { id: 'c-retrain' }),
    monitors: card('Monitors', { id: 'c-monitors', wide: true }),
    features: card('Inputs: reference and now', { id: 'c-features', wide: true }),
    alerts: card('Open alerts', { id: 'c-alerts', wide: true }),
    decisions: card('Decisions', { id: 'c-decisions', wide: true }),
    timers: card('Falls due', { id: 'c-timers' }),
    sources: card('Sources and losses', { id: 'c-sources', wide: true }),
  };
  root.replaceChildren(skeleton());

  function show() {
    if (root.firstElementChild?.dataset.view !== 'model') {
      root.replaceChildren(h('div', { class: 'page', 'data-view': 'model' }, head,
        h('div', { class: 'columns' },
          h('div', { class: 'stack' }, parts.alerts.section, time.section, parts.monitors.section, parts.features.section,
            parts.sources.section),
          h('div', { class: 'stack' }, parts.retrain.section, parts.decisions.section, parts.timers.section))));
    }
    const of = (element, value, make) => renew(element, JSON.stringify(value), make);
    root.firstElementChild.classList.toggle('quiet-page', detail.state === 'stale');
    of(head, { ...detail, recent_drift: 0 }, () => modelHeading(detail));
    of(parts.alerts.body, [detail.alerts, detail.monitors], () => openAlerts(detail));
    parts.alerts.section.hidden = detail.alerts.length === 0;
    of(parts.monitors.body, detail.monitors, () => (detail.monitors.length > 0
      ? monitorTable(detail.monitors, formatOf) : h('p', { class: 'nothing' }, 'Nothing was measured yet.')));
    of(parts.features.body, detail.features, () => features(detail));
    of(parts.retrain.body, detail.retrain, () => retrainNow(detail.retrain));
    of(parts.decisions.body, decisions, () => decisionRows(decisions));
    of(parts.timers.body, detail.timers, () => timers(detail.timers));
    of(parts.sources.body, detail.sources, () => sources(detail));
    showTrends();
  }

  function showTrends() {
    const last = history.points.at(-1);
    const points = [...history.points, ...trail.after(last && instant(last.at))];
    lines.show({
      points, period: periodOf(detail, period), step: Math.max(history.step_s * 1000, 5000),
      limits: limitsOf(detail), episodes: episodesOf(detail, recent), note: noteOf(history, points.length),
    });
  }

  async function load() {
    if (isAsking || isClosed) return;
    isAsking = true;
    try {
      asked.detail = performance.now();
      detail = await get(paths.model(model, version));
      trail.take(detail);
      if (performance.now() - asked.history > HISTORY_EVERY) await loadHistory();
      if (!isClosed) show();
    } catch (error) {
      if (!isClosed && detail === null) failed(error);
    } finally {
      isAsking = false;
    }
  }

  async function loadHistory() {
    asked.history = performance.now();
    const [from, to] = periodOf(detail, period).map((at) => new Date(at).toISOString());
    const [points, alerts, list] = await Promise.all([
      get(paths.history(model, version, from, to)), get(paths.alerts('recent')), get(paths.decisions(model))]);
    history = points;
    recent = alerts.alerts;
    decisions = list.decisions.filter((decision) => decision.version === version);
  }

  function failed(error) {
    const [title, text] = error.status === 404
      ? ['No such model', 'It is not watched now. A model appears with its first event, and goes when it is retired.']
      : ['This model cannot be shown now', error.message];
    replace(root, trouble(title, text, h('p', {}, h('a', { class: 'item', href: '#/' }, 'Back to the fleet'))));
  }

  function choosePeriod(length) {
    period = length;
    asked.history = -Infinity;
    load();
  }

  function stir(change) {
    const isOwn = change.models === null || change.models?.has(key);
    const told = change.alert ?? change.decision;
    if (told?.subject === model) asked = { detail: -Infinity, history: -Infinity };
    else if (!isOwn) return;
    if (performance.now() - asked.detail >= DETAIL_EVERY) load();
  }

  load();
  return {
    title: version === '-' ? model : `${model} ${version}`, place: 'fleet', back: '#/',
    update: stir,
    // What changed within the pause is caught up by the clock.
    tick: () => { if (performance.now() - asked.detail >= DETAIL_EVERY * 2.5) load(); },
    theme: () => {},
    key: () => false,
    close: () => {
      isClosed = true;
      lines.close();
    },
  };
}

function modelHeading(model) {
  return [
    h('p', { class: 'trail' }, h('a', { href: '#/', 'data-focus': 'up' }, 'Fleet')),
    h('div', { class: 'title' }, h('h1', {}, h('bdi', {}, model.model),
      model.version === '-' ? null : h('span', { class: 'quiet' }, ' ', h('bdi', {}, model.version))), stateChip(model)),
    h('p', { class: 'meta quiet' },
      h('span', {}, 'Last event ', ago(model.last_event_at)),
      h('span', {}, `${count(model.events)} events`),
      h('span', {}, 'Accuracy ', h('b', {}, fixed(model.accuracy, 3)), ` of ${fixed(model.baseline_accuracy, 3)}`),
      h('span', {}, 'Latency ', h('b', {}, milliseconds(model.latency_ms))),
      h('span', {}, 'Preset ', model.preset)),
  ];
}

/** How values of a monitor are written. By preset `standard`, latency is judged by a share of slow answers. */
function formatOf(monitor) {
  if (monitor.monitor === 'accuracy') return (value) => fixed(value, 3);
  if (monitor.monitor !== 'latency') return (value) => number(value);
  const quantile = monitor.evidence?.quantile;
  return quantile ? (value) => percent(value, 1) : milliseconds;
}

/** Limits that can be drawn: those in the unit of the chart. */
function limitsOf(model) {
  const limits = {};
  for (const monitor of model.monitors) {
    if (monitor.threshold === null || monitor.metric !== null) continue;
    // By preset `standard` this is what is expected, and half of all values are beyond it.
    const isExpected = model.preset === 'standard';
    if (monitor.monitor === 'accuracy') limits.accuracy = { value: monitor.threshold, direction: monitor.direction, isExpected };
    if (monitor.monitor === 'latency' && model.preset === 'reference') {
      limits.latency_ms = { value: monitor.threshold, direction: monitor.direction };
    }
  }
  if (model.drift) limits.drift = { value: model.drift.threshold, direction: 'above', isMarked: model.preset === 'standard' };
  return limits;
}

function noteOf(history, points) {
  if (history.reason === 'no_journal') {
    return points > 0 ? 'Without a journal: what came since this page was opened. `state: DIRECTORY` in the configuration keeps a history.'
      : 'Without a journal there is no history, and nothing came since this page was opened.';
  }
  if (history.reason === 'busy') return 'The journal is busy; it is asked again.';
  if (points === 0) return 'Nothing was measured in this period.';
  return `${count(points)} points, each of ${duration(history.step_s)}: the mean, and from the least to the largest.`;
}

// MARK: Tables

function openAlerts({ alerts, monitors }) {
  const evidenceOf = (alert) => alert.evidence
    ?? monitors.find(({ monitor, metric }) => monitor === alert.monitor && metric === alert.metric)?.evidence;
  return table('Open alerts', [['Alert'], ['Severity'], ['Value', true], ['Limit', true], ['Opened'], ['Evidence']],
    alerts.map((alert) => [
      [alertName(alert), standingOf(alert)], chip(alert.severity, alert.severity, alert.severity), score(alert.value), score(alert.threshold),
      ago(alert.opened_at),
      evidenceOf(alert) ? evidenceWords(evidenceOf(alert))
        : alert.top_k.length > 0 ? h('span', { class: 'quiet' }, alert.top_k.map((f) => `${f.name} ${number(f.drift_score)}`).join(', ')) : '–',
    ]));
}

function features(model) {
  const { features: found } = model;
  if (!found || found.top.length === 0) {
    return h('p', { class: 'nothing' }, 'No inputs are judged yet: publish ', h('code', {}, 'tidemark.features.v1'),
      ', and a baseline to hold them against, as ', h('code', {}, 'tidemark.baseline.v1'), ' or ', h('code', {}, 'baseline.features'),
      ' in the configuration.');
  }
  const isStandard = found.top.some((feature) => feature.log10_e !== null);
  const hasShapes = found.top.some((feature) => feature.distribution);
  const columns = [['Input'], ['State'], ['Score', true], ...(isStandard ? [['Evidence', true]] : []), ['Mean before', true],
    ['Mean now', true], ...(hasShapes ? [['Distribution']] : [])];
  const rest = found.total - found.top.length;
  return [
    h('p', { class: 'legend quiet' }, `${count(found.drifted)} of ${count(found.total)} drift`,
      model.drift ? `, limit ${number(model.drift.threshold)}` : '',
      hasShapes ? h('span', { class: 'keys-of' }, h('i', { class: 'then' }), 'reference', h('i', { class: 'now' }), 'now') : null),
    table('Inputs, the largest scores first', columns, found.top.map((feature) => [
      h('bdi', {}, feature.name),
      feature.drifted ? chip('medium', 'medium', 'drifts') : h('span', { class: 'quiet' }, 'steady'),
      score(feature.score),
      ...(isStandard ? [isEvidence(feature.log10_e) ? h('span', {}, '10', h('sup', {}, number(feature.log10_e, 2))) : h('span', { class: 'quiet' }, 'none')] : []),
      figure(feature.baseline_mean), figure(feature.new_mean),
      ...(hasShapes ? [shape(feature)] : []),
    ])),
    rest > 0 ? h('p', { class: 'nothing' }, `${count(rest)} more with smaller scores.`) : null,
  ];
}

function shape(feature) {
  const shown = feature.distribution && withoutEmpty(feature.distribution);
  if (!shown) return '–';
  const moved = shown.bins.map((name, index) => ({ name, by: shown.current[index] - shown.reference[index] }))
    .sort((a, b) => Math.abs(b.by) - Math.abs(a.by))[0];
  return h('span', { class: 'shape' },
    distribution(shown, {
      width: 176, height: 36,
      describe: (name, then, at) => `${binName(name)}: ${percent(then, 1)} before, ${percent(at, 1)} now`,
      label: `Reference of ${count(shown.reference_rows)} rows, now of ${count(shown.current_rows)}`,
    }),
    h('span', { class: 'small quiet' }, h('bdi', {}, binName(moved.name)), ` ${moved.by < 0 ? '−' : '+'}${percent(Math.abs(moved.by), 0)}`));
}

/** `missing` and `other` are left out where neither side has any. */
function withoutEmpty(distribution_) {
  const keep = distribution_.bins.map((name, index) => index > 1 || distribution_.reference[index] + distribution_.current[index] > 0);
  const of = (list) => list.filter((_, index) => keep[index]);
  const shown = {
    ...distribution_, bins: of(distribution_.bins), reference: of(distribution_.reference), current: of(distribution_.current),
  };
  return shown.bins.length > 0 ? shown : null;
}

function decisionRows(decisions) {
  if (decisions.length === 0) return h('p', { class: 'nothing' }, 'None was made yet.');
  return h('ul', { class: 'list' }, decisions.slice(0, 12).map((decision) => h('li', {},
    h('a', { class: 'item', href: decisionRoute(decision.id), 'data-focus': decision.id },
      decision.trigger_reasons.length > 0 ? decision.trigger_reasons.join('; ') : decision.reason_codes.map(words).join(', ') || decision.id),
    h('span', { class: 'row-end' }, chip(decisionKind[decision.state], null, decision.state), ago(decision.issued_at ?? decision.changed_at)))));
}

function timers(list) {
  if (list.length === 0) return h('p', { class: 'quiet' }, 'Nothing.');
  return facts(list.map((timer) => [ago(timer.at), timer.text]));
}

function sources(model) {
  if (model.sources.length === 0) return h('p', { class: 'nothing' }, 'None since the last decision.');
  return [sourceTable(model.sources), model.sources_truncated ? h('p', { class: 'nothing' }, 'The first 16 are shown.') : null];
}

const SOURCE_KINDS = { live: 'healthy', stale: 'stale', ended: 'stale', silent: 'stale' };

function sourceTable(list) {
  return table('Sources', [['Source'], ['State'], ['Received', true], ['Rejected', true], ['Lost', true], ['Dropped itself', true],
    ['Late', true], ['Clock', true], ['Last heard']],
  list.map((source) => [
    h('bdi', { class: 'mono' }, source.source),
    h('span', { class: 'state-words' }, h('span', { class: SOURCE_KINDS[source.state] }, icon(SOURCE_KINDS[source.state])), source.state),
    count(source.received),
    h('span', { class: source.rejected > 0 ? 'medium' : 'quiet', title: Object.entries(source.rejected_by).map(([r, n]) => `${words(r)} ${n}`).join(', ') || null },
      count(source.rejected)),
    h('span', { class: source.lost > 0 ? 'high' : 'quiet' }, source.epoch === null ? 'not numbered' : count(source.lost)),
    h('span', { class: 'quiet' }, count(source.dropped)), h('span', { class: 'quiet' }, count(source.late)),
    source.clock_offset_ms === null ? '–' : `${fixed(source.clock_offset_ms, 1)}\u202fms`, ago(source.last_heard),
  ]));
}

"""##
}
