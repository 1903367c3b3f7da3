// Keeps a page's list up to date: asks while somebody can see it, says what is new once, and admits when it can't.
(() => {
  "use strict";
  const EVERY = 5000;
  const [asOf, state, news, button] = ["as-of", "live-state", "news", "pause"].map((id) => document.getElementById(id));
  const summary = () => document.querySelector("#live [data-news]")?.textContent.replace(/\s+/g, " ").trim() ?? "";
  let paused = false;
  let said = summary();
  let held;

  const ask = () => {
    if (!paused && !document.hidden) htmx.trigger("#live", "refresh");
  };
  const tell = (words) => {
    if (state.textContent !== words) state.textContent = words;
  };

  document.body.addEventListener("htmx:afterRequest", (event) => {
    const answer = event.detail.xhr;
    if (event.detail.elt.id !== "live") return;
    const [at, ...shown] = (answer.getResponseHeader("X-As-Of") ?? "").split(" ");
    if (!at) {
      tell(answer.status === 401 ? "Not live: signed out. Load the page again." : "Not live: the bridge did not answer. Trying again.");
      return;
    }
    const time = asOf.querySelector("time");
    time.dateTime = at;
    time.title = at.replace("T", " ").replace("Z", " UTC");
    time.textContent = shown.join(" ");
    tell(paused ? "Paused" : "Live");
  });
  // what has the focus, else what is read first, stays where it is, whatever comes above it
  document.body.addEventListener("htmx:beforeSwap", () => {
    const seen = [...document.querySelectorAll("#live :is(ol, table) a[id]")];
    const first = seen.find((one) => one === document.activeElement) ?? seen.find((one) => one.getBoundingClientRect().top >= 0);
    held = first && { id: first.id, top: first.getBoundingClientRect().top };
  });
  document.body.addEventListener("htmx:afterSwap", () => {
    const again = held && scrollY > 0 && document.getElementById(held.id);
    if (again) scrollBy(0, again.getBoundingClientRect().top - held.top);
    if (summary() !== said) news.textContent = said = summary();
  });
  document.addEventListener("visibilitychange", ask);
  button.addEventListener("click", () => {
    paused = !paused;
    button.textContent = paused ? "Go on" : "Pause";
    tell(paused ? "Paused" : "Live");
    ask();
  });
  button.hidden = false;
  tell("Live");
  setInterval(ask, EVERY);
})();
