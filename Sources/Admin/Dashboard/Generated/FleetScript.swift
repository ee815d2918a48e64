// Written by Page/build.py; change the sources in Page and run it again.
// swift-format-ignore-file

extension Dashboard {
  static let fleetScript = ##"""
// fleet.js
// The fleet: every model by urgency, one row each. Only the rows in sight exist; they are used again as the list moves,
// and an update touches what changed in them. Sizes are known here, so that nothing asks the browser for a layout.


/** Rows that are ready above and below the window. */
const SPARE = 6;
const CHIPS = 3;
/** While a pointer moves over the list nothing changes places under it, for so many ms. */
const HOLD = 2000;

/** What the reader chose stays when they come back to the fleet. */
const choice = { state: null, query: '', isDense: false, selected: null, scroll: 0 };

const narrow = matchMedia('(max-width: 760px)');

/** Heights of a row and of its heat strip, as the style sheet has them. */
function measures() {
  if (narrow.matches) return { row: 64, heat: { width: 120, height: 16 } };
  return choice.isDense ? { row: 24, heat: { width: 192, height: 14 } } : { row: 40, heat: { width: 192, height: 20 } };
}

const COLUMNS = [
  ['state', 'State'], ['name', 'Model'], ['alerts', 'Open alerts'], ['heat', 'Drift'],
  ['accuracy', 'Accuracy'], ['latency', 'Latency, ms'], ['decision', 'Retrain'], ['heard', 'Last event'],
];

function fleetView(root) {
  let order = [];
  let size = measures();
  let scrolled = choice.scroll;
  let window_ = 800;
  let pointed = -Infinity;
  let isDue = false;
  let cells = 0;
  const slots = [];

  const filters = new Map([[null, filterButton(null)], ...STATES.map((state) => [state, filterButton(state)])]);
  const search = h('input', {
    type: 'search', placeholder: 'Search', 'aria-label': 'Search models by name or version', value: choice.query,
    autocomplete: 'off', spellcheck: 'false', oninput: () => choose({ query: search.value }),
  });
  const dense = h('button', { type: 'button', class: 'button slim', 'aria-pressed': String(choice.isDense), onclick: toggleDense }, 'Dense');
  const shown = h('span', { class: 'unseen', role: 'status' });
  const bar = h('div', { class: 'share', 'aria-hidden': 'true' }, STATES.map((state) => h('i', { class: state })));
  const rows = h('div', { class: 'rows', role: 'rowgroup' });
  const head = h('div', { role: 'rowgroup', class: 'heads' }, h('div', { role: 'row', class: 'row head', 'aria-rowindex': 1 },
    COLUMNS.map(([name, title]) => h('span', { role: 'columnheader', class: name }, title))));
  const heatTitle = head.querySelector('.heat');
  const grid = h('div', {
    class: 'grid', role: 'grid', tabindex: 0, 'aria-label': 'Models by urgency', 'aria-readonly': 'true', onscroll: scroll,
    onpointermove: () => { pointed = performance.now(); }, onpointerleave: () => { pointed = -Infinity; },
  }, head, rows);
  const instead = h('div', { class: 'instead' });

  const tools = h('div', { class: 'tools' }, h('h1', { class: 'unseen' }, 'Fleet'),
      h('div', { class: 'filters', role: 'group', 'aria-label': 'Filter by state' }, [...filters.values()].map((f) => f.button)),
      h('label', { class: 'search' }, icon('search'), search, h('kbd', { 'aria-hidden': 'true' }, '/')), dense, shown);
  root.replaceChildren(h('div', { class: 'fleet' }, tools, bar, grid, instead));
  const resized = new ResizeObserver(([entry]) => {
    window_ = entry.contentRect.height;
    draw();
  });
  resized.observe(grid);
  narrow.addEventListener('change', remeasure);
  arrange();
  grid.scrollTop = choice.scroll;
  grid.focus({ preventScroll: true });

  function filterButton(state) {
    const tally = h('b', {});
    const button = h('button', { type: 'button', class: `filter ${state ?? ''}`, onclick: () => choose({ state }) },
      state ? icon(state === 'alerting' ? 'high' : state) : null, h('span', {}, state ?? 'All'), tally);
    return { button, tally };
  }

  function choose(change) {
    Object.assign(choice, change, { scroll: 0 });
    grid.scrollTop = scrolled = 0;
    arrange();
    setText(shown, `${order.length} models`);
  }

  function toggleDense() {
    choice.isDense = !choice.isDense;
    setAttribute(dense, 'aria-pressed', String(choice.isDense));
    remeasure();
  }

  function remeasure() {
    size = measures();
    for (const slot of slots) slot.model = null;
    arrange();
  }

  // MARK: Order

  function matches(model, needle) {
    if (choice.state !== null && model.state !== choice.state) return false;
    return needle === '' || model.model.toLowerCase().includes(needle) || model.version.toLowerCase().includes(needle);
  }

  function arrange() {
    const needle = choice.query.trim().toLowerCase();
    order = [...store.models.values()].filter((model) => matches(model, needle)).sort(byUrgency);
    setAttribute(grid, 'aria-rowcount', String(order.length + 1));
    setAttribute(grid, 'data-dense', choice.isDense ? '' : null);
    rows.style.height = `${order.length * size.row}px`;
    tally();
    showInstead();
    draw();
  }

  /** Places stay while a pointer moves over them; what is in the rows does not wait. */
  function refresh() {
    if (performance.now() - pointed < HOLD) {
      order = order.map((model) => store.models.get(model.key) ?? model);
      tally();
      draw();
    } else arrange();
  }

  function tally() {
    const all = { null: store.total, ...store.byState };
    for (const [state, { button, tally: count }] of filters) {
      const n = all[state] ?? 0;
      setText(count, String(n));
      setAttribute(button, 'aria-pressed', String(choice.state === state));
      button.hidden = state === 'silenced' && n === 0 && choice.state !== state;
    }
    for (const [index, state] of STATES.entries()) bar.children[index].style.flexGrow = all[state] ?? 0;
  }

  function showInstead() {
    const key = !store.isLoaded ? 'loading' : store.total === 0 ? 'none' : order.length === 0 ? 'nothing' : '';
    grid.hidden = bar.hidden = key === 'loading' || key === 'none';
    tools.hidden = key === 'none';
    if (instead.dataset.key === key) return;
    instead.dataset.key = key;
    const made = {
      loading: () => skeleton(12), none: firstSteps,
      nothing: () => trouble('No model matches', 'Esc clears the search and the filter.'),
    }[key];
    instead.replaceChildren(...(made ? [made()] : []));
  }

  // MARK: Rows

  function draw() {
    if (cells !== cellsFor(store.longest)) {
      cells = cellsFor(store.longest);
      setText(heatTitle, `Drift, last ${cells} batches`);
      for (const slot of slots) slot.model = null;
    }
    const first = Math.max(0, Math.floor(scrolled / size.row) - SPARE);
    const last = Math.min(order.length, Math.ceil((scrolled + window_) / size.row) + SPARE);
    // A row keeps its slot while it is in sight: the slots are a ring over the places.
    const needed = Math.ceil(window_ / size.row) + 2 * SPARE + 2;
    while (slots.length < needed) slots.push(makeSlot(rows, slots.length));
    for (const slot of slots) slot.isUsed = false;
    for (let index = first; index < last; index += 1) showSlot(slots[index % slots.length], order[index], index);
    for (const slot of slots) {
      if (!slot.isUsed && !slot.element.hidden) slot.element.hidden = true;
    }
    const selected = slots.find((slot) => slot.isUsed && slot.model.key === choice.selected);
    setAttribute(grid, 'aria-activedescendant', selected ? selected.element.id : null);
  }

  function showSlot(slot, model, index) {
    slot.isUsed = true;
    if (slot.element.hidden) slot.element.hidden = false;
    if (slot.index !== index || slot.height !== size.row) {
      [slot.index, slot.height] = [index, size.row];
      slot.element.style.transform = `translateY(${index * size.row}px)`;
      setAttribute(slot.element, 'aria-rowindex', String(index + 2));
    }
    setAttribute(slot.element, 'aria-selected', String(model.key === choice.selected));
    setText(slot.heard, relative(model.heard, now()));
    if (slot.model === model) return;
    slot.model = model;
    fillSlot(slot, model, { ...size.heat, cells });
  }

  function scroll() {
    scrolled = choice.scroll = grid.scrollTop;
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(() => {
      isDue = false;
      draw();
    });
  }

  // MARK: Keys

  function select(index) {
    if (order.length === 0) return;
    const place = Math.max(0, Math.min(order.length - 1, index));
    choice.selected = order[place].key;
    const headHeight = narrow.matches ? 0 : 32;
    const top = place * size.row;
    if (top < scrolled) grid.scrollTop = top;
    else if (top + size.row > scrolled + window_ - headHeight) grid.scrollTop = top + size.row - window_ + headHeight;
    scrolled = choice.scroll = grid.scrollTop;
    grid.focus({ preventScroll: true });
    draw();
  }

  function key(name) {
    const at = order.findIndex((model) => model.key === choice.selected);
    const page = Math.max(1, Math.floor(window_ / size.row) - 1);
    const moves = {
      j: at + 1, ArrowDown: at + 1, k: at < 0 ? 0 : at - 1, ArrowUp: at < 0 ? 0 : at - 1, Home: 0, End: order.length - 1,
      PageDown: at + page, PageUp: at - page,
    };
    if (name in moves) select(moves[name]);
    else if (name === 'Enter' && at >= 0) location.hash = modelRoute(order[at].model, order[at].version);
    else if (name === '/') search.select();
    else if (name === 'x') toggleDense();
    else if (name >= '1' && name <= '5') choose({ state: [null, ...STATES][Number(name) - 1] });
    else if (name === 'Escape') escape();
    else return false;
    return true;
  }

  function escape() {
    if (choice.query !== '' || choice.state !== null) {
      search.value = '';
      choose({ query: '', state: null });
    }
    grid.focus({ preventScroll: true });
  }

  return {
    title: 'Fleet', place: 'fleet', isFixed: true, key,
    update: (change) => { if (change.models !== undefined) refresh(); },
    tick: draw,
    theme: remeasure,
    close: () => {
      resized.disconnect();
      narrow.removeEventListener('change', remeasure);
    },
  };
}

// MARK: One row

function makeSlot(parent, number_) {
  const cell = (name, ...content) => h('span', { role: 'gridcell', class: name }, ...content);
  const use = icon('healthy');
  const word = h('span', {});
  const link = h('a', { tabindex: -1 });
  const version = h('bdi', { class: 'quiet version' });
  const chips = Array.from({ length: CHIPS }, () => {
    const symbol = icon('high');
    const text = h('span', {});
    return { element: h('span', { class: 'chip', hidden: true }, symbol, text), symbol, text };
  });
  const more = h('span', { class: 'quiet small' });
  const canvas = h('canvas', { role: 'img' });
  const [drift, limit, accuracy, delta, latency, decision, heard] = ['b', 'span', 'span', 'span', 'span', 'span', 'span'].map((tag) => h(tag, {}));
  limit.className = 'quiet';
  delta.className = 'quiet delta';
  const element = h('div', { role: 'row', class: 'row', id: `row-${number_}`, hidden: true },
    cell('state', use, word), cell('name', link, version), cell('alerts', chips.map((c) => c.element), more),
    cell('heat', canvas, drift, limit), cell('accuracy', accuracy, delta), cell('latency', latency), cell('decision', decision),
    cell('heard', heard));
  // The whole row opens its model, as Enter does; the link in it is for other buttons of the mouse.
  element.addEventListener('click', (event) => {
    if (!event.defaultPrevented && event.target !== link) location.hash = link.hash;
  });
  parent.append(element);
  return {
    element, use: use.firstChild, word, link, version, chips, more, canvas, drift, limit, accuracy, delta, latency, decision, heard,
    model: null, index: -1, isUsed: false,
  };
}

function fillSlot(slot, model, heat) {
  const kind = stateKind(model);
  const isQuiet = model.state === 'stale' || model.alerts.some((alert) => alert.monitor === 'no_data');
  setAttribute(slot.element, 'class', `row ${kind}-row${isQuiet ? ' quiet-row' : ''}`);
  setAttribute(slot.use, 'href', `#i-${kind}`);
  setText(slot.word, model.state);
  setText(slot.link, model.model);
  setAttribute(slot.link, 'href', modelRoute(model.model, model.version));
  setAttribute(slot.link, 'title', model.model);
  setText(slot.version, model.version === '-' ? '' : model.version);
  fillChips(slot, model.alerts);
  setText(slot.drift, model.drift ? score(model.drift.score) : '');
  setText(slot.limit, model.drift ? `of ${number(model.drift.threshold)}` : '');
  setText(slot.accuracy, model.accuracy === null ? '' : fixed(model.accuracy, 3));
  const isKnown = model.accuracy !== null && model.baseline_accuracy !== null;
  setText(slot.delta, isKnown ? signed(model.accuracy - model.baseline_accuracy) : '');
  setAttribute(slot.delta, 'title', isKnown ? `baseline ${fixed(model.baseline_accuracy, 3)}` : null);
  setText(slot.latency, model.latency_ms === null ? '' : fixed(model.latency_ms, model.latency_ms < 1000 ? 1 : 0));
  setText(slot.decision, model.decision ? words(model.decision.state) : '');
  setAttribute(slot.decision, 'class', model.decision?.open ? `${decisionKind[model.decision.state]} strong` : 'quiet');
  setAttribute(slot.heard, 'title', absolute(model.heard));
  const threshold = model.drift?.threshold ?? 1;
  setAttribute(slot.canvas, 'aria-label', heatWords(model.batches));
  drawHeat(slot.canvas, model.batches, threshold, { ...heat, isGrey: isQuiet });
}

function fillChips(slot, alerts) {
  const sorted = [...alerts].sort((a, b) => 'high medium low'.indexOf(a.severity) - 'high medium low'.indexOf(b.severity));
  slot.chips.forEach(({ element, symbol, text }, index) => {
    const alert = sorted[index];
    element.hidden = alert === undefined;
    if (alert === undefined) return;
    setAttribute(element, 'class', `chip ${alert.severity}`);
    setAttribute(element, 'title', `${alertName(alert)}, ${alert.severity}, since ${absolute(Date.parse(alert.opened_at))}`);
    setAttribute(symbol.firstChild, 'href', `#i-${alert.severity}`);
    setText(text, alertName(alert));
  });
  setText(slot.more, alerts.length > CHIPS ? `+${alerts.length - CHIPS}` : '');
}

const signed = (value) => {
  const text = fixed(Math.abs(value), 3);
  return value < 0 && text !== '0.000' ? `−${text}` : `+${text}`;
};

"""##
}
