// The event stream: connects, notices silence, and comes back by itself.

const SILENCE_MS = 25000;
const LONGEST_MS = 15000;

/**
 * Call on(name, value) for each part of the page that comes, and state("live" | "lost", seconds to
 * the next try). A stream that says nothing for 25 s counts as lost.
 */
export function follow(path, names, on, state) {
  let tries = 0;
  let silence = 0;
  let source = null;

  function connect() {
    source = new EventSource(path);
    hear();
    for (const name of names) {
      source.addEventListener(name, (event) => {
        tries = 0;
        hear();
        state("live", 0);
        on(name, JSON.parse(event.data));
      });
    }
    source.onerror = lost;
  }

  function hear() {
    clearTimeout(silence);
    silence = setTimeout(lost, SILENCE_MS);
  }

  async function lost() {
    clearTimeout(silence);
    source.close();
    tries += 1;
    const wait = Math.min(LONGEST_MS, 500 * 2 ** tries);
    state("lost", Math.round(wait / 1000));
    setTimeout(connect, wait);
    const answer = await fetch("/stats").catch(() => null);
    if (answer !== null && answer.status === 401) location.reload();
  }

  connect();
}
