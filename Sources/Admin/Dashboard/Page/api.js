// What the daemon says over HTTP: answers as JSON, and the stream of events. Paths and shapes are those of
// protocol/http/openapi.yaml.
//
// Where a token is asked for, it is kept in sessionStorage, so that it ends with the tab, and sent as a header. An
// EventSource cannot send headers, which is why the stream is read by fetch.

const KEY = 'tidemark.token';

/** A refusal: `status` is HTTP's, or 0 when the daemon could not be reached at all. */
export class Refusal extends Error {
  constructor(status, detail, code = '') {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

export const token = {
  get: () => sessionStorage.getItem(KEY),
  set: (text) => sessionStorage.setItem(KEY, text),
  clear: () => sessionStorage.removeItem(KEY),
};

async function request(path, { headers = {}, signal } = {}) {
  const held = token.get();
  if (held !== null) headers.Authorization = `Bearer ${held}`;
  let response;
  try {
    response = await fetch(path, { headers, signal, cache: 'no-store', credentials: 'omit' });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refusal(0, 'The daemon does not answer.');
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new Refusal(response.status, problem.detail ?? response.statusText, problem.code);
}

/** How long an answer may take before it counts as none. */
const PATIENCE = 10_000;

export async function get(path) {
  const response = await request(path, { signal: AbortSignal.timeout(PATIENCE) }).catch((error) => {
    throw error instanceof Refusal ? error : new Refusal(0, 'The daemon did not answer in time.');
  });
  return response.json();
}

const part = encodeURIComponent;

export const paths = {
  status: () => '/api/v1/status',
  models: (offset) => `/api/v1/models?limit=${PAGE}&offset=${offset}`,
  model: (model, version) => `/api/v1/models/${part(model)}/${part(version)}`,
  history: (model, version, from, to) =>
    `/api/v1/models/${part(model)}/${part(version)}/history?from=${part(from)}&to=${part(to)}`,
  alerts: (state) => `/api/v1/alerts?state=${state}&limit=1000`,
  silences: () => '/api/v1/silences?limit=1000',
  decisions: (model) => `/api/v1/decisions?limit=200${model === undefined ? '' : `&model=${part(model)}`}`,
  decision: (id) => `/api/v1/decisions/${part(id)}`,
  sources: () => '/api/v1/sources?limit=1000',
};

const PAGE = 1000;
/** As many models as a daemon watches by default; beyond them the page says that it shows the first ones. */
export const MOST_MODELS = 10_000;

/** Every model, in as many pages as it takes. */
export async function allModels() {
  const models = [];
  for (;;) {
    const page = await get(paths.models(models.length));
    models.push(...page.models);
    const isWhole = models.length >= Math.min(page.total, MOST_MODELS) || page.models.length === 0;
    if (isWhole) return { ...page, models };
  }
}

// MARK: The stream

/** Two keep-alive lines are missing: the connection is dead, whatever the operating system thinks. */
const SILENCE = 35_000;
const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;
/** One event is at most a fleet of 200 summaries; a line beyond this is no stream of ours. */
const LONGEST_LINE = 4 * 2 ** 20;

/**
 * Reads events until `stop()`, coming back by itself after a loss, with growing pauses.
 *
 * `on` has `event(name, data)`, `open()`, `heard()` on any byte, and `lost(refusal)`; after a 401 nothing more is
 * tried until `again()`.
 */
export function stream(on) {
  let lastId = null;
  let wait = FIRST_WAIT;
  let timer;
  let current;
  let isStopped = false;

  async function once() {
    const abort = (current = new AbortController());
    let watch;
    const heard = () => {
      clearTimeout(watch);
      watch = setTimeout(() => abort.abort(), SILENCE);
      on.heard();
    };
    heard.call();
    let failure = new Refusal(0, 'The daemon ended the stream.');
    try {
      const headers = { Accept: 'text/event-stream' };
      if (lastId !== null) headers['Last-Event-ID'] = lastId;
      const response = await request('/api/v1/events', { headers, signal: abort.signal });
      wait = FIRST_WAIT;
      on.open();
      await read(response.body, heard, (event) => {
        if (event.id !== null) lastId = event.id;
        on.event(event.name, event.data);
      });
    } catch (error) {
      if (error instanceof Refusal) failure = error;
    }
    clearTimeout(watch);
    if (isStopped || current !== abort) return;
    on.lost(failure);
    if (failure.status === 401) return;
    timer = setTimeout(once, wait);
    wait = Math.min(wait * 2, LONGEST_WAIT);
  }

  const again = () => {
    clearTimeout(timer);
    wait = FIRST_WAIT;
    const old = current;
    once();
    old?.abort();
  };
  const stop = () => {
    isStopped = true;
    clearTimeout(timer);
    current?.abort();
  };
  once();
  return { again, stop };
}

/** Takes server-sent events apart as they come. */
async function read(body, heard, take) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  let event = { name: 'message', data: '', id: null };
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    heard();
    const lines = (rest + value).split('\n');
    rest = lines.pop();
    if (rest.length > LONGEST_LINE) throw new Error('a line without an end');
    for (const line of lines) event = field(line.endsWith('\r') ? line.slice(0, -1) : line, event, take);
  }
}

function field(line, event, take) {
  if (line === '') {
    if (event.data !== '') take({ ...event, data: JSON.parse(event.data) });
    return { name: 'message', data: '', id: null };
  }
  const colon = line.indexOf(':');
  const name = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
  if (name === 'event') event.name = value;
  else if (name === 'data') event.data += value;
  else if (name === 'id') event.id = value;
  return event;
}
