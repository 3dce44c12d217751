// What the page does beyond htmx. Everything here only adds to a page that works without it.
(() => {
  'use strict';
  const byId = (id) => document.getElementById(id);
  const live = byId('live');
  if (!live) return; // a page without a sale
  // Outside demo mode the form has no field for a name, and without anybody signed in there is no form.
  const input = byId('user-id-input');
  const buy = byId('buy-now-button');
  const shopper = () => (input ? input.value.trim() : byId('purchase')?.dataset.shopper ?? '');
  const sale = () => byId('sale');

  // The button for buying is off while the name is empty, the sale is not active, or the check says that this name has bought.
  function switchBuy() {
    const { status, generation } = sale().dataset;
    const checked = byId('check-outcome').querySelector('[data-owner]')?.dataset;
    const bought = checked?.owner === shopper() && checked.generation === generation;
    if (buy) buy.disabled = shopper() === '' || status !== 'active' || bought;
  }

  for (const change of ['input', 'change']) input?.addEventListener(change, switchBuy);
  window.addEventListener('pageshow', switchBuy);
  document.addEventListener('htmx:after:swap', switchBuy);
  switchBuy();

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

  // "Try this user" takes the former shopper's results away, fills the form and checks.
  document.addEventListener('click', (event) => {
    const link = event.target.closest('[data-try]');
    if (!link || !input || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    for (const outcome of ['purchase-outcome', 'check-outcome']) byId(outcome).replaceChildren();
    choose(tabs[0]);
    input.value = link.dataset.try;
    switchBuy();
    input.focus();
    byId('check-purchase-button').click();
  });

  // No answer at all is said where the answer would have been.
  const hooks = { 'purchase-outcome': 'purchase-result', 'check-outcome': 'user-purchase-status', 'operator-outcome': 'reset-message' };
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
