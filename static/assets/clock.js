// What the page says of time, by the milliseconds left that live.js counts: the countdown, the tab's title and picture, the reader's own time.
(() => {
  'use strict';
  const live = document.getElementById('live');
  if (!live) return; // a page without a sale
  const sale = () => document.getElementById('sale');
  // The time left is shown until the start, and in the last day of an open sale. A far end is a date.
  const counted = { upcoming: Infinity, active: 86_400_000 };
  const language = document.documentElement.lang;
  const variant = navigator.languages.find((one) => one.split('-')[0] === language) ?? (language === 'en' ? 'en-GB' : language);
  const local = new Intl.DateTimeFormat(variant, { dateStyle: 'medium', timeStyle: 'long' });
  const days = new Intl.NumberFormat(variant, { style: 'unit', unit: 'day', unitDisplay: 'long' });
  const put = (place, text) => { if (place && place.textContent !== text) place.textContent = text; };

  // Outside demo mode the tab says the state before the page's name; everywhere its picture does.
  const name = document.title;
  const picture = document.querySelector('link[rel="icon"]');
  const own = picture && [picture.type, picture.getAttribute('href')];

  function drawTab(text) {
    const { status, icon } = sale().dataset;
    if ('titled' in live.dataset && status !== 'none') {
      const state = text && status === 'upcoming' ? `(${text.replace(/^00:/, '')})` : `${sale().querySelector('.badge').textContent} ·`;
      if (document.title !== `${state} ${name}`) document.title = `${state} ${name}`;
    }
    const [type, href] = icon ? ['image/svg+xml', icon] : own ?? [];
    if (href && picture && picture.getAttribute('href') !== href) Object.assign(picture, { type, href });
  }

  document.addEventListener('clock', ({ detail: left }) => {
    const text = left > 0 && left <= (counted[sale().dataset.status] ?? 0) ? spell(left) : '';
    put(document.getElementById('countdown'), text);
    drawTab(text);
  });

  // The time that the panel tells, in the reader's zone. It is left out where that is the panel's own.
  document.addEventListener('sale-changed', () => {
    const place = document.getElementById('here');
    const at = new Date(sale().querySelector('.time time')?.dateTime);
    put(place, Number.isNaN(at.getTime()) || at.getTimezoneOffset() === 0 ? '' : `${place.dataset.here} ${local.format(at)}`);
  });

  function spell(milliseconds) {
    const seconds = Math.ceil(milliseconds / 1000);
    if (seconds >= 172_800) return days.format(Math.floor(seconds / 86400));
    const two = (n) => String(n).padStart(2, '0');
    return [seconds / 3600, (seconds / 60) % 60, seconds % 60].map((n) => two(Math.floor(n))).join(':');
  }
})();
