// Times stand in the page in UTC. Each <time data-local> is written anew in the reader's zone and language, and the UTC stays
// beside it.
(() => {
  "use strict";
  const local = new Intl.DateTimeFormat(navigator.languages, { dateStyle: "long", timeStyle: "long" });
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
