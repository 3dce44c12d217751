// One press of a button, and its answer. The form works without it.
(() => {
  'use strict';
  const byId = (id) => document.getElementById(id);
  const [form, outcome, input, buy] = ['purchase', 'outcome', 'user-id-input', 'buy-now-button'].map(byId);
  if (!form || !outcome) return; // nobody can buy here
  const [action, page] = [form.getAttribute('action'), byId('check-purchase-button').getAttribute('formaction')]; // each sale has its own
  const sale = () => byId('sale').dataset;
  // Outside demo mode the form has no field for a name.
  const shopper = () => (input ? input.value.trim() : form.dataset.shopper);
  let asking = null; // what is asked at present, until it has an answer
  let owner = {}; // whom the last check found to have bought, and in which generation
  let answered = -Infinity; // when; the second half of a double click may come after the answer

  const kept = (store, name) => { /* where a browser keeps nothing, a reload forgets */ try { return JSON.parse(window[store].getItem(name)); } catch { return null; } };
  const keep = (store, name, value) => { try { window[store].setItem(name, JSON.stringify(value)); } catch { /* see above */ } };

  const buying = () => asking?.buys && asking.name === shopper();
  const bought = () => owner.name === shopper() && owner.generation === sale().generation;
  function switchBuy() { buy.disabled = shopper() === '' || sale().status !== 'active' || bought() || Boolean(buying()); }

  // The key makes a press that is sent again the same press. It is kept until an answer is shown.
  function keyOf(name) {
    const { generation } = sale();
    let press = kept('sessionStorage', `press ${action}`);
    if (press?.name !== name || press.generation !== generation) {
      const key = Array.from(crypto.getRandomValues(new Uint8Array(16)), (n) => n.toString(16).padStart(2, '0')).join('');
      press = { key, name, generation, at: Date.now() };
      keep('sessionStorage', `press ${action}`, press);
    }
    return press.key;
  }

  function whose(name) {
    const who = document.createElement('p');
    who.append(outcome.dataset.who, ' ', Object.assign(document.createElement('bdi'), { textContent: name }));
    return who;
  }

  function say(text, name) {
    const title = Object.assign(document.createElement('p'), { className: 'title', textContent: text });
    const box = Object.assign(document.createElement('div'), { className: 'outcome' });
    box.dataset.tone = 'note';
    box.append(title, whose(name));
    outcome.replaceChildren(box);
    outcome.dataset.shopper = name;
    outcome.scrollIntoView({ block: 'nearest' });
  }

  async function show({ text, status }, what) {
    await window.htmx.swap({ sourceElement: form, target: '#outcome', text });
    outcome.dataset.shopper = what.name;
    outcome.scrollIntoView({ block: 'nearest' });
    const claim = outcome.querySelector('[data-claim]')?.dataset.claim;
    if (status === 202 && claim) {
      if (!outcome.querySelector('bdi')) outcome.firstElementChild.append(whose(what.name));
      Object.assign(what, { path: claim, init: {} });
      keep('localStorage', `claim ${action}`, { path: claim, name: what.name, generation: sale().generation });
      history.replaceState(history.state, '', outcome.querySelector('a[href]').href);
      return;
    }
    asking = null;
    answered = performance.now();
    const found = outcome.querySelector('[data-owner]')?.dataset;
    if (found) owner = { name: what.name, generation: found.generation };
    if (what.buys) settle();
    switchBuy();
  }

  function settle() {
    keep('sessionStorage', `press ${action}`, null);
    keep('localStorage', `claim ${action}`, null);
    if (new URLSearchParams(location.search).has('claim')) history.replaceState(history.state, '', page);
    form.removeAttribute('aria-busy');
    setTimeout(() => byId('live').removeAttribute('aria-busy'), 1000);
  }

  function start(what, words) {
    asking?.end.abort();
    clearTimeout(asking?.timer);
    asking = what;
    what.end = new AbortController();
    what.signal = what.end.signal;
    if (words) say(words, what.name);
    what.timer = setTimeout(() => { if (asking === what && !outcome.querySelector('[data-claim]')) say(outcome.dataset.still, what.name); }, 3000);
    if (what.buys) {
      // The focus goes first, or it falls with the button that is switched off. The sale's own news are read out after the answer.
      outcome.focus({ preventScroll: true });
      form.setAttribute('aria-busy', 'true');
      byId('live').setAttribute('aria-busy', 'true');
    }
    switchBuy();
    window.insist(what, show);
  }

  function press() {
    const name = shopper();
    if (buying() || (performance.now() - answered < 700 && outcome.dataset.shopper === name)) return;
    const init = { method: 'POST', body: new URLSearchParams(new FormData(form)), headers: { 'Idempotency-Key': keyOf(name) } };
    start({ buys: true, name, path: action, init }, outcome.dataset.buying);
  }

  function check() {
    if (buying()) asking.hurry?.();
    else start({ name: shopper(), path: `${page}?${new URLSearchParams({ check: 1, ...(input && { username: shopper() }) })}`, init: {} }, outcome.dataset.looking);
  }

  form.addEventListener('submit', (event) => { event.preventDefault(); if (event.submitter?.name === 'check') check(); else press(); });
  form.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter') return;
    if (event.repeat) event.preventDefault();
    else if (event.target === input && buy.disabled && !event.isComposing) { // the browser would do nothing, and say nothing
      event.preventDefault();
      if (shopper() === '') { input.value = ''; input.reportValidity(); } else if (bought()) check(); else press();
    }
  });
  for (const change of ['input', 'change']) {
    input?.addEventListener(change, () => {
      answered = -Infinity;
      if (!asking && outcome.dataset.shopper !== shopper()) outcome.replaceChildren();
      switchBuy();
    });
  }
  document.addEventListener('sale-changed', switchBuy);
  window.addEventListener('pageshow', switchBuy);

  // "Try this user" fills the form and checks.
  document.addEventListener('click', (event) => {
    const link = event.target.closest('[data-try]');
    if (!link || !input || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    byId('tab-main').click();
    input.value = link.dataset.try;
    input.focus();
    check();
  });

  // What had no answer yet when the page was left is asked again: the claim of a purchase, and a press of a moment ago.
  const { generation } = sale();
  const shown = outcome.querySelector('[data-claim]')?.dataset.claim;
  const claim = shown ? { path: shown, name: shopper() || kept('localStorage', `claim ${action}`)?.name || '', generation } : kept('localStorage', `claim ${action}`);
  const last = kept('sessionStorage', `press ${action}`);
  outcome.dataset.shopper = shopper();
  if (claim?.generation === generation) start({ buys: true, name: claim.name, path: claim.path, held: shown, init: {} }, shown ? '' : outcome.dataset.looking);
  else if (last?.generation === generation && Date.now() - last.at < 120000) {
    if (input) input.value = last.name;
    if (shopper() === last.name) press();
  }
  switchBuy();
})();
