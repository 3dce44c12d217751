// Asks until there is an answer, more and more seldom: no failure of a server or of the network is an answer.
(() => {
  'use strict';
  // Null: no answer came. A portal or a proxy may answer with a page of its own, which is none either.
  async function ask({ path, init, signal }) {
    const limit = new AbortController();
    const end = () => limit.abort();
    const timer = setTimeout(end, 8000);
    signal.addEventListener('abort', end);
    try {
      const headers = { ...init.headers, Accept: 'text/html', 'HX-Request': 'true', 'HX-Target': 'div#outcome' };
      const response = await fetch(path, { ...init, headers, cache: 'no-store', signal: limit.signal });
      const text = await response.text();
      const { status } = response;
      const ours = /data-testid="(purchase-result|user-purchase-status)"/.test(text);
      const open = !ours || status >= 500 || [408, 425, 429].includes(status);
      return { text, status, open, leads: response.headers.get('HX-Redirect'), wait: 1000 * Number(response.headers.get('Retry-After')) };
    } catch {
      return null;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
    }
  }

  const pause = (time, what) => new Promise((resolve) => {
    const go = () => { clearTimeout(timer); window.removeEventListener('online', go); resolve(); };
    const timer = setTimeout(go, time);
    window.addEventListener('online', go);
    what.signal.addEventListener('abort', go);
    what.hurry = go;
  });

  // show is called with each answer, and with 202, which is one of a claim that is still pending, once. what has path, init (of fetch),
  // held (the path whose pending answer is shown already) and signal, which ends it; hurry is put into it, to ask at once.
  window.insist = async (what, show) => {
    let { held } = what;
    for (let rest = 1000; ; rest *= 1.5) {
      const answer = await ask(what);
      if (what.signal.aborted) return;
      if (answer?.leads) { window.location.assign(answer.leads); return; }
      if (answer && !answer.open) {
        if (answer.status !== 202 || held !== what.path) await show(answer, what);
        if (answer.status !== 202) return;
        held = what.path;
        rest = Math.min(rest, 5000);
      }
      rest = Math.min(rest, 15000);
      await pause(Math.max(rest * (0.5 + 0.5 * Math.random()), Math.min(answer?.wait || 0, 60000)), what);
      if (what.signal.aborted) return;
    }
  };
})();
