// One decision: why it was made, on what evidence and how much of the data, what became of it, and why the model would
// or would not be retrained now.

import { get, paths } from './api.js';
import { h, icon, renew, replace } from './dom.js';
import { absolute, duration, instant, number, percent, score, words } from './format.js';
import {
  ago, alertName, card, chip, decisionKind, facts, modelLink, modelRoute, skeleton, table, trouble,
} from './parts.js';
import { retrainNow } from './why.js';

/** The steps of a decision that goes well, in order. */
const STEPS = ['issued', 'acked', 'started', 'succeeded', 'verified'];
/** It is asked for anew so often, in ms, besides each time that it changes. */
const DECISION_EVERY = 5000;

export function decisionView(root, id) {
  let decision = null;
  let model = null;
  let alerts = [];
  let askedAt = -Infinity;
  let isAsking = false;
  let isClosed = false;

  const head = h('div', { class: 'page-head' });
  const parts = {
    life: card('What became of it', { id: 'c-life' }),
    why: card('Why', { id: 'c-why' }),
    evidence: card('Evidence', { id: 'c-evidence', wide: true }),
    messages: card('Messages', { id: 'c-messages', wide: true }),
    now: card('Now', { id: 'c-now' }),
    timers: card('Falls due', { id: 'c-timers' }),
  };
  root.replaceChildren(skeleton());

  async function load() {
    if (isAsking || isClosed) return;
    isAsking = true;
    askedAt = performance.now();
    try {
      decision = await get(paths.decision(id));
      const [found, recent] = await Promise.all([
        get(paths.model(decision.model, decision.version)).catch(() => null), get(paths.alerts('recent'))]);
      model = found;
      alerts = recent.alerts;
      if (!isClosed) show();
    } catch (error) {
      if (!isClosed && decision === null) failed(error);
    } finally {
      isAsking = false;
    }
  }

  function failed(error) {
    const [title, text] = error.status === 404
      ? ['No such decision', 'The last 1 024 messages about decisions are kept; this one is older, or was never made. The journal may know it: tidemark history.']
      : ['This decision cannot be shown now', error.message];
    replace(root, trouble(title, text, h('p', {}, h('a', { class: 'item', href: '#/decisions' }, 'All decisions'))));
  }

  function show() {
    if (root.firstElementChild?.dataset.view !== 'decision') {
      root.replaceChildren(h('div', { class: 'page', 'data-view': 'decision' }, head, parts.life.section,
        h('div', { class: 'columns' },
          h('div', { class: 'stack' }, parts.why.section, parts.evidence.section, parts.messages.section),
          h('div', { class: 'stack' }, parts.now.section, parts.timers.section))));
    }
    const issued = firstIssued(decision);
    const of = (element, value, make) => renew(element, JSON.stringify(value), make);
    of(head, [decision.state, decision.rev], () => decisionHeading(decision));
    of(parts.life.body, decision.messages, () => life(decision));
    of(parts.why.body, decision, () => h('div', { class: 'halves' }, h('div', {}, why(decision, issued)), rests(decision, issued)));
    of(parts.evidence.body, [issued?.data.episodes, alerts.length], () => evidence(issued, alerts));
    of(parts.messages.body, decision.messages, () => messages(decision));
    of(parts.timers.body, decision.timers, () => facts(decision.timers.map((timer) => [ago(timer.at), timer.text])));
    parts.timers.section.hidden = decision.timers.length === 0;
    of(parts.now.body, model?.retrain, () => (model ? retrainNow(model.retrain)
      : h('p', { class: 'quiet' }, 'The model is not watched any more.')));
  }

  load();
  return {
    title: `Decision ${id.slice(0, 9)}`, place: 'decisions',
    get back() { return decision ? modelRoute(decision.model, decision.version) : '#/decisions'; },
    update: (change) => { if (change.decision?.correlationid === id) load(); },
    tick: () => { if (performance.now() - askedAt >= DECISION_EVERY) load(); },
    theme: () => {},
    key: () => false,
    close: () => { isClosed = true; },
  };
}

const firstIssued = (decision) => decision.messages.find((message) => message.data.trigger_reasons !== undefined);

function decisionHeading(decision) {
  return [
    h('p', { class: 'trail' }, h('a', { href: '#/' }, 'Fleet'), h('span', { 'aria-hidden': 'true' }, ' / '),
      modelLink(decision.model, decision.version, 'up')),
    h('div', { class: 'title' }, h('h1', {}, 'Retrain ', h('bdi', {}, decision.model),
      decision.version === '-' ? null : h('span', { class: 'quiet' }, ' ', h('bdi', {}, decision.version))),
      chip(decisionKind[decision.state], null, decision.state),
      decision.dry_run ? chip('low', null, 'proposed only: dry run, asked of nobody') : null),
    h('p', { class: 'meta quiet' }, h('span', { class: 'mono' }, decision.id),
      h('span', {}, 'issued ', ago(decision.issued_at)), h('span', {}, 'last change ', ago(decision.changed_at)),
      decision.owner ? h('span', {}, 'owner ', h('b', {}, h('bdi', {}, decision.owner))) : null,
      h('span', {}, `attempt ${decision.attempt}`)),
  ];
}

// MARK: Its life

/** One line of steps for each attempt: when each was reached, and how long it took from the one before. */
function life(decision) {
  const attempts = new Map();
  for (const message of decision.messages) {
    const number_ = message.data.attempt;
    if (!attempts.has(number_)) attempts.set(number_, []);
    attempts.get(number_).push(message);
  }
  return h('ol', { class: 'attempts' }, [...attempts].map(([number_, list]) => h('li', {},
    h('h3', {}, `Attempt ${number_}`), h('ol', { class: 'steps' }, steps(list, decision)))));
}

function steps(list, decision) {
  const reached = new Map(list.map((message) => [message.data.state, message]));
  const last = list.at(-1);
  const isOff = !STEPS.includes(last.data.state) && last.data.state !== 'proposed';
  const shown = decision.dry_run ? ['proposed'] : isOff ? [...STEPS.filter((step) => reached.has(step)), last.data.state] : STEPS;
  let before = null;
  return shown.map((state) => {
    const message = reached.get(state);
    const at = message ? instant(message.data.at ?? message.data.issued_at) : null;
    const took = at !== null && before !== null ? `after ${duration((at - before) / 1000)}` : '';
    if (at !== null) before = at;
    const kind = message === undefined ? 'todo' : state === 'failed' || state === 'expired' ? 'bad' : 'done';
    return h('li', { class: kind, 'aria-current': message === last ? 'step' : null },
      h('span', { class: 'mark', 'aria-hidden': 'true' }, kind === 'done' ? icon('yes') : kind === 'bad' ? icon('block') : null),
      h('b', {}, state), h('span', { class: 'unseen' }, message ? '' : ', not yet'),
      h('span', { class: 'quiet small' }, at === null ? '' : ago(at), took === '' ? '' : `, ${took}`),
      message?.data.reason ? h('span', { class: 'small' }, words(message.data.reason)) : null,
      message?.data.retry_at ? h('span', { class: 'small quiet' }, 'again ', ago(message.data.retry_at)) : null);
  });
}

// MARK: Why

/** What a decision says of each rule: its constraint, the code of its reason, and the words when it did not fire. */
const RULES_THEN = [
  ['accuracy_trigger', 'accuracy_dropped', 'Accuracy had not dropped'],
  ['drift_trigger', 'drift_detected', 'Inputs had not drifted'],
  ['time_trigger', 'maximum_time_exceeded', 'The maximum time was not over'],
];

function why(decision, issued) {
  const limits = issued?.data.constraints;
  if (!limits) {
    return h('p', { class: 'quiet' }, 'Its first message is no longer kept; reasons: ', decision.reason_codes.map(words).join(', ') || 'unknown');
  }
  const told = new Map(decision.reason_codes.map((code, index) => [code, decision.trigger_reasons[index]]));
  const line = (holds, kind, text) => h('li', { class: holds ? kind : 'quiet' }, icon(holds ? 'yes' : 'no'), h('span', {}, text),
    h('span', { class: 'unseen' }, holds ? ': yes' : ': no'));
  return h('ul', { class: 'checks', 'aria-label': 'Rules as they stood' },
    RULES_THEN.map(([limit, code, otherwise]) => line(limits[limit], 'fires', (limits[limit] && told.get(code)) || otherwise)),
    line(limits.min_time_satisfied, 'fine', 'The minimum time since the last retrain was over'));
}

function rests(decision, issued) {
  const window_ = issued?.data.data_window;
  return facts([
    ['Severity score', number(decision.severity_score)],
    ['Coverage', decision.coverage === null ? 'unknown: a source does not number, or none sent any' : `${percent(decision.coverage, 2)} of what was sent`],
    window_ ? ['Data from', h('span', { class: 'stamp' }, absolute(instant(window_.from)))] : null,
    window_ ? ['Data to', h('span', { class: 'stamp' }, absolute(instant(window_.to)))] : null,
    window_ ? ['Length', duration((instant(window_.to) - instant(window_.from)) / 1000)] : null,
    issued ? ['Caused by', h('code', {}, issued.causationid ?? '–')] : null,
    issued ? ['Expires after', `${duration(issued.data.expires_after_s)} unclaimed`] : null,
  ]);
}

function evidence(issued, alerts) {
  const ids = issued?.data.episodes ?? [];
  if (ids.length === 0) return h('p', { class: 'nothing' }, 'No alert was open when it was made.');
  const known = new Map(alerts.map((alert) => [alert.episode_id, alert]));
  return table('Alerts that were open', [['Alert'], ['Severity'], ['Value', true], ['Limit', true], ['Opened'], ['State']],
    ids.map((id) => {
      const alert = known.get(id);
      if (!alert) return [h('code', {}, id), '–', '–', '–', '–', 'no longer kept'];
      return [alertName(alert), chip(alert.severity, alert.severity, alert.severity), score(alert.value), score(alert.threshold),
        ago(alert.opened_at), alert.state];
    }));
}

function messages(decision) {
  return [
    decision.complete ? null : h('p', { class: 'nothing' }, 'The first messages are no longer kept.'),
    table('Messages, oldest first', [['Rev', true], ['State'], ['Attempt', true], ['Owner'], ['Reason'], ['At']],
      decision.messages.map(({ data }) => [
        String(data.rev), words(data.state), String(data.attempt), data.owner ? h('bdi', {}, data.owner) : '–',
        data.reason ? words(data.reason) : data.superseded_by ? h('code', {}, data.superseded_by) : '–',
        h('span', { class: 'mono stamp' }, absolute(instant(data.at ?? data.issued_at))),
      ])),
  ];
}
