// Written by Page/build.py; change the sources in Page and run it again.
// swift-format-ignore-file

extension Dashboard {
  static let partsScript = ##"""
// parts.js
// Small pieces that several views are made of: states, severities, times that age, what to show while there is nothing.


const STATES = ['alerting', 'stale', 'learning', 'healthy', 'silenced'];

/** The symbol and colour of a model: its state, or the severity of its worst alert. */
function stateKind(model) {
  if (model.state !== 'alerting') return model.state;
  const order = ['high', 'medium', 'low'];
  return order.find((severity) => model.alerts.some((alert) => alert.severity === severity)) ?? 'medium';
}

const decisionKind = {
  proposed: 'low', issued: 'medium', acked: 'low', started: 'low', succeeded: 'healthy', verified: 'healthy',
  failed: 'high', rejected: 'stale', expired: 'stale', superseded: 'stale', cancelled: 'stale',
};

function chip(kind, symbol, ...content) {
  return h('span', { class: `chip ${kind}` }, symbol ? icon(symbol) : null, h('span', {}, ...content));
}

function stateChip(model) {
  const kind = stateKind(model);
  return chip(kind, kind, model.state);
}

function alertName(alert) {
  return alert.metric ? `${words(alert.monitor)} ${alert.metric}` : words(alert.monitor);
}

/** What is said of an open alert besides: that it recovers; stale, flapping, silenced, inhibited. */
const standingOf = (alert) => [
  alert.state === 'recovering' ? [' ', chip('low', null, 'recovering')] : null,
  alert.flags.map((flag) => [' ', chip('stale', null, words(flag))]),
];

const modelRoute = (model, version) => `#/models/${encodeURIComponent(model)}/${encodeURIComponent(version)}`;
const decisionRoute = (id) => `#/decisions/${encodeURIComponent(id)}`;

/** A model's name as a link, its version beside it; `-` is no version. */
function modelLink(model, version, focus) {
  return h('a', { class: 'item', href: modelRoute(model, version), 'data-focus': focus },
    h('bdi', {}, model), version === '-' ? null : h('span', { class: 'quiet' }, ' ', h('bdi', {}, version)));
}

/** A time that ages by itself: `ageAll` writes it anew every second. */
function ago(text) {
  const time = typeof text === 'number' ? text : instant(text);
  if (time === null) return h('span', { class: 'quiet' }, '–');
  const element = h('time', { datetime: new Date(time).toISOString(), title: absolute(time) }, relative(time, now()));
  element.ages = time;
  return element;
}

function ageAll(root) {
  for (const element of root.querySelectorAll('time')) {
    if (element.ages !== undefined) setText(element, relative(element.ages, now()));
  }
}

function card(title, { id, note, wide = false } = {}) {
  const body = h('div', { class: wide ? 'wide' : 'body' });
  // A table that scrolls sideways must be reachable by keyboard.
  if (wide) Object.entries({ tabindex: 0, role: 'group', 'aria-labelledby': id }).forEach(([k, v]) => body.setAttribute(k, v));
  const section = h('section', { class: 'card', 'aria-labelledby': id },
    h('header', {}, h('h2', { id }, title), note ?? null), body);
  return { section, body };
}

/** `columns`: `[title, isNumber]`; the first cell of a row is its header. */
function table(caption, columns, rows) {
  return h('table', {},
    h('caption', { class: 'unseen' }, caption),
    h('thead', {}, h('tr', {}, columns.map(([title, isNumber]) =>
      h('th', { scope: 'col', class: isNumber ? 'number' : null }, title)))),
    h('tbody', {}, rows.map((cells) => h('tr', {}, cells.map((cell, index) =>
      h(index === 0 ? 'th' : 'td', {
        scope: index === 0 ? 'row' : null, class: columns[index][1] ? 'number' : null,
      }, cell))))));
}

function facts(pairs) {
  return h('dl', { class: 'facts' }, pairs.filter((pair) => pair).map(([name, value]) =>
    [h('dt', {}, name), h('dd', {}, value)]));
}

function skeleton(lines = 8) {
  return h('div', { class: 'skeleton', role: 'status' },
    h('span', { class: 'unseen' }, 'Loading'), Array.from({ length: lines }, () => h('i', {})));
}

/** Why something cannot be shown, and what to do. */
function trouble(title, text, ...more) {
  return h('div', { class: 'empty' }, h('h2', {}, title), h('p', { class: 'quiet' }, text), more);
}

const PUBLISH = `import json, os, uuid, zmq

with zmq.Context() as context, context.socket(zmq.XPUB) as publisher:
    publisher.connect(os.environ.get("TIDEMARK_INGEST", "tcp://127.0.0.1:7410")); publisher.recv()  # subscribed
    event = {"specversion": "1.0", "type": "tidemark.metrics.v1", "source": "scorer-1", "id": str(uuid.uuid4()),
             "subject": "fraud", "data": {"accuracy": 0.71, "latency_ms": 150.2}}
    publisher.send_multipart([b"metrics/fraud/-/scorer-1", json.dumps(event).encode()])`;

/** What a new reader does first. The lines are those of protocol/examples/publish.py. */
function firstSteps() {
  return h('div', { class: 'empty' },
    h('h2', {}, 'No model has been heard of yet'),
    h('p', {}, 'Models appear here with their first event. Publish one from your serving process, in five lines of Python with nothing but ',
      h('code', {}, 'pyzmq'), ':'),
    h('pre', { tabindex: 0, 'aria-label': 'Five lines that publish' }, PUBLISH),
    h('p', { class: 'quiet' }, 'From a file instead: ', h('code', {}, 'tidemark publish today.npy --model fraud'),
      '. To see it move first: ', h('code', {}, 'tidemark demo'), '.'),
    h('p', { class: 'quiet' }, 'Sent, and still nothing here? ', h('a', { href: '#/account', class: 'item' }, 'The account'),
      ' says what was received and why anything was rejected.'));
}

"""##
}
