// What the tab of users does beyond htmx. It works without it.
(() => {
  'use strict';

  // Operators' forms. Each names its act by a key, so that it is done once however often it is sent, and the revision of the sale
  // that it is meant for. A double click and a key that is held down are one press.
  const acts = (element) => element.closest?.('form')?.elements.namedItem('Idempotency-Key');
  const another = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (n) => n.toString(16).padStart(2, '0')).join('');
  document.getElementsByName('Idempotency-Key').forEach((key) => { key.value ||= another(); }); // a page for everybody has none
  const once = (event) => { if (acts(event.target)) event.preventDefault(); };
  document.addEventListener('click', (event) => { if (event.detail > 1 && event.target.closest('button')) once(event); }, true);
  document.addEventListener('keydown', (event) => { if (event.repeat && event.key === 'Enter') once(event); }, true);

  // While one act is under way the others take no press: the forms say so to htmx, this says so to readers.
  const busy = (on) => ({ target }) => {
    const controls = acts(target) && target.closest('.controls');
    if (!controls) return;
    if (on) controls.setAttribute('aria-busy', 'true');
    else controls.removeAttribute('aria-busy');
  };
  document.addEventListener('htmx:before:request', busy(true));
  document.addEventListener('htmx:finally:request', busy(false));

  // An answer settles the act, and the next press is another one. Without an answer, or with one that leaves it open, the next press
  // is the same act again.
  document.addEventListener('htmx:after:request', ({ detail: { ctx: { sourceElement, response } } }) => {
    const key = acts(sourceElement);
    if (!key) return;
    if (response.status < 500 && response.status !== 409) key.value = another();
    const revision = response.headers.get('ETag');
    if (revision) document.getElementsByName('If-Match').forEach((seen) => { seen.value = revision; });
  });

  // Presets and resets are meant for the sale as the page shows it.
  document.addEventListener('htmx:after:swap', () => {
    const { revision } = document.getElementById('sale').dataset;
    if (revision) document.querySelectorAll('[data-live]').forEach((seen) => { seen.value = `"${revision}"`; });
  });

  // The tab of users and the address remember the page of the list.
  function keepPage() {
    const address = document.querySelector('#user-list [data-address]')?.dataset.address;
    if (!address) return;
    const tab = document.getElementById('tab-users');
    tab.href = address;
    if (tab.getAttribute('aria-selected') === 'true') history.replaceState(history.state, '', address);
  }
  document.addEventListener('htmx:after:swap', keepPage);
  keepPage();
})();
