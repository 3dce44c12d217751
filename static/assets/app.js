// What the page does beyond htmx. Everything here only adds to a page that works without it.
(() => {
  'use strict';
  const byId = (id) => document.getElementById(id);
  const live = byId('live');
  if (!live) return; // a page without a sale

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

  // What is wrong with a field is said of it where it stands.
  for (const place of [byId('outcome'), byId('operator-outcome')].filter(Boolean)) {
    const wrong = () => document.querySelectorAll(`[aria-describedby="${place.id}"]`);
    new MutationObserver(() => {
      for (const field of wrong()) { field.removeAttribute('aria-invalid'); field.removeAttribute('aria-describedby'); }
      const name = place.querySelector('[data-field]')?.dataset.field;
      const field = name && document.querySelector(`main input[name="${CSS.escape(name)}"]`);
      field?.setAttribute('aria-invalid', 'true');
      field?.setAttribute('aria-describedby', place.id);
    }).observe(place, { childList: true, subtree: true });
  }

  // No answer at all to an operator's press is said where the answer would have been.
  document.addEventListener('htmx:error', ({ detail }) => {
    const place = detail.ctx?.target;
    if (place?.id !== 'operator-outcome') return;
    const box = document.createElement('div');
    box.className = 'outcome';
    box.dataset.tone = 'bad';
    box.dataset.testid = 'reset-message';
    box.textContent = place.dataset.unanswered;
    place.replaceChildren(box);
  });
})();
