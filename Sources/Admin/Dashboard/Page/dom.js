// Elements, made and changed. Text from outside enters the page through `textContent` and attributes alone:
// there is no innerHTML anywhere, so that a model named <script> is a name.

const SVG = 'http://www.w3.org/2000/svg';

/** An element with attributes (`on…` functions are listeners, null and false are left out) and children. */
export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function s(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) append(element, child);
    else element.append(child instanceof Node ? child : String(child));
  }
}

/** One symbol of the sheet in index.html; decoration, so what it says must stand beside it in words. */
export function icon(name, kind = '') {
  return s('svg', { class: `icon ${kind}`, 'aria-hidden': 'true', viewBox: '0 0 16 16' },
    s('use', { href: `#i-${name}` }));
}

/** Writes text only where it changed: an update of a thousand rows touches a handful of nodes. */
export function setText(node, text) {
  if (node.shown === text) return;
  node.shown = text;
  node.textContent = text;
}

export function setAttribute(node, name, value) {
  const known = (node.known ??= {});
  if (known[name] === value) return;
  known[name] = value;
  if (value === null) node.removeAttribute(name);
  else node.setAttribute(name, value);
}

export function replace(element, ...children) {
  element.replaceChildren();
  append(element, children);
}

/**
 * Replaces the children of `element` by `made`, when `key` changed since the last time. What holds focus is given it
 * back by its `data-focus`, so that an update under a reader's hand does not throw them to the top of the page.
 */
export function renew(element, key, make) {
  if (element.renewed === key) return false;
  element.renewed = key;
  const focused = document.activeElement;
  const mark = element.contains(focused) ? focused.dataset.focus : undefined;
  replace(element, make());
  if (mark !== undefined) {
    for (const candidate of element.querySelectorAll('[data-focus]')) {
      if (candidate.dataset.focus === mark) candidate.focus({ preventScroll: true });
    }
  }
  return true;
}
