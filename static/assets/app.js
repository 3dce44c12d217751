// What the page does beyond htmx. Everything here only adds to a page that works without it.
(() => {
  'use strict';
  const byId = (id) => document.getElementById(id);
  const live = byId('live');
  if (!live) return; // a page without a sale
  const sale = () => byId('sale');

  // A frame may have waited on the server, so its time is at most the true one: of all frames the one that is
  // furthest ahead of this page's own clock tells the ledger's time best.
  let ahead = -Infinity;

  function drawCountdown() {
    const { now, until } = sale().dataset;
    ahead = Math.max(ahead, Number(now) - performance.now());
    const left = until ? Number(until) - ahead - performance.now() : 0;
    const text = left > 0 ? `in ${spell(left)}` : '';
    const place = byId('countdown');
    if (place.textContent !== text) place.textContent = text;
  }

  function spell(milliseconds) {
    const seconds = Math.ceil(milliseconds / 1000);
    const days = Math.floor(seconds / 86400);
    if (days > 1) return `${days} days`;
    const two = (n) => String(n).padStart(2, '0');
    return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  }

  document.addEventListener('htmx:after:swap', () => { drawCountdown(); document.dispatchEvent(new CustomEvent('sale-changed')); });
  setInterval(drawCountdown, 1000);
  drawCountdown();

  // Tabs: one stop of the Tab key, arrows between them, the address remembers which one is open.
  const tabs = [...document.querySelectorAll('[role="tab"]')];

  function open(tab) {
    for (const other of tabs) {
      const chosen = other === tab;
      other.setAttribute('aria-selected', String(chosen));
      other.tabIndex = chosen ? 0 : -1;
      byId(other.getAttribute('aria-controls')).hidden = !chosen;
    }
  }

  function choose(tab) {
    open(tab);
    tab.focus({ preventScroll: true });
    history.replaceState(history.state, '', tab.href);
    if (tab.id === 'tab-users') byId('user-list').dispatchEvent(new CustomEvent('open-users'));
  }

  function neighbour(tab, key) {
    const at = tabs.indexOf(tab);
    switch (key) {
      case 'ArrowRight': return tabs[(at + 1) % tabs.length];
      case 'ArrowLeft': return tabs[(at + tabs.length - 1) % tabs.length];
      case 'Home': return tabs[0];
      case 'End': return tabs[tabs.length - 1];
      case ' ': return tab;
    }
    return null;
  }

  for (const tab of tabs) {
    tab.addEventListener('click', (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      choose(tab);
    });
    tab.addEventListener('keydown', (event) => {
      const next = neighbour(tab, event.key);
      if (!next) return;
      event.preventDefault();
      choose(next);
    });
  }
  open(tabs.find((tab) => tab.getAttribute('aria-selected') === 'true') ?? tabs[0]);

  // The stream of frames: the extension does not try again when its first connection fails, so this does.
  // A page that is left ends its stream itself: htmx logs an error when the browser breaks it. A page that stays connects again.
  let connection;
  for (const leaving of ['beforeunload', 'pagehide']) window.addEventListener(leaving, () => connection?.abortController.abort());
  let streaming = false;
  let retry = 0;

  // seconds: how long a server without room for a stream asks to wait.
  function reconnect(seconds) {
    streaming = false;
    live.dataset.offline = '';
    clearTimeout(retry);
    retry = setTimeout(() => live.dispatchEvent(new CustomEvent('reconnect')), seconds > 0 ? seconds * 1000 : 1000 + 2000 * Math.random());
  }

  live.addEventListener('htmx:sse:after:connection', ({ detail }) => { ({ connection } = detail); streaming = true; delete live.dataset.offline; });
  live.addEventListener('htmx:sse:error', () => { live.dataset.offline = ''; });
  live.addEventListener('htmx:sse:close', () => reconnect());
  live.addEventListener('htmx:finally:request', ({ detail }) => {
    if (!streaming) reconnect(Number(detail.ctx.response?.raw.headers.get('Retry-After')));
  });
  setInterval(() => { if ('offline' in live.dataset && !document.hidden) byId('status-poll').dispatchEvent(new CustomEvent('poll')); }, 3000);

  // An answer may carry figures that a frame has overtaken: the figures never go back, unless there are no frames.
  document.addEventListener('htmx:before:swap', ({ detail: { tasks } }) => {
    const late = 'offline' in live.dataset ? -1 : tasks.findIndex(({ type, target, fragment }) => type === 'partial' && target === live
      && Number(fragment.querySelector('#sale').dataset.version) < Number(sale().dataset.version));
    if (late >= 0) tasks.splice(late, 1);
  });

  // No answer at all is said where the answer would have been.
  const hooks = { 'operator-outcome': 'reset-message' };
  document.addEventListener('htmx:error', ({ detail }) => {
    const place = detail.ctx?.target;
    if (!place || !hooks[place.id]) return;
    const box = document.createElement('div');
    box.className = 'outcome';
    box.dataset.tone = 'bad';
    box.dataset.testid = hooks[place.id];
    box.textContent = 'The server did not answer. Please try again: nobody gets a unit twice.';
    place.replaceChildren(box);
  });
})();
