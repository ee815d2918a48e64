// Written by Page/build.py; change the sources in Page and run it again.
// swift-format-ignore-file

extension Dashboard {
  static let whyScript = ##"""
// why.js
// Why a model is retrained, and why not: each rule with its number against its threshold, what stands in the way and
// until when, and what the numbers rest on.


const RULES = {
  accuracy_drop: 'Accuracy below its limit by',
  drift: 'Largest drift score',
  elapsed_time: 'Since the last retrain',
};

/** A figure of a rule in its unit. */
function inUnit(value, unit) {
  if (unit === 's') return duration(value);
  return unit === 'accuracy' ? fixed(value, 3) : number(value);
}

/** How near a figure is to its limit: a bar whose tick is the limit, at two thirds of its length. */
function gauge(ratio, isOver) {
  const known = ratio !== null && Number.isFinite(ratio);
  const bar = h('i', {});
  const element = h('span', { class: `gauge${isOver ? ' over' : ''}`, 'aria-hidden': 'true' }, bar);
  bar.style.width = `${known ? Math.min(100, Math.max(0, ratio) * 66.6) : 0}%`;
  return element;
}

/** The verdict as of now, with its rules and what blocks it. */
function retrainNow(retrain) {
  const held = retrain.blocks.filter((block) => block.code !== 'no_rule_fires');
  return [
    h('p', { class: 'verdict' }, icon(retrain.would_retrain ? 'yes' : 'no'),
      h('strong', {}, retrain.would_retrain ? 'Would be retrained now' : 'Would not be retrained now')),
    h('ul', { class: 'rules', 'aria-label': 'Rules' }, retrain.rules.map(ruleLine)),
    held.length > 0
      ? [h('h3', {}, 'In the way'), h('ul', { class: 'blocks' }, held.map(blockLine))]
      : retrain.would_retrain ? null : h('p', { class: 'quiet' }, 'No rule fires; nothing else is in the way.'),
    facts([
      ['Last retrain', ago(retrain.last_retrain)],
      ['Minimum time', duration(retrain.minimum_time_s)],
      retrain.coverage === null ? ['Coverage', h('span', { class: 'quiet' }, 'unknown: a source does not number')]
        : ['Coverage', `${percent(retrain.coverage, 2)} of what was sent`],
      retrain.mode === 'observe' ? ['Mode', 'observe: decisions are explained and asked of nobody'] : null,
    ]),
  ];
}

function ruleLine(rule) {
  const ratio = rule.value === null ? null : rule.value / rule.threshold;
  return h('li', { class: rule.fires ? 'fires' : '' },
    icon(rule.fires ? 'yes' : 'no'),
    h('span', { class: 'rule-name' }, RULES[rule.rule] ?? words(rule.rule)),
    h('span', { class: 'rule-numbers' },
      h('b', {}, rule.value === null ? 'none' : inUnit(rule.value, rule.unit)),
      h('span', { class: 'quiet' }, rule.fires ? ' ≥ ' : ' of ', inUnit(rule.threshold, rule.unit)),
      h('span', { class: 'unseen' }, rule.fires ? ', fires' : ', does not fire')),
    gauge(ratio, rule.fires));
}

const DECISION_ID = /rt-[0-9a-f]{40}/;

function blockLine(block) {
  const id = block.text.match(DECISION_ID)?.[0];
  const [before, after] = id ? block.text.split(id) : [block.text, ''];
  return h('li', {}, icon(block.until ? 'clock' : 'block'), h('span', {}, before,
    id ? h('a', { class: 'item', href: decisionRoute(id), 'data-focus': `block-${id}` }, `decision ${id.slice(0, 9)}…`) : null, after),
  block.until ? h('span', { class: 'quiet until' }, 'until ', absolute(instant(block.until)), ' · ', ago(block.until)) : null);
}

// MARK: Monitors and their evidence

/** By preset `standard`, all but drift are held against what is expected. */
const limitWord = (monitor) => (monitor.reference !== null && monitor.monitor !== 'drift' ? 'expected' : RELATION[monitor.direction] ?? '');

const RELATION = { below: 'not below', above: 'not above', outside: 'within' };

function monitorTable(monitors, formatOf) {
  return table('Monitors', [['Monitor'], ['State'], ['Value', true], ['Limit', true], ['Nearness'], ['Evidence']],
    monitors.map((monitor) => [
      monitorName(monitor),
      monitorState(monitor),
      monitor.value === null ? '–' : formatOf(monitor)(monitor.value),
      monitor.threshold === null ? '–' : h('span', {},
        h('span', { class: 'quiet' }, `${limitWord(monitor)} `), formatOf(monitor)(monitor.threshold)),
      h('span', { class: 'near' }, gauge(monitor.score, monitor.state === 'violated'),
        h('span', { class: 'small quiet' }, monitor.score === null ? '' : `${number(monitor.score, 2)}×`)),
      evidenceWords(monitor.evidence),
    ]));
}

/** By preset `standard` latency is judged by the share of answers beyond a quantile. */
function monitorName(monitor) {
  const quantile = monitor.monitor === 'latency' && monitor.evidence?.quantile;
  return quantile ? [alertName(monitor), h('span', { class: 'quiet' }, ` over ${milliseconds(quantile.limit_ms)}`)] : alertName(monitor);
}

function monitorState(monitor) {
  const kinds = { violated: ['high', 'high'], watching: ['healthy', 'healthy'], learning: ['learning', 'learning'], no_data: ['stale', 'stale'] };
  const [kind, symbol] = kinds[monitor.state] ?? kinds.no_data;
  const more = monitor.state === 'learning' && monitor.wanted !== null ? ` ${count(monitor.seen)} of ${count(monitor.wanted)}` : '';
  return h('span', { class: 'state-words' }, h('span', { class: kind }, icon(symbol)), words(monitor.state), more);
}

/** `10^6.8 to 1 after 1 200 cases; abrupt, since …`, as preset `standard` tells it. */
function evidenceWords(evidence) {
  if (!evidence) return h('span', { class: 'quiet' }, '–');
  return h('span', { class: 'evidence' },
    h('span', {}, isEvidence(evidence.log10_e) ? ['10', h('sup', {}, number(evidence.log10_e, 2)), ' to 1'] : 'none', h('span', { class: 'quiet' }, ', 10',
      h('sup', {}, number(evidence.log10_e_threshold, 2)), ' needed · effect ', number(evidence.effect), ', ',
      number(evidence.minimum_effect), ' matters')),
    h('span', { class: 'quiet' }, `${count(evidence.cases)} cases`,
      evidence.change?.at ? [`, ${evidence.change.kind} from `, ago(evidence.change.at)] : ''));
}

"""##
}
