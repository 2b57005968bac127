// The event stream: connects, detects silence, and reconnects.

const SILENCE_MS = 25000;
const LONGEST_MS = 15000;

/**
 * Call on(name, value) for each part received. Call state("live", 0) for each event, and
 * state("lost", seconds to the next attempt) after an error or 25 s without events.
 */
export function follow(path, names, on, state) {
  let attempts = 0;
  let timer = 0;
  let source = null;

  function connect() {
    source = new EventSource(path);
    restartTimer();
    for (const name of names) {
      source.addEventListener(name, (event) => {
        attempts = 0;
        restartTimer();
        state("live", 0);
        on(name, JSON.parse(event.data));
      });
    }
    source.onerror = lost;
  }

  function restartTimer() {
    clearTimeout(timer);
    timer = setTimeout(lost, SILENCE_MS);
  }

  async function lost() {
    clearTimeout(timer);
    source.close();
    attempts += 1;
    const wait = Math.min(LONGEST_MS, 500 * 2 ** attempts);
    state("lost", Math.round(wait / 1000));
    setTimeout(connect, wait);
    const answer = await fetch("/stats").catch(() => null);
    if (answer !== null && answer.status === 401) location.reload();
  }

  connect();
}
