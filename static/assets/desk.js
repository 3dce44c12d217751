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
  // Escape leads back from the step before an act, where nothing was done. While somebody types it does not.
  document.addEventListener('keydown', (event) => {
    const back = document.querySelector('a[data-escape]');
    if (!back || event.key !== 'Escape' || event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.defaultPrevented || event.isComposing) return;
    if (event.target.closest('input:not([type="radio"], [type="hidden"]), textarea, select, [contenteditable]')) return;
    event.preventDefault();
    location.assign(back.href);
  });
  window.addEventListener('pageshow', () => document.querySelectorAll('form[data-sent]').forEach((form) => { delete form.dataset.sent; }));
})();
