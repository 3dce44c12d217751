// Times stand in the page in UTC. Each <time data-local> is written anew in the reader's zone and language, and the UTC stays
// beside it.
(() => {
  "use strict";
  // In the language of the page, and of its variants in the reader's own.
  const lang = document.documentElement.lang;
  const variant = navigator.languages.find((one) => one.startsWith(lang));
  const local = new Intl.DateTimeFormat(variant ?? (lang === "en" ? "en-GB" : lang), { dateStyle: "long", timeStyle: "long" });
  for (const time of document.querySelectorAll("time[data-local]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const utc = document.createElement("span");
    utc.className = "small utc";
    utc.textContent = time.textContent;
    time.textContent = local.format(at);
    time.after(" ", utc);
  }
})();
