// Written by Page/build.py; change the sources in Page and run it again.
// swift-format-ignore-file

extension Dashboard {
  static let viewsStyle = ##"""
/* The views: the fleet's rows, and the pages of a model, a decision and the account. */

/* What came before the link was lost is grey, all of it. */
:root[data-lost] main { filter: grayscale(1); }
.quiet-page .columns { filter: grayscale(1); }

/* Fleet */
body.fixed main { overflow: hidden; }
.fleet { display: grid; grid-template: auto auto minmax(0, 1fr) / minmax(0, 1fr); height: 100%; }
.tools { display: flex; gap: 12px; align-items: center; padding: 12px 24px; }
.filters { display: flex; flex-wrap: wrap; gap: 4px; margin-right: auto; }
.filter {
  display: inline-flex; gap: 6px; align-items: center; height: 28px; padding: 0 10px; border: 1px solid transparent; border-radius: 6px;
  background: none; color: var(--quiet); font: 500 13px/20px var(--sans); text-transform: capitalize; cursor: pointer;
  font-variant-numeric: tabular-nums;
}
.filter b { font-weight: 500; color: var(--text); }
.filter:hover { background: var(--hover); }
.filter[aria-pressed="true"] { background: var(--surface); border-color: var(--line-strong); color: var(--text); }
.filter.alerting .icon { color: var(--high); } .filter.healthy .icon { color: var(--healthy); }
.filter.learning .icon { color: var(--learning); } .filter.stale .icon, .filter.silenced .icon { color: var(--stale); }
.search { position: relative; display: flex; align-items: center; }
.search .icon { position: absolute; left: 10px; width: 14px; height: 14px; color: var(--quiet); }
.search input { width: 220px; height: 28px; padding: 0 30px; }
.search kbd { position: absolute; right: 6px; }
.search input:focus + kbd, .search input:not(:placeholder-shown) + kbd { visibility: hidden; }
.tools .button { height: 28px; }
.button[aria-pressed="true"] { background: var(--raised); border-color: var(--field-line); }
.share { display: flex; gap: 2px; height: 3px; margin: 0 24px 8px; }
.share i { flex: 0 1 0; border-radius: 2px; min-width: 0; }
.share .alerting { background: var(--high-fill); } .share .healthy { background: var(--healthy); }
.share .learning { background: var(--learning); } .share .stale, .share .silenced { background: var(--line-strong); }

.grid { overflow-y: auto; overflow-x: hidden; border-top: 1px solid var(--line); background: var(--surface); overscroll-behavior: contain; }
.grid:focus-visible { outline: none; }
.heads { position: sticky; top: 0; z-index: 2; background: var(--surface); }
.rows { position: relative; contain: strict; }
.row {
  display: grid; align-items: center; gap: 0 16px; padding: 0 24px; height: 40px;
  grid-template-columns: 88px minmax(120px, 1fr) minmax(150px, 1fr) 292px 104px 80px 80px 84px;
}
.rows .row {
  position: absolute; inset: 0 0 auto; contain: strict; border-bottom: 1px solid var(--line); cursor: pointer; white-space: nowrap;
}
.row.head { height: 32px; color: var(--quiet); font-size: 12px; font-weight: 500; border-bottom: 1px solid var(--line); }
.grid[data-dense] .rows .row { height: 24px; font-size: 12px; border-bottom-color: transparent; }
.rows .row:hover { background: var(--hover); }
.row[aria-selected="true"] { background: var(--chosen); box-shadow: inset 3px 0 0 var(--accent); }
.grid:focus-visible .row[aria-selected="true"] { outline: 2px solid var(--accent); outline-offset: -2px; }
.row > span { min-width: 0; overflow: hidden; text-overflow: ellipsis; }
.row .state { display: flex; gap: 8px; align-items: center; text-transform: capitalize; color: var(--quiet); }
.row .name a { text-decoration: none; font-weight: 500; }
.row .name a:hover { text-decoration: underline; }
.row .version { margin-left: 6px; }
.row .alerts { display: flex; gap: 4px; align-items: center; }
.row .chip > span { max-width: 108px; overflow: hidden; text-overflow: ellipsis; }
.grid[data-dense] .chip { height: 18px; line-height: 18px; }
.row .heat { display: flex; gap: 10px; align-items: center; }
.row canvas { width: 192px; height: 20px; flex: none; }
.grid[data-dense] canvas { height: 14px; }
.row .heat b { width: 48px; font-weight: 400; text-align: right; }
.row .heat .quiet { margin-left: -6px; font-size: 12px; }
.row .accuracy, .row .latency, .row .heard { text-align: right; }
.row .delta { display: inline-block; width: 52px; font-size: 12px; }
.row .heard, .row .latency { color: var(--quiet); }
.row .strong { font-weight: 500; }
.high-row .state .icon { color: var(--high); } .medium-row .state .icon { color: var(--medium); }
.low-row .state .icon { color: var(--low); } .healthy-row .state .icon { color: var(--healthy); }
.learning-row .state .icon { color: var(--learning); }
.high-row .state, .medium-row .state, .low-row .state { color: var(--text); font-weight: 500; }
.stale-row, .stale-row .state, .silenced-row, .silenced-row .state { color: var(--stale); }
.quiet-row .heat, .quiet-row .accuracy, .quiet-row .latency { color: var(--stale); }
.stale-row .chip { background: var(--stale-wash); color: var(--stale); }

@media (max-width: 1120px) {
  .row { grid-template-columns: 88px minmax(120px, 1fr) minmax(120px, 1fr) 292px 104px 84px; }
  .row .latency, .row .decision { display: none; }
}
@media (max-width: 760px) {
  .tools { flex-wrap: wrap; gap: 8px; padding: 8px 12px; }
  .filters { order: 2; width: 100%; margin: 0; gap: 0; flex-wrap: nowrap; overflow-x: auto; scrollbar-width: none; }
  .filter { padding: 0 6px; gap: 4px; flex: none; font-size: 12px; }
  .search kbd { display: none; }
  .search { flex: 1; } .search input { width: 100%; height: 32px; }
  .tools .button { display: none; }
  .share { margin: 0 12px 8px; }
  .heads { display: none; }
  .rows .row, .grid[data-dense] .rows .row {
    height: 64px; padding: 8px 12px; gap: 0 8px; font-size: 13px; align-content: center;
    grid: "name accuracy heard" 24px "alerts heat heat" 24px / minmax(0, 1fr) 72px 96px;
  }
  .row .name { grid-area: name; padding-left: 20px; }
  .row .state { position: absolute; left: 12px; top: 8px; height: 24px; font-size: 0; gap: 0; width: 12px; }
  .row .alerts { grid-area: alerts; padding-left: 20px; }
  .row .heat { grid-area: heat; justify-content: flex-end; }
  .row canvas, .grid[data-dense] canvas { width: 120px; height: 16px; }
  .row .heat { gap: 4px; } .row .heat b { width: 44px; } .row .heat .quiet { display: none; }
  .row .accuracy { grid-area: accuracy; } .row .delta { display: none; }
  .row .heard { grid-area: heard; font-size: 12px; }
  .row .chip > span { max-width: 72px; }
}

/* Pages */
.page { max-width: 1360px; margin: 0 auto; padding: 16px 24px 48px; display: grid; gap: 16px; }
.page-head .trail { color: var(--quiet); }
.page-head .trail a { text-decoration: none; color: var(--quiet); }
.page-head .trail a:hover { text-decoration: underline; }
.title { display: flex; gap: 12px; align-items: center; flex-wrap: wrap; margin: 2px 0 4px; }
.meta { display: flex; flex-wrap: wrap; gap: 4px 24px; align-items: baseline; }
.meta b { font-weight: 500; color: var(--text); }
.meta .mono { overflow-wrap: anywhere; }
.columns { display: grid; grid-template-columns: minmax(0, 1fr) 360px; gap: 16px; align-items: start; }
.stack { display: grid; gap: 16px; min-width: 0; grid-template-columns: minmax(0, 1fr); }
.thirds { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 16px; align-items: start; }
.halves { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 16px 24px; align-items: start; }
.list { margin: 0; padding: 0; list-style: none; }
.list li { display: grid; gap: 4px; padding: 8px 16px; border-bottom: 1px solid var(--line); }
.list li:last-child { border-bottom: 0; }
.list a { text-decoration: none; overflow-wrap: anywhere; } .list a:hover { text-decoration: underline; }
.row-end { display: flex; gap: 8px; align-items: center; color: var(--quiet); font-size: 12px; }
td a, tbody th a { text-decoration: none; } td a:hover, tbody th a:hover { text-decoration: underline; }

/* Charts */
.segments { display: flex; gap: 2px; padding: 2px; border-radius: 6px; background: var(--raised); }
.segments button {
  height: 22px; padding: 0 8px; border: 0; border-radius: 4px; background: none; color: var(--quiet); font: 500 12px/16px var(--sans);
  cursor: pointer; white-space: nowrap;
}
.segments button:hover { color: var(--text); }
.segments button[aria-pressed="true"] { background: var(--surface); color: var(--text); box-shadow: 0 0 0 1px var(--line-strong); }
.stage { position: relative; }
.stage h3 { display: flex; gap: 4px; margin: 8px 0 0; font-weight: 500; }
.stage h3:first-child { margin-top: 0; }
.stage h3 .last { margin-left: auto; padding-right: 12px; }
.chart { display: block; overflow: visible; }
.chart .axis { fill: var(--quiet); font: 11px/16px var(--sans); font-variant-numeric: tabular-nums; }
.chart .rule { stroke: var(--line); stroke-width: 1; shape-rendering: crispEdges; }
.chart .band { fill: var(--accent); opacity: .14; }
.chart .value { fill: none; stroke: var(--accent); stroke-width: 1.6; stroke-linejoin: round; stroke-linecap: round; }
.chart .value.wrong { stroke: var(--high-fill); stroke-width: 2.4; }
.chart .point { fill: var(--accent); }
.chart .limit { stroke: var(--high); stroke-width: 1; stroke-dasharray: 4 3; }
.chart .limit.expected { stroke: var(--quiet); stroke-dasharray: 2 3; }
.chart .limit-name { fill: var(--high); paint-order: stroke; stroke: var(--surface); stroke-width: 3px; }
.chart .limit-name.expected { fill: var(--quiet); }
.episode.high { fill: var(--high-fill); } .episode.medium { fill: var(--medium-fill); } .episode.low { fill: var(--low); }
.cursor { position: absolute; inset: 0 auto 0 0; width: 1px; background: var(--quiet); pointer-events: none; }
.readout { min-height: 20px; margin-top: 8px; color: var(--quiet); font-size: 12px; line-height: 20px; }
.chart .now { fill: var(--accent); opacity: .55; } .chart .then { fill: none; stroke: var(--text); stroke-width: 1.8; }
.chart .hit { fill: transparent; }
.shape { display: flex; gap: 12px; align-items: center; }
td:has(.shape) { vertical-align: middle; }
.shape .chart { flex: none; }
.legend { display: flex; gap: 16px; padding: 0 16px 4px; }
.keys-of { display: flex; gap: 6px; align-items: center; margin-left: auto; font-size: 12px; }
.keys-of i { width: 12px; height: 8px; } .keys-of .now { background: var(--accent); opacity: .55; margin-left: 10px; }
.keys-of .then { height: 0; border-top: 2px solid var(--text); }

/* Why */
.verdict { display: flex; gap: 8px; align-items: center; margin-bottom: 8px; }
.verdict strong { font-weight: 600; }
.rules, .blocks, .checks { margin: 0 0 12px; padding: 0; list-style: none; }
.rules li { display: grid; grid-template-columns: 16px minmax(0, 1fr) auto; gap: 2px 8px; align-items: baseline; padding: 8px 0; border-top: 1px solid var(--line); }
.rules b { font-weight: 600; }
.rules .gauge { grid-column: 2 / -1; width: 100%; }
.rules .icon, .checks .icon, .blocks .icon { color: var(--quiet); align-self: center; }
.fires .icon { color: var(--high) !important; }
.gauge { position: relative; display: block; width: 56px; height: 4px; border-radius: 2px; background: var(--raised); overflow: hidden; }
.gauge i { display: block; height: 100%; border-radius: 2px; background: var(--accent); }
.gauge.over i { background: var(--high-fill); }
.gauge::after { content: ""; position: absolute; left: 66.6%; top: 0; width: 1.5px; height: 100%; background: var(--text); }
.near { display: inline-flex; gap: 8px; align-items: center; }
.near .gauge { flex: none; }
.blocks li, .checks li { display: grid; grid-template-columns: 16px minmax(0, 1fr); gap: 0 8px; padding: 4px 0; align-items: baseline; }
.blocks .until { grid-column: 2; font-size: 12px; }
.blocks h3 { margin-top: 8px; }
.checks .fires { font-weight: 500; }
.checks .fine .icon { color: var(--accent); }
.evidence { display: block; min-width: 216px; font-size: 12px; } .evidence > span { display: block; }
sup { font-size: 9px; line-height: 0; }
.state-words { white-space: nowrap; } .state-words .icon { margin-right: 6px; }

/* The life of a decision */
.attempts { margin: 0; padding: 0; list-style: none; display: grid; gap: 16px; }
.steps { display: flex; margin: 8px 0 0; padding: 0; list-style: none; }
.steps li { position: relative; display: grid; gap: 0; flex: 1; min-width: 0; padding: 28px 12px 0 0; align-content: start; }
.steps li::before { content: ""; position: absolute; left: 0; right: 0; top: 9px; height: 2px; background: var(--line-strong); }
.steps li.done:not(:last-child)::before { background: var(--accent); }
.steps li:last-child::before { display: none; }
.steps li:has(+ .todo)::before { background: var(--line-strong) !important; }
.steps .mark {
  position: absolute; left: 0; top: 0; display: grid; place-items: center; width: 20px; height: 20px; border-radius: 50%;
  background: var(--surface); border: 2px solid var(--line-strong);
}
.steps .done .mark { background: var(--accent); border-color: var(--accent); color: var(--surface); }
.steps .bad .mark { background: var(--high); border-color: var(--high); color: var(--surface); }
.steps b { font-weight: 500; text-transform: capitalize; }
.steps .todo b { color: var(--quiet); font-weight: 400; }

/* Account */
.sums { display: grid; grid-template-columns: repeat(6, minmax(0, 1fr)); border: 1px solid var(--line); border-radius: 8px; background: var(--surface); }
.sums div { padding: 12px 16px; border-left: 1px solid var(--line); }
.sums div:first-child { border-left: 0; }
.sums dt { color: var(--quiet); }
.sums .sum { font: 600 20px/28px var(--sans); letter-spacing: -.01em; }
.bars { margin: 0; padding: 0; list-style: none; display: grid; gap: 6px; }
.bars li { display: grid; grid-template-columns: 132px 1fr 64px; gap: 12px; align-items: center; }
.bars .bar { height: 6px; } .bars .bar i { display: block; height: 100%; border-radius: 3px; background: var(--line-strong); }
.bars b { font-weight: 500; text-align: right; }

@media (max-width: 1040px) {
  .columns, .thirds { grid-template-columns: minmax(0, 1fr); }
  .columns .halves { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); }
  .sums { grid-template-columns: repeat(3, minmax(0, 1fr)); }
}
@media (max-width: 640px) {
  .page { padding: 12px 12px 32px; gap: 12px; }
  .stack, .columns { gap: 12px; }
  .card > header { padding: 12px 12px 0; flex-wrap: wrap; }
  .card > .body { padding: 12px; }
  .sums { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .columns .halves { grid-template-columns: minmax(0, 1fr); }
  .steps { flex-direction: column; }
  .steps li { padding: 0 0 12px 32px; }
  .steps li::before { left: 9px; top: 10px; bottom: -10px; right: auto; width: 2px; height: auto; }
  .shape .small { display: none; }
  .evidence { white-space: nowrap; } .evidence > span { display: inline; }
}

"""##
}
