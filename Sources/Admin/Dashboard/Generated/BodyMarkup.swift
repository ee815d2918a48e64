// Written by Page/build.py; change the sources in Page and run it again.
// swift-format-ignore-file

extension Dashboard {
  static let bodyMarkup = ##"""
</style>
</head>
<body>
<!-- Each state and severity has a shape of its own, so that none is told by colour alone. -->
<svg width="0" height="0" aria-hidden="true" focusable="false" class="sheet">
  <symbol id="i-high" viewBox="0 0 16 16"><path fill="currentColor" d="M8 1.8 15 14H1z"/></symbol>
  <symbol id="i-medium" viewBox="0 0 16 16"><path fill="currentColor" d="M8 1.5 14.5 8 8 14.5 1.5 8z"/></symbol>
  <symbol id="i-low" viewBox="0 0 16 16"><rect fill="currentColor" x="3" y="3" width="10" height="10" rx="1"/></symbol>
  <symbol id="i-healthy" viewBox="0 0 16 16"><circle fill="currentColor" cx="8" cy="8" r="4.5"/></symbol>
  <symbol id="i-learning" viewBox="0 0 16 16"><circle fill="none" stroke="currentColor" stroke-width="1.8" cx="8" cy="8" r="5"/><path fill="currentColor" d="M8 3a5 5 0 0 1 0 10z"/></symbol>
  <symbol id="i-stale" viewBox="0 0 16 16"><circle fill="none" stroke="currentColor" stroke-width="1.8" stroke-dasharray="2.6 2.2" cx="8" cy="8" r="5"/></symbol>
  <symbol id="i-silenced" viewBox="0 0 16 16"><path fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" d="M4 11.5V7.2a4 4 0 0 1 6.6-3M12 7.5v4M3 11.5h8.5M7 13.8h2M2.2 2.2l11.6 11.6"/></symbol>
  <symbol id="i-yes" viewBox="0 0 16 16"><path fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" d="m3 8.5 3.3 3.3L13 4.5"/></symbol>
  <symbol id="i-no" viewBox="0 0 16 16"><path fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" d="M4.5 8h7"/></symbol>
  <symbol id="i-block" viewBox="0 0 16 16"><circle fill="none" stroke="currentColor" stroke-width="1.8" cx="8" cy="8" r="5.4"/><path stroke="currentColor" stroke-width="1.8" d="m4.3 11.7 7.4-7.4"/></symbol>
  <symbol id="i-clock" viewBox="0 0 16 16"><circle fill="none" stroke="currentColor" stroke-width="1.6" cx="8" cy="8" r="5.6"/><path fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" d="M8 5v3.2l2 1.4"/></symbol>
  <symbol id="i-search" viewBox="0 0 16 16"><circle fill="none" stroke="currentColor" stroke-width="1.6" cx="7" cy="7" r="4.2"/><path stroke="currentColor" stroke-width="1.6" stroke-linecap="round" d="m10.2 10.2 3.3 3.3"/></symbol>
  <symbol id="i-light" viewBox="0 0 16 16"><circle fill="currentColor" cx="8" cy="8" r="3.1"/><path stroke="currentColor" stroke-width="1.5" stroke-linecap="round" d="M8 1.2v1.6M8 13.2v1.6M1.2 8h1.6M13.2 8h1.6M3.2 3.2l1.1 1.1M11.7 11.7l1.1 1.1M3.2 12.8l1.1-1.1M11.7 4.3l1.1-1.1"/></symbol>
  <symbol id="i-dark" viewBox="0 0 16 16"><path fill="currentColor" d="M13.6 9.9A6 6 0 0 1 6.1 2.4a6 6 0 1 0 7.5 7.5z"/></symbol>
  <symbol id="i-system" viewBox="0 0 16 16"><circle fill="none" stroke="currentColor" stroke-width="1.6" cx="8" cy="8" r="5.6"/><path fill="currentColor" d="M8 2.4a5.6 5.6 0 0 1 0 11.2z"/></symbol>
  <symbol id="i-wave" viewBox="0 0 16 16"><path fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" d="M1 9c2-3.4 3.2-3.4 5 0s3.2 3.4 5 0 2.6-3 4-1.4"/></symbol>
</svg>

<a class="skip" href="#content">Skip to the content</a>

<header class="top">
  <a class="brand" href="#/"><svg class="icon" aria-hidden="true" viewBox="0 0 16 16"><use href="#i-wave"/></svg>Tidemark</a>
  <nav class="places" aria-label="Main">
    <a href="#/" data-place="fleet">Fleet</a>
    <a href="#/alerts" data-place="alerts">Alerts<span class="badge" id="alert-count" hidden></span></a>
    <a href="#/decisions" data-place="decisions">Decisions</a>
    <a href="#/account" data-place="account">Account</a>
  </nav>
  <span class="link" id="link"><span class="dot" aria-hidden="true"></span><span id="link-words">connecting</span></span>
  <button class="plain" id="theme" type="button"></button>
  <button class="plain key-help" id="help-open" type="button" aria-label="Keyboard shortcuts" title="Keyboard shortcuts"><kbd>?</kbd></button>
</header>

<div id="banners" role="status"></div>
<main id="content" tabindex="-1"></main>
<div class="unseen" id="announce" aria-live="polite" aria-atomic="true"></div>

<dialog id="help" aria-labelledby="help-title">
  <h2 id="help-title">Keyboard</h2>
  <dl class="keys">
    <div><dt><kbd>j</kbd> <kbd>k</kbd></dt><dd>next, previous</dd></div>
    <div><dt><kbd>Enter</kbd></dt><dd>open what is selected</dd></div>
    <div><dt><kbd>Esc</kbd></dt><dd>back; leaves a field first</dd></div>
    <div><dt><kbd>/</kbd></dt><dd>search</dd></div>
    <div><dt><kbd>1</kbd> … <kbd>5</kbd></dt><dd>all, alerting, stale, learning, healthy</dd></div>
    <div><dt><kbd>x</kbd></dt><dd>denser rows</dd></div>
    <div><dt><kbd>g</kbd> then <kbd>f</kbd> <kbd>a</kbd> <kbd>d</kbd> <kbd>c</kbd></dt><dd>fleet, alerts, decisions, account</dd></div>
    <div><dt><kbd>t</kbd></dt><dd>light, dark, as the system</dd></div>
    <div><dt><kbd>?</kbd></dt><dd>this list</dd></div>
  </dl>
  <form method="dialog"><button class="button">Close</button></form>
</dialog>

<dialog id="ask-token" aria-labelledby="token-title">
  <form id="token-form">
    <h2 id="token-title">This daemon asks for its token</h2>
    <p class="quiet">It stands in the file that <code>http.token_file</code> names. The page keeps it until this tab is closed.</p>
    <label for="token">Token</label>
    <input id="token" type="password" autocomplete="off" spellcheck="false" required>
    <p class="problem" id="token-problem" role="alert"></p>
    <button class="button primary">Connect</button>
  </form>
</dialog>

<noscript><p class="empty">This page shows live data and needs JavaScript. The same numbers stand at <code>/api/v1</code> and <code>/metrics</code>, and in <code>tidemark top</code>.</p></noscript>
<script type="module">
"""##
}
