// Numbers with their units, and times as people say them. One place, so that a figure looks the same everywhere.

const DASH = '–';

/** At most `digits` significant digits, no trailing zeros, a true minus sign. */
export function number(value, digits = 3) {
  if (value === null || value === undefined || !Number.isFinite(value)) return DASH;
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return value.toExponential(2).replace('e', ' e').replace('-', '−');
  const places = Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
  return grouped(String(Number(value.toFixed(Math.min(places, 6)))));
}

/** Three digits with their zeros, for columns. */
export function figure(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return DASH;
  const size = Math.abs(value);
  return size >= 1e6 || (size > 0 && size < 1e-4) ? number(value) : fixed(value, Math.max(0, size < 1 ? 3 : 2 - Math.floor(Math.log10(size))));
}

/** A score: three places below 1, two above, so that those of a column line up as well as they can. */
export function score(value) {
  return value === null || value === undefined ? DASH : fixed(value, Math.abs(value) < 1 ? 3 : Math.abs(value) < 100 ? 2 : 0);
}

/** A fixed number of places, so that a column of them lines up. */
export function fixed(value, places) {
  if (value === null || value === undefined || !Number.isFinite(value)) return DASH;
  return grouped(value.toFixed(places));
}

export function count(value) {
  if (value === null || value === undefined) return DASH;
  return grouped(String(value));
}

function grouped(text) {
  const [whole, part] = text.split('.');
  const spaced = whole.replace('-', '−').replace(/\B(?=(\d{3})+(?!\d))/g, '\u2009');
  return part === undefined ? spaced : `${spaced}.${part}`;
}

export function milliseconds(value) {
  return value === null || value === undefined ? DASH : `${number(value)}\u202fms`;
}

export function percent(share, places = 0) {
  return share === null || share === undefined ? DASH : `${String(Number((share * 100).toFixed(places)))}\u202f%`;
}

export function bytes(value) {
  if (value === null || value === undefined) return DASH;
  for (const [unit, size] of [['GiB', 2 ** 30], ['MiB', 2 ** 20], ['KiB', 2 ** 10]]) {
    if (value >= size) return `${number(value / size)}\u202f${unit}`;
  }
  return `${count(value)}\u202fB`;
}

const YEAR = 365.25 * 86400;

/** A length of time in its largest unit, with one more where that matters: 45 s, 3 min, 1 h 20 min, 6 d. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return DASH;
  const whole = Math.abs(seconds);
  if (whole < 1) return `${Math.round(whole * 1000)}\u202fms`;
  if (whole < 60) return `${Math.floor(whole)}\u202fs`;
  if (whole < 3600) return `${Math.floor(whole / 60)}\u202fmin`;
  if (whole < 86400) return two(whole, 3600, 'h', 60, 'min', 6);
  if (whole < 2 * YEAR) return two(whole, 86400, 'd', 3600, 'h', 3);
  return `${number(whole / YEAR, 2)}\u202fy`;
}

function two(seconds, large, largeUnit, small, smallUnit, until) {
  const first = Math.floor(seconds / large);
  const second = Math.floor((seconds % large) / small);
  const tail = first < until && second > 0 ? ` ${second}\u202f${smallUnit}` : '';
  return `${first}\u202f${largeUnit}${tail}`;
}

/** Milliseconds since 1970 of an RFC 3339 time; null stays null. */
export function instant(text) {
  if (text === null || text === undefined) return null;
  const value = Date.parse(text);
  return Number.isNaN(value) ? null : value;
}

/** "3 min ago", "in 2 h", "now". */
export function relative(time, now) {
  if (time === null) return DASH;
  const seconds = (now - time) / 1000;
  if (Math.abs(seconds) < 1) return 'now';
  return seconds > 0 ? `${duration(seconds)} ago` : `in ${duration(-seconds)}`;
}

const pad = (value) => String(value).padStart(2, '0');

/** Absolute, in UTC as everything on the wire is. */
export function absolute(time) {
  if (time === null) return '';
  return `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** A label of a time axis over `span` ms: clock time within two days, else the date. */
export function tick(time, span) {
  const at = new Date(time);
  const day = `${pad(at.getUTCMonth() + 1)}-${pad(at.getUTCDate())}`;
  if (span > 400 * 86400e3) return `${at.getUTCFullYear()}-${pad(at.getUTCMonth() + 1)}`;
  if (span > 2 * 86400e3) return day;
  const clock = `${pad(at.getUTCHours())}:${pad(at.getUTCMinutes())}`;
  return span < 5 * 60e3 ? `${clock}:${pad(at.getUTCSeconds())}` : clock;
}

/** `accuracy_degradation` for people. */
export function words(code) {
  return code === null || code === undefined ? DASH : String(code).replaceAll('_', ' ');
}

/** A power of ten in words: evidence that is none is not told as a number near one. */
export const isEvidence = (log10) => log10 !== null && log10 >= 0.5;

/** Long decimals in the name of a bin, in four digits. */
export const binName = (name) => name.replace(/-?\d+\.\d{3,}/g, (digits) => number(Number(digits), 4));

/** The middle of a long identifier is the part that nobody reads. */
export function brief(id, keep = 10) {
  return id.length > keep + 8 ? `${id.slice(0, keep)}…${id.slice(-4)}` : id;
}
