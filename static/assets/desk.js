// What pages of the desk do beyond their forms. Everything works without it.
(() => {
  'use strict';

  // A form acts once: a double click and a key that is held down are one press.
  for (const form of document.querySelectorAll('form[data-once]')) {
    form.addEventListener('submit', (event) => {
      if ('sent' in form.dataset) { event.preventDefault(); return; }
      form.dataset.sent = '';
      setTimeout(() => { delete form.dataset.sent; }, 5000);
    });
  }
  window.addEventListener('pageshow', () => document.querySelectorAll('form[data-sent]').forEach((form) => { delete form.dataset.sent; }));
})();
