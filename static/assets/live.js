// The figures on the page: frames and answers are put in, the countdown follows the ledger's clock, and a page that hears nothing asks.
(() => {
  'use strict';
  const live = document.getElementById('live');
  if (!live) return; // a page without a sale
  const sale = () => document.getElementById('sale');
  const moment = () => [Date.now(), performance.now()];
  // One of the two clocks may stand still while the machine sleeps, or be set.
  const since = ([date, run]) => Math.max(Date.now() - date, performance.now() - run);

  // What is sent may wait on its way, so its time is at most the true one: of all that came in the last minute or two, the one that
  // is furthest ahead of this page's own clock tells the ledger's time best.
  let best = { now: -Infinity, before: -Infinity, begun: performance.now() };
  const ledger = () => performance.now() + Math.max(best.now, best.before);

  function hear(time) {
    if (!Number.isFinite(time)) return;
    const run = performance.now();
    if (run - best.begun > 60_000) best = { now: -Infinity, before: best.now, begun: run };
    best.now = Math.max(best.now, time - run);
  }

  const left = () => (sale().dataset.until && Number.isFinite(ledger()) ? Number(sale().dataset.until) - ledger() : 0);
  // The sale has opened or ended by the clock, and the page does not show it yet.
  const due = () => ('until' in sale().dataset ? left() <= 0 : sale().dataset.status === 'upcoming');

  // clock.js writes it.
  const draw = () => document.dispatchEvent(new CustomEvent('clock', { detail: left() }));

  // The figures never go back. Only a restored ledger has a lower version at a later time, and frames or asking show that.
  const offline = () => 'offline' in live.dataset;
  const figuresOf = (root) => root.querySelector('#sale[data-version][data-now]');
  const lower = (figures) => Number(figures.dataset.version) < Number(sale().dataset.version);
  const older = (figures) => lower(figures) && figures.dataset.status !== 'none' && Number(figures.dataset.now) <= Number(sale().dataset.now);

  // show puts figures into the page. It is false when the text has none: then it is not the product's, and nothing of it is shown.
  function show(text) {
    const figures = figuresOf(new DOMParser().parseFromString(text, 'text/html'));
    if (!figures) return false;
    if (older(figures)) hear(Number(figures.dataset.now));
    else htmx.swap({ sourceElement: live, target: live, swap: 'innerMorph', text: figures.outerHTML });
    return true;
  }

  // An answer to a press carries figures, too. While there are frames, those are newer.
  document.addEventListener('htmx:before:swap', ({ detail: { tasks } }) => {
    const at = tasks.findIndex(({ type, target }) => type === 'partial' && target === live);
    if (at < 0) return;
    const figures = figuresOf(tasks[at].fragment);
    if (!figures || (offline() ? older(figures) : lower(figures))) tasks.splice(at, 1);
  });

  let shown = '';
  function changed() {
    const { status, version, generation, until, now } = sale().dataset;
    if (shown === (shown = [status, version, generation, until, now].join())) return;
    hear(Number(now));
    draw();
    document.dispatchEvent(new CustomEvent('sale-changed'));
  }
  document.addEventListener('htmx:after:swap', changed);

  // Asking: at most one question at a time and one a second. Without an answer the pauses grow.
  let [wanted, busy] = [false, false]; // busy: a question is under way, or was sent less than a second ago
  let [asked, pause] = [moment(), 0];

  function ask() {
    if (busy && since(asked) < 250) return; // one event of the browser seldom comes alone
    wanted = true;
    if (!busy) answer();
  }

  async function answer() {
    [wanted, busy, asked] = [false, true, moment()];
    const second = new Promise((done) => { setTimeout(done, 1000); });
    let [retry, ours] = [0, false];
    try {
      const response = await fetch(live.dataset.ask, {
        headers: { 'HX-Request': 'true' }, cache: 'no-store', redirect: 'error', signal: AbortSignal.timeout(5000),
      });
      retry = Number(response.headers.get('Retry-After')) * 1000;
      ours = response.status === 200 && show(await response.text());
    } catch { /* no answer is asked for again */ }
    pause = ours ? 2000 + 2000 * Math.random() : Math.max(retry, Math.min(15_000, 2 * pause + 1000 * (1 + Math.random())));
    await second;
    busy = false;
    if (wanted) answer();
  }

  // A page is live while frames and times come; only a frame makes it live.
  const beat = Number(live.dataset.beat);
  let [heard, framed] = [moment(), false];

  function lost() {
    if (offline()) return;
    live.dataset.offline = '';
    framed = false;
    pause = 1000 * Math.random();
    asked = moment();
  }

  live.addEventListener('stream', (event) => {
    const { frame, time, ended } = event.detail;
    if (ended) { lost(); return; }
    if (frame !== undefined && !show(frame)) { event.preventDefault(); return; }
    heard = moment();
    if (frame === undefined) { hear(Number(time)); draw(); return; }
    framed = true;
    delete live.dataset.offline;
  });

  let last = moment();
  let [zero, vain] = [0, 0]; // the timer of the question that follows the countdown's end, and how many of those changed nothing

  // A frame comes at once, and pages that get none ask at different moments.
  function atZero() {
    zero = 0;
    vain++;
    if (due()) ask();
  }

  function tick() {
    const [date, run] = [Date.now() - last[0], performance.now() - last[1]];
    last = moment();
    draw();
    if (since(heard) > (framed ? 1.5 * beat : 5000)) lost();
    if (document.hidden) return;
    if (Math.max(date, run) > 5000 || Math.abs(date - run) > 1000) ask(); // the machine has slept, or a clock was set
    if (offline() && since(asked) > pause) ask();
    if (!due()) vain = 0;
    else if (!zero) zero = setTimeout(atZero, Math.min(15_000, (300 + 700 * Math.random()) * 1.5 ** vain));
  }

  for (const back of ['focus', 'online']) window.addEventListener(back, ask);
  window.addEventListener('pageshow', ({ persisted }) => { if (persisted) ask(); });
  document.addEventListener('visibilitychange', () => { if (!document.hidden) ask(); });
  setInterval(tick, 250);
  changed();
})();
