// Written by Page/build.py; change the sources in Page and run it again.
// swift-format-ignore-file

extension Dashboard {
  static let mainScript = ##"""
// main.js
// The frame: which view the address names, the keys, the theme, the state of the link and what is announced.


const byId = (id) => document.getElementById(id);
const main = byId('content');

// MARK: Views

let view = null;

function open() {
  const [place, ...rest] = location.hash.replace(/^#?\//, '').split('/');
  const made = viewFor(place, rest.map(decoded));
  view?.close();
  main.scrollTop = 0;
  document.body.classList.toggle('fixed', made.name === fleetView);
  view = made.name(main, ...made.values);
  document.title = `${view.title} · Tidemark`;
  for (const link of document.querySelectorAll('[data-place]')) {
    if (link.dataset.place === view.place) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  if (!view.isFixed) {
    main.focus({ preventScroll: true });
  }
}

function viewFor(place, values) {
  if (place === 'models' && values.length === 2) return { name: modelView, values };
  if (place === 'decisions') return values.length === 1 ? { name: decisionView, values } : { name: decisionsView, values: [] };
  if (place === 'alerts') return { name: alertsView, values: [] };
  if (place === 'account') return { name: accountView, values: [] };
  return { name: fleetView, values: [] };
}

/** An address is hostile input too: what is no percent-encoding stands for itself. */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

// MARK: Updates, drawn at most once a frame

let gathered = [];
/** A tab in the background draws no frames. Beyond so many changes, all that is shown counts as changed. */
const MOST_GATHERED = 100;

function gather(change) {
  gathered.push(change);
  if (gathered.length === 1) requestAnimationFrame(apply);
  if (gathered.length > MOST_GATHERED) gathered = [{ models: null, alerts: true, status: true, link: true }];
  if (change.alert) note(change.alert);
  if (change.link && store.link === 'token') askToken();
}

/** How long an update took stands in the browser's own record, where tests and developer tools find it. */
function apply() {
  const changes = gathered;
  gathered = [];
  const begun = performance.now();
  for (const change of changes) view.update(change);
  frame();
  performance.measure('tidemark.update', { start: begun });
  if (performance.getEntriesByName('tidemark.update').length > 1000) performance.clearMeasures('tidemark.update');
}

function frame() {
  setText(byId('link-words'), linkWords());
  byId('link').dataset.state = store.link;
  document.documentElement.toggleAttribute('data-lost', store.link === 'lost' && store.isLoaded);
  const open_ = store.alerts?.length ?? 0;
  byId('alert-count').hidden = open_ === 0;
  setText(byId('alert-count'), String(open_));
  renew(byId('banners'), bannerKey(), banners);
}

function linkWords() {
  if (store.link === 'lost') return 'not connected';
  return store.link === 'live' ? 'live' : store.link === 'token' ? 'token wanted' : 'connecting';
}

// MARK: Banners

function bannerKey() {
  return JSON.stringify([store.link === 'lost' && [store.problem], store.status?.state, store.status?.journal.state, store.status?.journal.detail]);
}

function banners() {
  const made = [];
  if (store.link === 'lost') {
    made.push(banner('grave', 'high', 'Not connected.', `${store.problem} What is shown is `,
      h('span', { id: 'age' }, age()), ' old. It is tried again by itself.',
      h('button', { type: 'button', class: 'button slim', onclick: reconnect }, 'Try now')));
  }
  if (store.status?.state === 'draining') made.push(banner('warn', 'medium', 'The daemon is stopping.', 'It takes no more events and finishes what it holds.'));
  if (store.status?.journal.state === 'failing') {
    made.push(banner('grave', 'high', 'The journal cannot be written.', `${store.status.journal.detail ?? ''} Alerts and decisions wait until it can.`));
  }
  return made;
}

function banner(kind, symbol, title, ...content) {
  return h('div', { class: `banner ${kind}` }, h('span', { class: symbol }, icon(symbol)), h('strong', {}, title), h('span', {}, ...content));
}

const age = () => (store.heardAt === null ? 'of unknown age' : duration(Math.max(1, (Date.now() - store.heardAt) / 1000)));

// MARK: What is announced

/** Screen readers hear of new alerts at most so often, in ms, and of many as a number. */
const SPEAK_EVERY = 5000;
let unsaid = [];
let spokeAt = -Infinity;

function note(event) {
  if (!event.type.endsWith('.opened.v1')) return;
  unsaid.push(event.data.monitor ? `${event.subject ?? 'source'}: ${alertName(event.data)}, ${event.data.severity}` : event.type);
  if (unsaid.length > 100) unsaid = unsaid.slice(-100);
}

function speak() {
  if (unsaid.length === 0 || performance.now() - spokeAt < SPEAK_EVERY) return;
  spokeAt = performance.now();
  byId('announce').textContent = unsaid.length > 3 ? `${unsaid.length} new alerts` : `New alert. ${unsaid.join('. ')}`;
  unsaid = [];
}

// MARK: Theme

const THEMES = ['system', 'light', 'dark'];
const THEME_KEY = 'tidemark.theme';

function theme() {
  const kept = localStorage.getItem(THEME_KEY);
  return THEMES.includes(kept) ? kept : 'system';
}

function setTheme(name) {
  localStorage.setItem(THEME_KEY, name);
  if (name === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  const words = { system: 'as the system', light: 'light', dark: 'dark' }[name];
  const button = byId('theme');
  button.replaceChildren(icon(name));
  button.setAttribute('aria-label', `Theme: ${words}`);
  button.title = `Theme: ${words}`;
  themeChanged();
  view?.theme();
}

const nextTheme = () => setTheme(THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length]);

// MARK: Keys

let isGoing = false;

function keyDown(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
  const isField = event.target.matches('input:not([type="checkbox"]), select, textarea');
  if (isField && event.key !== 'Escape' && !(event.key === 'Enter' && event.target.type === 'search')) return;
  if (isField) event.target.blur();
  // A button or link in focus keeps its own Enter.
  if (event.key === 'Enter' && event.target.matches('button, a')) return;
  if (handled(event.key, isField)) event.preventDefault();
}

function handled(key, wasField) {
  if (isGoing) {
    isGoing = false;
    const place = { f: '#/', a: '#/alerts', d: '#/decisions', c: '#/account' }[key];
    if (place) location.hash = place;
    return place !== undefined;
  }
  if (view.key(key)) return true;
  if (key === 'g') isGoing = true;
  else if (key === 't') nextTheme();
  else if (key === '?') byId('help').showModal();
  else if (key === 'Escape') { if (!wasField && view.back) location.hash = view.back; }
  else if (key === 'j' || key === 'k') step(key === 'j' ? 1 : -1);
  else return false;
  return true;
}

/** To the next or previous thing on the page that can be opened. */
function step(by) {
  const items = [...main.querySelectorAll('a.item')].filter((item) => item.checkVisibility());
  if (items.length === 0) return;
  const at = items.indexOf(document.activeElement);
  items[at < 0 ? (by > 0 ? 0 : items.length - 1) : Math.max(0, Math.min(items.length - 1, at + by))].focus();
}

// MARK: Token

function askToken() {
  const dialog = byId('ask-token');
  setText(byId('token-problem'), token.get() === null ? '' : 'That token was refused.');
  token.clear();
  if (!dialog.open) dialog.showModal();
}

byId('token-form').addEventListener('submit', (event) => {
  event.preventDefault();
  token.set(byId('token').value);
  byId('token').value = '';
  byId('ask-token').close();
  reconnect();
});

// MARK: Start

setTheme(theme());
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  themeChanged();
  view.theme();
});
byId('theme').addEventListener('click', nextTheme);
byId('help-open').addEventListener('click', () => byId('help').showModal());
window.addEventListener('hashchange', open);
document.addEventListener('keydown', keyDown);
listen(gather);
open();
frame();
connect();
setInterval(() => {
  if (document.visibilityState !== 'visible') return;
  ageAll(main);
  const aged = byId('age');
  if (aged) setText(aged, age());
  view.tick();
  speak();
}, 1000);

"""##
}
