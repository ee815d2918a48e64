// What became of everything that was received; the journal; every source.

import { get, paths } from './api.js';
import { h, renew } from './dom.js';
import { bytes, count, fixed, words } from './format.js';
import { sourceTable } from './model.js';
import { ago, card, facts, skeleton, trouble } from './parts.js';
import { now, store } from './store.js';

const SOURCES_EVERY = 5000;

export function accountView(root) {
  const sums = h('dl', { class: 'sums' });
  const parts = {
    reasons: card('Rejected and remarked, by reason', { id: 'c-reasons' }),
    daemon: card('The daemon', { id: 'c-daemon' }),
    journal: card('Journal', { id: 'c-journal' }),
    sources: card('Sources', { id: 'c-sources', wide: true }),
  };
  let sources = null;
  let askedAt = -Infinity;
  let isClosed = false;
  root.replaceChildren(skeleton());

  function show() {
    if (isClosed || store.status === null) return;
    if (root.firstElementChild?.dataset.view !== 'account') {
      root.replaceChildren(h('div', { class: 'page', 'data-view': 'account' }, h('h1', {}, 'Account'), sums,
        h('div', { class: 'thirds' }, parts.reasons.section, parts.daemon.section, parts.journal.section), parts.sources.section));
    }
    const { status } = store;
    renew(sums, JSON.stringify([status.account, lost()]), () => sumsOf(status, lost()));
    renew(parts.reasons.body, JSON.stringify(status.account.reasons), () => reasons(status.account));
    renew(parts.daemon.body, JSON.stringify({ ...status, now: 0, account: 0, journal: 0 }), () => daemon(status));
    renew(parts.journal.body, JSON.stringify(status.journal), () => journal(status.journal));
    if (sources) {
      renew(parts.sources.body, JSON.stringify(sources), () => (sources.total > 0
        ? [sourceTable(sources.sources), sources.total > sources.sources.length
          ? h('p', { class: 'nothing' }, `${count(sources.total - sources.sources.length)} more; tidemark sources lists all.`) : null]
        : h('p', { class: 'nothing' }, 'No source was heard of yet.')));
    }
  }

  const lost = () => sources?.sources.reduce((sum, source) => sum + source.lost, 0) ?? null;

  async function load() {
    askedAt = performance.now();
    try {
      sources = await get(paths.sources());
      show();
    } catch (error) {
      if (!isClosed && sources === null) root.replaceChildren(trouble('This cannot be shown now', error.message));
    }
  }

  show();
  load();
  return {
    title: 'Account', place: 'account', back: '#/', key: () => false, theme: () => {},
    update: (change) => { if (change.status) show(); },
    tick: () => { if (performance.now() - askedAt >= SOURCES_EVERY) load(); },
    close: () => { isClosed = true; },
  };
}

function sumsOf(status, lost) {
  const { account, since } = status;
  const rate = account.received / Math.max(1, (now() - Date.parse(since)) / 1000);
  return [
    ['Received', count(account.received), `${fixed(rate, rate < 10 ? 2 : 0)} a second on average`],
    ['Rejected', count(account.rejected), shareOf(account.rejected, account.received), account.rejected > 0 ? 'medium' : ''],
    ['Lost on the way', count(lost), lost === null ? '' : 'by their numbers, of the sources below', lost > 0 ? 'high' : ''],
    ['Alerts opened', count(account.alerts_opened), ''],
    ['Decisions', count(account.decisions), ''],
    ['Published', count(account.published), 'messages'],
  ].map(([name, value, note, kind]) => h('div', {}, h('dt', {}, name), h('dd', { class: `sum ${kind ?? ''}` }, value), h('dd', { class: 'small quiet' }, note)));
}

function shareOf(part, whole) {
  if (part === 0) return 'none';
  const share = (part / Math.max(1, whole)) * 100;
  return share < 0.01 ? 'less than 0.01\u202f% of the received' : `${fixed(share, 2)}\u202f% of the received`;
}

function reasons(account) {
  const list = Object.entries(account.reasons).sort((a, b) => b[1] - a[1]);
  if (list.length === 0) return h('p', { class: 'quiet' }, 'Nothing was rejected, lost or remarked upon.');
  const most = list[0][1];
  return h('ul', { class: 'bars' }, list.map(([reason, n]) => {
    const bar = h('i', {});
    // Counts differ by powers of ten; a logarithm keeps the small ones in sight.
    bar.style.width = `${(Math.log1p(n) / Math.log1p(most)) * 100}%`;
    return h('li', {}, h('span', {}, words(reason)), h('span', { class: 'bar', 'aria-hidden': 'true' }, bar), h('b', {}, count(n)));
  }));
}

function daemon(status) {
  const { configuration } = status;
  const share = (of) => `${count(of.total)} of at most ${count(of.limit)}`;
  return facts([
    ['Name', h('bdi', {}, status.name)], ['Version', status.version], ['State', status.state], ['Since', ago(status.since)],
    ['Models', share(status.models)], ['Sources', share(status.sources)],
    ['Configuration', configuration.file ? h('code', {}, configuration.file) : 'none: defaults'],
    ['Revision', String(configuration.revision)],
    configuration.last_reload ? ['Last reload', [configuration.last_reload.successful ? 'taken ' : 'refused ', ago(configuration.last_reload.at)]] : null,
    ['This page and its like', `${status.listeners.clients} of at most ${status.listeners.limit}`],
  ]);
}

function journal(journal_) {
  if (journal_.state === 'off') {
    return h('p', { class: 'quiet' }, 'There is none: a restart forgets everything. ', h('code', {}, 'state: DIRECTORY'), ' in the configuration keeps alerts, decisions and histories.');
  }
  return facts([
    ['State', h('span', { class: journal_.state === 'failing' ? 'high' : '' }, journal_.state)],
    ['Since', ago(journal_.since)], journal_.detail ? ['Why', journal_.detail] : null,
    ['Size', bytes(journal_.bytes)], ['Commits', count(journal_.commits)],
    ['Last commit', ago(journal_.last_commit)], ['Waiting', `${count(journal_.outputs_waiting)} messages`],
  ]);
}
