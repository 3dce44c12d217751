// The pictures of the product. Without it a thumbnail scrolls the page to its picture, and a picture opens its file.
(() => {
  'use strict';
  const gallery = document.querySelector('.gallery');
  const strip = gallery?.querySelector('.strip');
  const dialog = gallery?.querySelector('dialog');
  if (!strip || !dialog.showModal) return;
  const pictures = [...strip.querySelectorAll('a')];
  const thumbs = [...gallery.querySelectorAll('.thumbs a')];
  const within = (n) => Math.max(0, Math.min(pictures.length - 1, n));
  const step = (key) => ({ ArrowLeft: -1, ArrowRight: 1 }[key] ?? 0) * (getComputedStyle(strip).direction === 'rtl' ? -1 : 1);
  let at = 0; // the picture that is shown large

  const turn = (n) => strip.scrollTo({ left: pictures[n].parentElement.offsetLeft - pictures[0].parentElement.offsetLeft });

  function mark() {
    const shown = within(Math.round(Math.abs(strip.scrollLeft) / strip.clientWidth));
    thumbs.forEach((thumb, n) => { if (n === shown) thumb.setAttribute('aria-current', 'true'); else thumb.removeAttribute('aria-current'); });
  }

  function show(n) {
    at = n;
    const small = pictures[n].querySelector('img');
    dialog.querySelector('img')?.remove();
    dialog.prepend(Object.assign(new Image(), { alt: small.alt, src: pictures[n].href }));
    for (const button of dialog.querySelectorAll('[data-step]')) button.disabled = within(at + Number(button.dataset.step)) === at;
    if (!dialog.open) dialog.showModal();
  }

  const plain = (event) => !event.ctrlKey && !event.metaKey && !event.shiftKey;
  thumbs.forEach((thumb, n) => thumb.addEventListener('click', (event) => { if (plain(event)) { event.preventDefault(); turn(n); } }));
  pictures.forEach((picture, n) => {
    picture.addEventListener('click', (event) => { if (plain(event)) { event.preventDefault(); show(n); } });
    picture.addEventListener('keydown', (event) => {
      const next = within(n + step(event.key));
      if (next === n) return;
      event.preventDefault();
      pictures[next].focus({ preventScroll: true });
      turn(next);
    });
  });
  strip.addEventListener('scroll', mark, { passive: true });
  dialog.addEventListener('keydown', (event) => { const next = within(at + step(event.key)); if (next !== at) show(next); });
  dialog.addEventListener('click', ({ target }) => {
    if (target === dialog || target.matches('img')) dialog.close();
    else if (target.dataset.step) show(within(at + Number(target.dataset.step)));
  });
  dialog.addEventListener('close', () => { pictures[at].focus({ preventScroll: true }); turn(at); });
})();
