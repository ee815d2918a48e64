// What is known, and who wants to hear of it. Views read from here and never keep state of the daemon themselves.

import { allModels, get, paths, stream, Refusal } from './api.js';
import { instant } from './format.js';
import { batchesOf } from './heat.js';

const listeners = new Set();

export const store = {
  /** By `keyOf`; a summary as the API gives it, with `heard`, `batches` and `key` added. */
  models: new Map(),
  total: 0,
  byState: {},
  status: null,
  /** `connecting`, `live`, `lost`, or `token`. */
  link: 'connecting',
  /** Why the link is lost, in words. */
  problem: '',
  /** By this page's clock, when anything was heard last. */
  heardAt: null,
  /** The daemon's clock less this page's, in ms. */
  offset: 0,
  /** Batches that are known of the model with the most. */
  longest: 0,
  isLoaded: false,
  /** Alerts that are open, as the list endpoint gives them; null until first asked for. */
  alerts: null,
};

/** Also the part of an address that names a model. */
export const keyOf = (model, version) => `${encodeURIComponent(model)}/${encodeURIComponent(version)}`;

/** The daemon's time, as far as this page knows it. */
export const now = () => Date.now() + store.offset;

/** Calls `take(change)` after each change: `{models: Set of keys | null for all, alert, decision, status, link}`. */
export function listen(take) {
  listeners.add(take);
  return () => listeners.delete(take);
}

function tell(change) {
  for (const take of listeners) take(change);
}

// MARK: Models

function take(summary) {
  const key = keyOf(summary.model, summary.version);
  const batches = batchesOf(summary, store.models.get(key));
  store.longest = Math.max(store.longest, batches.length);
  store.models.set(key, { ...summary, key, batches, heard: instant(summary.last_event_at) });
  return key;
}

/** The order of the fleet, as the API sorts it: by urgency, then by name and version. */
export function byUrgency(a, b) {
  if (a.urgency !== b.urgency) return b.urgency - a.urgency;
  if (a.model !== b.model) return a.model < b.model ? -1 : 1;
  return a.version < b.version ? -1 : a.version > b.version ? 1 : 0;
}

let loading = null;
/** Deltas that came while models were asked for, since the answer may be older than they are: one a second, for as
    long as ten pages of models may take, so about a hundred. */
let meanwhile = [];

/** All models anew; one at a time, however often it is asked for. */
export function load() {
  loading ??= (async () => {
    try {
      meanwhile = [];
      const page = await allModels();
      const gone = new Set(store.models.keys());
      for (const model of page.models) gone.delete(take(model));
      for (const key of gone) store.models.delete(key);
      entered(page);
      for (const delta of meanwhile) {
        if (instant(delta.at) < instant(page.at)) continue;
        delta.models.forEach(take);
        entered(delta);
      }
      store.isLoaded = true;
      tell({ models: null });
    } finally {
      loading = null;
    }
  })();
  return loading;
}

function entered(page) {
  store.total = page.total;
  store.byState = page.by_state;
  setClock(page.at);
}

function setClock(at) {
  const theirs = instant(at);
  if (theirs === null) return;
  const offset = theirs - Date.now();
  // Small differences are the way that an answer takes; following them would make every age jump.
  if (Math.abs(offset - store.offset) > 2000) store.offset = offset;
}

function takeDelta(delta) {
  if (loading) meanwhile.push(delta);
  const keys = new Set(delta.models.map(take));
  entered(delta);
  tell({ models: keys });
  // Models that went, or more changes than a message holds.
  if (delta.truncated || delta.total !== store.models.size) later(load, 2000);
}

const pending = new Map();

/** Runs `work` once, `wait` ms from now, however often it is asked for; its refusals are the stream's to tell. */
function later(work, wait) {
  if (pending.has(work)) return;
  pending.set(work, setTimeout(() => {
    pending.delete(work);
    work().catch(quietly);
  }, wait));
}

function quietly(error) {
  if (!(error instanceof Refusal)) throw error;
}

// MARK: Status and alerts

export async function loadStatus() {
  const status = await get(paths.status());
  store.status = status;
  setClock(status.now);
  tell({ status: true });
}

export async function loadAlerts() {
  const list = await get(paths.alerts('open'));
  store.alerts = list.alerts;
  tell({ alerts: true });
}

// MARK: The link

const STATUS_EVERY = 5000;
let connection = null;

export function connect() {
  connection = stream({
    open: () => setLink('live', ''),
    heard: () => { store.heardAt = Date.now(); },
    lost: (refusal) => setLink(refusal.status === 401 ? 'token' : 'lost', refusal.message),
    event: takeEvent,
  });
  setInterval(() => {
    if (store.link === 'live' && document.visibilityState === 'visible') loadStatus().catch(quietly);
  }, STATUS_EVERY);
}

/** After a token was given, or when the reader does not want to wait. */
export function reconnect() {
  setLink('connecting', '');
  connection.again();
}

function setLink(link, problem) {
  if (store.link === link && store.problem === problem) return;
  store.link = link;
  store.problem = problem;
  tell({ link: true });
}

function takeEvent(name, data) {
  if (name === 'hello') {
    setClock(data.at);
    // Fleets are not numbered, so what changed meanwhile is always asked for.
    for (const work of [load, loadStatus, loadAlerts]) work().catch(quietly);
  } else if (name === 'fleet') takeDelta(data);
  else if (name === 'alert') {
    later(loadAlerts, 500);
    tell({ alert: data });
  } else if (name === 'decision') tell({ decision: data });
  else if (name === 'lost') later(load, 500);
}
