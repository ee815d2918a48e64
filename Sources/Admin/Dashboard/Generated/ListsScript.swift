// Written by Page/build.py; change the sources in Page and run it again.
// swift-format-ignore-file

extension Dashboard {
  static let listsScript = ##"""
// lists.js
// All open alerts and the last that were resolved; all decisions.


const LIST_EVERY = 5000;

/** A view that asks for something, shows it, and asks again when it may have changed. */
function asking({ root, title, place, ask, parts, show, isTold }) {
  let askedAt = -Infinity;
  let isAsking = false;
  let isClosed = false;
  root.replaceChildren(skeleton());

  async function load() {
    if (isAsking || isClosed) return;
    isAsking = true;
    askedAt = performance.now();
    try {
      const answer = await ask();
      if (isClosed) return;
      if (root.firstElementChild?.dataset.view !== place) {
        root.replaceChildren(h('div', { class: 'page', 'data-view': place }, h('h1', {}, title), ...parts));
      }
      show(answer);
    } catch (error) {
      if (!isClosed && root.firstElementChild?.dataset.view !== place) {
        root.replaceChildren(trouble('This cannot be shown now', error.message));
      }
    } finally {
      isAsking = false;
    }
  }

  load();
  return {
    title, place, back: '#/', key: () => false, theme: () => {},
    update: (change) => { if (isTold(change)) load(); },
    tick: () => { if (performance.now() - askedAt >= LIST_EVERY) load(); },
    close: () => { isClosed = true; },
  };
}

function alertsView(root) {
  const open = card('Open', { id: 'c-open', wide: true });
  const over = card('Resolved lately', { id: 'c-over', wide: true });
  const silences = card('Silences in force', { id: 'c-silences', wide: true });
  const quiet = card('Silenced models', { id: 'c-silenced', wide: true });
  return asking({
    root, title: 'Alerts', place: 'alerts', parts: [open.section, silences.section, quiet.section, over.section],
    ask: () => Promise.all([get(paths.alerts('open')), get(paths.alerts('recent')), get(paths.silences())]),
    isTold: (change) => change.alert !== undefined || change.alerts === true,
    show: ([now, recent, inForce]) => {
      const silenced = [...store.models.values()].filter((model) => model.state === 'silenced');
      const resolved = recent.alerts.filter((alert) => alert.state === 'resolved').slice(0, 200);
      renew(open.body, JSON.stringify(now.alerts), () => (now.alerts.length > 0 ? alertTable('Open alerts', now.alerts, false)
        : h('p', { class: 'nothing' }, 'No alert is open.')));
      renew(over.body, JSON.stringify(resolved), () => (resolved.length > 0 ? alertTable('Resolved alerts', resolved, true)
        : h('p', { class: 'nothing' }, 'None among the last messages.')));
      silences.section.hidden = inForce.silences.length === 0;
      renew(silences.body, JSON.stringify(inForce.silences), () => silenceTable(inForce.silences));
      quiet.section.hidden = silenced.length === 0;
      renew(quiet.body, silenced.map((model) => model.key).join('\n'), () => h('ul', { class: 'list' },
        silenced.map((model) => h('li', {}, modelLink(model.model, model.version, `silenced-${model.key}`)))));
    },
  });
}

function alertTable(caption, alerts, isOver) {
  return table(caption, [['Severity'], ['Model'], ['Alert'], ['Value', true], ['Limit', true], ['Opened'], [isOver ? 'Resolved' : 'Last change']],
    alerts.map((alert) => [
      chip(isOver ? 'stale' : alert.severity, alert.severity, alert.severity),
      alert.model === '-' ? h('bdi', { class: 'mono' }, alert.source ?? '–') : modelLink(alert.model, alert.version, alert.episode_id),
      [alertName(alert), standingOf(alert)], score(alert.value), score(alert.threshold), ago(alert.opened_at), ago(alert.changed_at),
    ]));
}

/** Silences are made and expired by `tidemark silence`; the page only tells of them. */
function silenceTable(silences) {
  return table('Silences in force', [['Silence'], ['Matches'], ['By'], ['Comment'], ['Ends']],
    silences.map((silence) => [
      h('bdi', { class: 'mono' }, silence.id),
      Object.entries(silence.matchers).map(([field, pattern]) => h('div', {}, `${field} `, h('bdi', { class: 'mono' }, pattern))),
      h('bdi', {}, silence.created_by), h('bdi', {}, silence.comment), ago(silence.ends_at),
    ]));
}

function decisionsView(root) {
  const all = card('Latest first', { id: 'c-all', wide: true });
  return asking({
    root, title: 'Decisions', place: 'decisions', parts: [all.section],
    ask: () => get(paths.decisions()),
    isTold: (change) => change.decision !== undefined,
    show: ({ decisions }) => renew(all.body, JSON.stringify(decisions), () => (decisions.length > 0 ? decisionTable(decisions)
      : h('p', { class: 'nothing' }, 'No decision was made yet. Why not stands on the page of each model, under Retrain.'))),
  });
}

function decisionTable(decisions) {
  return table('Decisions, the latest first', [['Why'], ['Model'], ['State'], ['Attempt', true], ['Owner'], ['Issued'], ['Last change']],
    decisions.map((decision) => [
      h('a', { class: 'item', href: decisionRoute(decision.id), 'data-focus': decision.id },
        decision.trigger_reasons.join('; ') || decision.reason_codes.map(words).join(', ') || decision.id),
      h('a', { href: modelRoute(decision.model, decision.version) }, h('bdi', {}, decision.model),
        decision.version === '-' ? null : [' ', h('bdi', {}, decision.version)]),
      chip(decisionKind[decision.state], null, decision.state), String(decision.attempt),
      decision.owner ? h('bdi', {}, decision.owner) : '–', ago(decision.issued_at), ago(decision.changed_at),
    ]));
}

"""##
}
