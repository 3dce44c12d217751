// The page of the proof asks again what is known, and says how long a check has run. It works without this.
(() => {
  'use strict';
  const live = document.getElementById('live-proof');
  let asking = false;

  async function ask() {
    if (asking || document.hidden) return;
    asking = true;
    try {
      const response = await fetch(live.dataset.ask, { headers: { Accept: 'text/html' }, cache: 'no-store', redirect: 'error', signal: AbortSignal.timeout(5000) });
      if (response.ok) {
        const fresh = new DOMParser().parseFromString(await response.text(), 'text/html').body;
        if (fresh.textContent.trim() !== live.textContent.trim()) live.replaceChildren(...fresh.childNodes);
        live.dataset.live = '';
      }
    } catch { /* the next second asks again */ }
    asking = false;
  }
  if (live) setInterval(ask, 1000);

  for (const form of document.querySelectorAll('form[data-busy]')) {
    const place = document.getElementById(form.dataset.busy);
    form.addEventListener('submit', () => {
      const [words, began] = [place.querySelector('[data-words]'), performance.now()];
      place.hidden = false;
      words.textContent = words.dataset.words;
      const count = setInterval(() => { place.querySelector('progress').title = `${Math.floor((performance.now() - began) / 1000)} s`; }, 1000);
      window.addEventListener('pagehide', () => clearInterval(count));
    });
    window.addEventListener('pageshow', () => { place.hidden = true; });
  }
})();
