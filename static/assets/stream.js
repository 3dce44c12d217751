// Reads the stream of frames for the page. All tabs of a browser share one: the tab that holds a lock reads it and tells the others.
// Without locks, as over plain HTTP, each visible tab has its own.
(() => {
  'use strict';
  const live = document.getElementById('live');
  if (!live) return;
  const { stream: address, beat } = live.dataset;
  const name = `flashsale ${address}`;
  const shared = 'locks' in navigator && 'BroadcastChannel' in window;
  const moment = () => [Date.now(), performance.now()];
  const since = ([date, run]) => Math.max(Date.now() - date, performance.now() - run);
  const firstFrame = 5000; // a stream begins with a frame at once
  const longestFrame = 100_000;
  const longestPause = 15_000;

  let channel; // to the other tabs, while the page is not put away
  let newest; // the frame that this tab's own stream has brought, while it has one

  // The page says whether a frame is the product's: anything may stand between here and there.
  const say = (message) => live.dispatchEvent(new CustomEvent('stream', { detail: message, cancelable: true }));

  function tell(message) {
    const good = say(message);
    if (good) channel?.postMessage(message);
    return good;
  }

  // take acts on one block of the stream.
  function take(block, result) {
    const fields = { event: '', data: [] };
    for (const line of block.split(/\r?\n/)) {
      const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line);
      if (field === 'data') fields.data.push(value);
      else fields[field] = value;
    }
    if (/^\d+$/.test(fields.retry)) result.retry = Number(fields.retry);
    const data = fields.data.join('\n');
    if (data === '') return;
    if (fields.event === 'time') tell({ time: data });
    else if (fields.event === '' && tell({ frame: data })) [result.framed, newest] = [true, data];
  }

  // read follows one connection to its end, which it makes itself when nothing comes any more.
  async function read(signal) {
    const result = { framed: false, wait: 0 };
    const own = new AbortController();
    const end = () => own.abort();
    signal.addEventListener('abort', end);
    let heard = moment();
    const watch = setInterval(() => { if (since(heard) > (result.framed ? 1.5 * beat : firstFrame)) end(); }, 250);
    try {
      const response = await fetch(address, {
        headers: { Accept: 'text/event-stream' }, cache: 'no-store', redirect: 'error', signal: own.signal,
      });
      result.wait = 1000 * Number(response.headers.get('Retry-After')) || 0;
      const kind = response.headers.get('Content-Type') ?? '';
      if (response.status === 200 && kind.startsWith('text/event-stream')) {
        const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
        let rest = '';
        for (let chunk = await reader.read(); !chunk.done && rest.length < longestFrame; chunk = await reader.read()) {
          const blocks = (rest + chunk.value).split(/\r?\n\r?\n/);
          rest = blocks.pop();
          for (const block of blocks) take(block, result);
          if (!result.framed) continue;
          heard = moment();
          tell({}); // every byte says that the stream is not lost
        }
      }
    } catch { /* whatever ended the stream, another one follows */ }
    clearInterval(watch);
    signal.removeEventListener('abort', end);
    end();
    newest = undefined;
    return result;
  }

  function rest(milliseconds, signal) {
    return new Promise((done) => {
      const timer = setTimeout(done, milliseconds);
      signal.addEventListener('abort', () => { clearTimeout(timer); done(); });
    });
  }

  // pauseAfter is how long to wait before the next connection: as long as the server has asked for, which gives each reader another time
  // when it ends all their streams, and a little longer. Without a stream it is random and grows with each try in vain.
  function pauseAfter({ wait, retry = 0 }, vain) {
    const asked = Math.max(wait, retry) * (1 + Math.random() / 4);
    const grown = Math.min(longestPause, 2000 * 2 ** vain) * (1 + Math.random()) / 2;
    return asked && !vain ? asked : Math.max(asked, grown);
  }

  // follow reads one connection after the other until the signal says that this tab is to stop.
  async function follow(signal) {
    for (let vain = 0; !signal.aborted;) {
      const result = await read(signal);
      if (signal.aborted) return;
      tell({ ended: true });
      vain = result.framed ? 0 : vain + 1;
      await rest(pauseAfter(result, vain), signal);
    }
  }

  let stop; // set while this tab wants the stream: while it can be seen
  function start() {
    if (stop || document.hidden || (shared && !channel)) return;
    stop = new AbortController();
    const { signal } = stop;
    if (!shared) { follow(signal); return; }
    navigator.locks.request(name, { signal }, () => follow(signal)).catch(() => { /* it has stopped waiting */ });
    channel.postMessage({ hello: true });
  }

  function end() {
    stop?.abort();
    stop = undefined;
  }

  function join() {
    if (shared) {
      channel = new BroadcastChannel(name);
      channel.addEventListener('message', ({ data }) => {
        if (!data.hello) say(data);
        else if (newest !== undefined) channel.postMessage({ frame: newest }); // a tab that opens later has missed it
      });
    }
    start();
  }

  // A page that is the same for everybody has no time. Its answer had one, unless the browser has kept it.
  const [visit] = performance.getEntriesByType('navigation');
  const sent = visit?.serverTiming?.find(({ name: what }) => what === 'ledger');
  if (sent && visit.type !== 'back_forward') say({ time: sent.duration });

  document.addEventListener('visibilitychange', () => (document.hidden ? end() : start()));
  window.addEventListener('pagehide', () => { end(); channel?.close(); channel = undefined; });
  window.addEventListener('pageshow', ({ persisted }) => { if (persisted) join(); });
  join();
})();
