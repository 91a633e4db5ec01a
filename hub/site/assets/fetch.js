// A checkpoint that is pinned and not here: a button fetches it, and all who look see how far that is.
(() => {
  const PAUSE = 500; // milliseconds between two looks

  function shown(bytes) {
    for (const [unit, size] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) {
      if (bytes >= size) return `${(bytes / size).toFixed(1)} ${unit}`;
    }
    return `${bytes} bytes`;
  }

  function announce(text) {
    const box = document.querySelector(".hub-toast");
    box.textContent = text;
    box.classList.add("on");
    clearTimeout(box.timer);
    box.timer = setTimeout(() => box.classList.remove("on"), 2200);
  }

  function follow(box) {
    const { fetch: name, title } = box.dataset;
    const [start, stop] = ["start", "stop"].map((what) => box.querySelector(`[data-fetch-${what}]`));
    const bar = box.querySelector("[role=progressbar]");
    const count = box.querySelector("[data-fetch-count]");
    const error = box.querySelector("[role=alert]");

    async function ask(method = "GET") {
      try {
        const answer = await fetch(new URL(`fetch/${name}`, document.baseURI), { method });
        const told = await answer.json();
        return answer.ok ? told : { state: "failed", there: 0, total: 0, error: told.error };
      } catch {
        return { state: "failed", there: 0, total: 0, error: "The hub does not answer; try again in a moment" };
      }
    }

    function show({ state, there, total, error: why }) {
      const running = state === "running";
      const focused = [start, stop].includes(document.activeElement);
      box.dataset.state = state;
      start.hidden = running || state === "done";
      stop.hidden = !running;
      if (!running) {
        stop.textContent = "Stop";
        stop.removeAttribute("aria-disabled");
      }
      if (focused) (running ? stop : start).focus();
      start.textContent = state === "failed" ? "Try again" : there ? "Go on" : "Fetch it";
      bar.hidden = !running;
      const share = total ? Math.floor((100 * there) / total) : 0;
      bar.firstElementChild.style.width = `${share}%`;
      bar.setAttribute("aria-valuenow", share);
      bar.setAttribute("aria-valuetext", `${shown(there)} of ${shown(total)}`);
      count.textContent = there && total ? `${shown(there)} of ${shown(total)}` : running ? "Asking the Hub" : "";
      error.hidden = !why;
      error.textContent = why ? `${why[0].toUpperCase()}${why.slice(1)}.` : "";
    }

    async function watch(progress) {
      show(progress);
      while (progress.state === "running") {
        await new Promise((resolve) => setTimeout(resolve, PAUSE));
        show((progress = await ask()));
      }
      if (progress.state === "done") await arrived();
    }

    async function arrived() {
      const card = box.closest(".hub-card");
      if (!card) return location.reload();
      const page = await (await fetch(location.href)).text();
      const link = `.hub-card h2 a[href="${name}"]`;
      const fresh = new DOMParser().parseFromString(page, "text/html").querySelector(link)?.closest(".hub-card");
      if (!fresh) return location.reload();
      const focused = box.contains(document.activeElement) || document.activeElement === document.body;
      card.replaceChildren(...fresh.childNodes); // the gallery's search keeps the card itself
      if (focused) card.querySelector("h2 a").focus({ preventScroll: true });
      announce(`${title} is ready`);
    }

    start.addEventListener("click", async () => {
      announce(`Fetching ${title}`);
      watch(await ask("POST"));
    });
    stop.addEventListener("click", () => {
      stop.textContent = "Stopping"; // it ends with the next bytes that come
      stop.setAttribute("aria-disabled", "true");
      ask("DELETE");
    });
    if (box.dataset.state === "running") ask().then(watch);
  }

  document.querySelectorAll("[data-fetch]").forEach(follow); // deferred: the page is read
})();
