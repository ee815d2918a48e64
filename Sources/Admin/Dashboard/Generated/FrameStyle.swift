// Written by Page/build.py; change the sources in Page and run it again.
// swift-format-ignore-file

extension Dashboard {
  static let frameStyle = ##"""
/* What every view shares. Spacing is in steps of 4 px, type in six sizes, colour in two themes of one palette:
   vermilion, amber, blue and bluish green keep apart under the common kinds of colour blindness (after Okabe and
   Ito), and nothing is told by colour alone. Text is at least 4.5 : 1 on every ground it stands on. */

:root {
  color-scheme: light dark;
  --bg: light-dark(#fafaf8, #121315);
  --surface: light-dark(#ffffff, #191b1e);
  --raised: light-dark(#f4f4f1, #212428);
  --hover: light-dark(#f3f4f4, #1f2226);
  --chosen: light-dark(#e8f2f1, #1b2f2e);
  --line: light-dark(#e5e5e1, #2a2d32);
  --line-strong: light-dark(#c9c9c4, #43474e);
  --field-line: light-dark(#85888c, #70757d);
  --text: light-dark(#1a1c1f, #e9eaec);
  --quiet: light-dark(#575b61, #a5a9b0);
  --accent: light-dark(#0a6f67, #4fc4b8);
  --high: light-dark(#b23a0a, #ff8d5e);
  --medium: light-dark(#8a5700, #f2b544);
  --low: light-dark(#2360a8, #86b8f5);
  --healthy: light-dark(#0b7456, #4dc79e);
  --learning: light-dark(#2360a8, #86b8f5);
  --stale: light-dark(#63676d, #979ba2);
  --high-fill: light-dark(#d55e00, #e8702f);
  --medium-fill: light-dark(#e69f00, #d99a1c);
  --high-wash: light-dark(#fcefe8, #33211a);
  --medium-wash: light-dark(#fbf3e0, #2f2817);
  --low-wash: light-dark(#eaf1fa, #1a2736);
  --stale-wash: light-dark(#eeeeec, #24272b);
  --heat-low: light-dark(#bcd3e3, #3a5970);
  --heat-near: light-dark(#f0cf83, #7d6228);
  --heat-over: light-dark(#db8227, #c8772a);
  --heat-far: light-dark(#b8450f, #f28a52);
  --heat-grey: light-dark(#d5d6d4, #3a3e44);
  --heat-grey-over: light-dark(#8b8f93, #7d828a);
  --reference: light-dark(#8a8f96, #868b93);
  --sans: Inter, "Segoe UI Variable", "Segoe UI", system-ui, -apple-system, Roboto, "Helvetica Neue", sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
:root[data-theme="light"] { color-scheme: light; }
:root[data-theme="dark"] { color-scheme: dark; }

*, *::before, *::after { box-sizing: border-box; }
[hidden] { display: none !important; }
html { height: 100%; }
body {
  margin: 0; height: 100dvh; overflow: hidden; background: var(--bg); color: var(--text);
  font: 400 13px/20px var(--sans); font-variant-numeric: tabular-nums;
  font-feature-settings: "cv05", "ss03"; -webkit-font-smoothing: antialiased;
  display: grid; grid-template: auto auto minmax(0, 1fr) / minmax(0, 1fr);
}
main { position: relative; overflow-y: auto; overscroll-behavior: contain; }
h1, h2, h3, p, dl, dd, figure { margin: 0; }
h1 { font: 600 20px/28px var(--sans); letter-spacing: -.012em; overflow-wrap: anywhere; }
h2 { font: 600 14px/20px var(--sans); letter-spacing: -.004em; }
h3 { font: 600 13px/20px var(--sans); }
a { color: inherit; text-underline-offset: 2px; }
p a, dd a, td a { color: var(--accent); }
code, kbd, .mono { font: 12px/16px var(--mono); font-variant-numeric: tabular-nums; }
code { overflow-wrap: anywhere; }
kbd {
  display: inline-block; min-width: 20px; padding: 1px 4px; border: 1px solid var(--line-strong); border-radius: 4px;
  background: var(--surface); color: var(--quiet); text-align: center; font-size: 11px;
}
:focus { outline: none; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
main:focus-visible { outline: none; }

.icon { width: 12px; height: 12px; flex: none; vertical-align: -1px; }
.quiet { color: var(--quiet); }
.small { font-size: 12px; line-height: 16px; }
time, .stamp { white-space: nowrap; }
td bdi, th bdi { display: inline-block; max-width: 320px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; vertical-align: bottom; }
.number { text-align: right; white-space: nowrap; }
.unseen {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap;
}
.sheet { position: absolute; }
.skip { position: absolute; left: 8px; top: -48px; z-index: 9; padding: 8px 12px; background: var(--surface); }
.skip:focus { top: 4px; }
.high { color: var(--high); } .medium { color: var(--medium); } .low { color: var(--low); }
.healthy { color: var(--healthy); } .learning { color: var(--learning); } .stale { color: var(--stale); }

/* The bar on top */
.top {
  display: flex; align-items: center; gap: 16px; height: 48px; padding: 0 24px;
  border-bottom: 1px solid var(--line); background: var(--surface);
}
.brand {
  display: flex; gap: 8px; align-items: center; font: 600 14px/20px var(--sans); letter-spacing: -.01em;
  text-decoration: none;
}
.brand .icon { width: 18px; height: 18px; color: var(--accent); }
.places { display: flex; gap: 4px; margin-right: auto; }
.places a {
  display: flex; gap: 6px; align-items: center; padding: 4px 10px; border-radius: 6px; color: var(--quiet);
  text-decoration: none; font-weight: 500;
}
.places a:hover { background: var(--hover); color: var(--text); }
.places a[aria-current] { background: var(--raised); color: var(--text); }
.badge {
  min-width: 18px; padding: 0 5px; border-radius: 9px; background: var(--high-wash); color: var(--high);
  font-size: 11px; line-height: 18px; text-align: center; font-weight: 600;
}
.link { display: flex; gap: 8px; align-items: center; color: var(--quiet); font-size: 12px; white-space: nowrap; }
.link .dot { width: 7px; height: 7px; border-radius: 50%; background: var(--healthy); }
.link[data-state="lost"] .dot, .link[data-state="connecting"] .dot {
  background: none; box-shadow: inset 0 0 0 2px var(--stale);
}
.plain {
  display: grid; place-items: center; width: 28px; height: 28px; padding: 0; border: 0; border-radius: 6px;
  background: none; color: var(--quiet); cursor: pointer;
}
.plain:hover { background: var(--hover); color: var(--text); }
.plain .icon { width: 15px; height: 15px; }
.top .plain + .plain { margin-left: -12px; }

/* Banners: one line each, the gravest first */
.banner {
  display: flex; gap: 8px; align-items: baseline; padding: 8px 24px; border-bottom: 1px solid var(--line);
  background: var(--stale-wash); color: var(--text);
}
.banner.grave { background: var(--high-wash); }
.banner.warn { background: var(--medium-wash); }
.banner .icon { align-self: center; }
.banner strong { font-weight: 600; white-space: nowrap; }
.banner .button { margin-left: 12px; }

/* Controls */
.button {
  display: inline-flex; align-items: center; gap: 6px; height: 32px; padding: 0 12px; border: 1px solid var(--line-strong);
  border-radius: 6px; background: var(--surface); color: var(--text); font: 500 13px/20px var(--sans); cursor: pointer;
}
.button:hover { background: var(--hover); }
.button.primary { border-color: transparent; background: var(--accent); color: var(--bg); }
.button.primary:hover { filter: brightness(.94); }
.button.slim { height: 24px; padding: 0 8px; font-size: 12px; }
input, select {
  height: 32px; padding: 0 10px; border: 1px solid var(--field-line); border-radius: 6px; background: var(--surface);
  color: var(--text); font: 400 13px/20px var(--sans);
}
input::placeholder { color: var(--quiet); opacity: 1; }
label { font-weight: 500; }
.problem { color: var(--high); }
.problem:empty { display: none; }

dialog {
  width: min(480px, calc(100vw - 32px)); padding: 24px; border: 1px solid var(--line-strong); border-radius: 12px;
  background: var(--surface); color: var(--text); box-shadow: 0 16px 48px rgb(0 0 0 / .24);
}
dialog::backdrop { background: rgb(10 12 14 / .4); }
dialog h2 { margin-bottom: 12px; font-size: 16px; line-height: 24px; }
dialog form { display: grid; gap: 8px; justify-items: start; }
dialog input { width: 100%; }
.keys { display: grid; gap: 6px; margin-bottom: 16px; }
.keys div { display: grid; grid-template-columns: 176px 1fr; align-items: baseline; }
.keys dd { color: var(--quiet); }

/* Blocks */
.card { border: 1px solid var(--line); border-radius: 8px; background: var(--surface); min-width: 0; }
.card > header {
  display: flex; gap: 8px; align-items: baseline; justify-content: space-between; padding: 12px 16px 0;
}
.card > .body { padding: 12px 16px 16px; }
.card > .wide { padding: 8px 0 4px; overflow-x: auto; }
.chip {
  display: inline-flex; gap: 5px; align-items: center; height: 20px; padding: 0 7px; border-radius: 4px;
  font-size: 12px; line-height: 20px; white-space: nowrap; background: var(--raised);
}
.chip .icon { width: 9px; height: 9px; }
.chip.high { background: var(--high-wash); } .chip.medium { background: var(--medium-wash); }
.chip.low, .chip.learning { background: var(--low-wash); } .chip.stale { background: var(--stale-wash); }

table { width: 100%; border-collapse: collapse; }
th { color: var(--quiet); font-weight: 500; font-size: 12px; line-height: 16px; text-align: left; white-space: nowrap; }
th, td { padding: 6px 12px; border-bottom: 1px solid var(--line); vertical-align: baseline; }
th:first-child, td:first-child { padding-left: 16px; }
th:last-child, td:last-child { padding-right: 16px; }
tbody tr:last-child td, tbody tr:last-child th { border-bottom: 0; }
tbody th { color: var(--text); font-weight: 400; font-size: 13px; line-height: 20px; }
th.number { text-align: right; }

.facts { display: grid; grid-template-columns: auto 1fr; gap: 4px 16px; }
.facts dt { color: var(--quiet); }
.facts dd { min-width: 0; overflow-wrap: anywhere; }

.empty { max-width: 940px; margin: 48px auto; padding: 0 24px; }
.empty h2 { margin-bottom: 8px; font-size: 16px; line-height: 24px; }
.empty p + p, .empty pre { margin-top: 12px; }
pre {
  margin: 12px 0; padding: 12px 16px; border: 1px solid var(--line); border-radius: 8px; background: var(--surface);
  font: 12px/18px var(--mono); overflow-x: auto;
}
.nothing { padding: 8px 16px 12px; color: var(--quiet); }

.skeleton { display: grid; gap: 16px; padding: 24px; }
.skeleton i { height: 32px; border-radius: 6px; background: var(--raised); animation: breathe 1.6s ease-in-out infinite; }
.skeleton i:nth-child(3n) { width: 72%; } .skeleton i:nth-child(3n + 1) { width: 88%; }
@keyframes breathe { 50% { opacity: .45; } }

@media (prefers-reduced-motion: reduce) {
  *, *::before, *::after { animation: none !important; transition: none !important; scroll-behavior: auto !important; }
}
@media (max-width: 640px) {
  .top { gap: 8px; padding: 0 12px; }
  .brand { font-size: 0; gap: 0; }
  .places a { padding: 4px 8px; }
  .key-help { display: none; }
  .banner { padding: 8px 12px; flex-wrap: wrap; }
  .link { font-size: 0; gap: 0; }
}
@media (forced-colors: active) {
  .chip, .badge, .card { border: 1px solid; }
}
@media print {
  body { display: block; height: auto; overflow: visible; } main { overflow: visible; } .link, .plain { display: none; }
}

"""##
}
