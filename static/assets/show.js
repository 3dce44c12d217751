// The run of show: figures and clock move, charts are drawn, keys lead to the steps before acts. All of it is on the page without this.
(() => {
  'use strict';
  const show = document.getElementById('show');
  if (!show) return;
  const lang = document.documentElement.lang || 'en';
  const whole = new Intl.NumberFormat(lang);
  const tenth = new Intl.NumberFormat(lang, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
  const byId = (id) => document.getElementById(id);

  function put(name, text) {
    for (const place of show.querySelectorAll(`[data-figure="${CSS.escape(name)}"]`)) {
      if (place.textContent !== text) place.textContent = text;
    }
  }

  // The clock goes on between the figures, by the time that the server last told.
  let ahead = Number(byId('clock').dataset.now) - Date.now();
  let until = Number(byId('left').dataset.until);
  const clock = new Intl.DateTimeFormat('en-GB', { timeZone: byId('clock').dataset.zone, timeStyle: 'long' });

  const hours = new Intl.DateTimeFormat('en-GB', { timeZone: byId('clock').dataset.zone, timeStyle: 'medium' });

  function spell(milliseconds) {
    const seconds = Math.ceil(Math.max(0, milliseconds) / 1000);
    const two = (n) => String(n).padStart(2, '0');
    const days = Math.floor(seconds / 86400);
    const time = `${two(Math.floor(seconds / 3600) % 24)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
    return days > 0 ? `${days} d ${time}` : time;
  }

  function tick() {
    const now = Date.now() + ahead;
    byId('clock').textContent = clock.format(now);
    if (until > 0) byId('left').textContent = spell(until - now);
  }
  setInterval(tick, 500);

  // A colleague has acted (figures of the second before an act have a lower revision): the page says so, below its buttons, which stay where they are.
  function compare(sale) {
    if (sale.revision > Number(show.dataset.revision)) byId('changed').hidden = false;
    for (const link of show.querySelectorAll('.actions a')) {
      const name = link.dataset.testid.replace('act-', '');
      if (sale.notNow.includes(name)) link.setAttribute('aria-disabled', 'true');
      else link.removeAttribute('aria-disabled');
    }
  }

  const ms = (n) => (n === undefined || n === null ? '–' : `${tenth.format(n)} ms`);
  const s = (n) => `${tenth.format(n / 1000)} s`;

  function draw(figures) {
    const { sale } = figures;
    ahead = new Date(figures.serverTime).getTime() - Date.now();
    for (const name of ['sold', 'pending', 'free', 'total']) put(name, whole.format(sale[name]));
    byId('sold-bar').max = Math.max(1, sale.total);
    byId('sold-bar').value = sale.sold;
    put('soldRate', tenth.format(figures.soldPerSecond));
    put('answerRate', tenth.format(figures.answersPerSecond));
    put('p50', ms(figures.p50Millis));
    put('p95', ms(figures.p95Millis));
    put('p99', ms(figures.p99Millis));
    put('streams', whole.format(figures.openStreams));
    put('undecided', whole.format(figures.undecidedClaims));
    put('undecidedAge', s(figures.undecidedOldestMillis));
    put('lag', whole.format(figures.lagRecords));
    put('outbox', whole.format(figures.outboxWaiting));
    put('outboxAge', s(figures.outboxOldestMillis));
    for (const place of show.querySelectorAll('[data-figure^="answer-"]')) {
      const text = whole.format(figures.answers[place.dataset.figure.replace('answer-', '')] ?? 0);
      if (place.textContent !== text) place.textContent = text;
    }
    compare(sale);
    health(figures);
  }

  // The state, what was done, which servers answer and which processes there are is drawn by the server: this only notices that it is
  // something else.
  const shape = ({ degraded, processes, sale, answers }) => JSON.stringify([sale.revision, sale.state, degraded, sale.stale, processes.map((p) => p.process),
    Object.keys(answers).filter((name) => !show.querySelector(`[data-figure="answer-${CSS.escape(name)}"]`))]);
  let shown;
  async function health(figures) {
    const now = shape(figures);
    if (figures.sale.revision < Number(show.dataset.revision)) return;
    const fresh = String(figures.sale.revision) === show.dataset.revision && figures.sale.state === show.dataset.state;
    if (shown === undefined && fresh && figures.degraded.length === 0) shown = now;
    if (shown === now) return;
    shown = now;
    const response = await fetch(location.pathname, { headers: { Accept: 'text/html' }, cache: 'no-store' }).catch(() => null);
    if (!response?.ok) return;
    const page = new DOMParser().parseFromString(await response.text(), 'text/html');
    for (const id of ['state-pill', 'times', 'history', 'degraded', 'processes', 'answers']) {
      const fresh = page.getElementById(id);
      if (fresh) byId(id).replaceChildren(...fresh.childNodes);
    }
    until = Number(byId('left').dataset.until);
  }

  // Charts: three pictures of the last fifteen minutes.
  const kept = 15 * 60;
  const data = { at: [], sold: [], answers: [], refused: [], p50: [], p99: [] };
  const charts = [];
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function keep(second) {
    if (!second || second.at <= (data.at.at(-1) ?? 0)) return;
    data.at.push(second.at);
    data.sold.push(second.sold);
    data.answers.push(second.answers);
    data.refused.push(second.refused);
    data.p50.push(second.p50Millis);
    data.p99.push(second.p99Millis);
    if (data.at.length > kept) Object.values(data).forEach((list) => list.shift());
  }

  function chart(title, series) {
    const figure = document.createElement('figure');
    const caption = document.createElement('figcaption');
    caption.textContent = title;
    figure.append(caption);
    byId('plots').append(figure);
    const space = 84;
    const at = (_, ticks) => ticks.map((second) => hours.format(second * 1000));
    const axis = { stroke: colour('--muted'), grid: { stroke: colour('--line'), width: 1 }, ticks: { stroke: colour('--line'), width: 1 }, font: '12px system-ui, sans-serif' };
    const plot = new uPlot({
      width: Math.max(240, figure.clientWidth), height: 180, cursor: { points: { show: false } },
      scales: { y: { range: (_, low, high) => [0, Math.max(1, high * 1.1)] } },
      axes: [{ ...axis, space, values: at }, { ...axis, size: 48 }],
      series: [{ label: byId('plots').dataset.time, value: (_, at) => (at ? clock.format(at * 1000) : '–') }, ...series.map(({ label, name, tone, dash, dotted = false }) => ({
        label, stroke: colour(tone), width: 2, dash, spanGaps: false, points: { show: dotted, size: 5, fill: colour(tone) },
        value: (_, n) => (n === null || n === undefined ? '–' : tenth.format(n)),
      }))],
    }, [data.at, ...series.map(({ name }) => data[name])], figure);
    charts.push({ plot, figure, names: series.map(({ name }) => name) });
  }

  function drawCharts() {
    for (const { plot, names } of charts) plot.setData([data.at, ...names.map((name) => data[name])]);
  }

  function beginCharts() {
    if (typeof uPlot === 'undefined') return;
    const plots = byId('plots');
    plots.hidden = false;
    plots.replaceChildren();
    charts.length = 0;
    const say = plots.dataset;
    chart(say.sold, [{ label: say.sold, name: 'sold', tone: '--good' }]);
    chart(say.answers, [{ label: say.answers, name: 'answers', tone: '--ink' }, { label: say.refused, name: 'refused', tone: '--bad', dash: [6, 4] }]);
    chart(say.times, [{ label: say.half, name: 'p50', tone: '--ink', dotted: true }, { label: say.most, name: 'p99', tone: '--note', dash: [6, 4], dotted: true }]);
    show.querySelector('details').open = false;
  }
  window.addEventListener('resize', () => charts.forEach(({ plot, figure }) => plot.setSize({ width: Math.max(240, figure.clientWidth), height: 180 })));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { if (charts.length) beginCharts(); });

  async function begin() {
    const response = await fetch(show.dataset.series, { headers: { Accept: 'application/json' }, cache: 'no-store' }).catch(() => null);
    if (response?.ok) {
      const past = await response.json();
      past.seconds.forEach(keep);
      draw(past);
    }
    beginCharts();
    const stream = new EventSource(show.dataset.stream);
    stream.addEventListener('figures', ({ data: text }) => {
      const figures = JSON.parse(text);
      draw(figures);
      keep(figures.newest);
      drawCharts();
      show.dataset.live = '';
    });
    window.addEventListener('pagehide', () => stream.close());
  }
  begin();
  window.addEventListener('pageshow', ({ persisted }) => { if (persisted) location.reload(); });

  // Keys lead to the step before an act. They are off while somebody types, and with modifiers.
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.defaultPrevented || event.isComposing) return;
    if (event.target.closest('input, textarea, select, [contenteditable]')) return;
    const link = show.querySelector(`a[data-key="${CSS.escape(event.key)}"]`);
    if (!link) return;
    event.preventDefault();
    if (link.target) link.click();
    else location.assign(link.href);
  });
})();
