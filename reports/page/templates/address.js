"use strict";
// The choices of the reader are kept in the address, after the section: #leaderboard&show=worst&sort=psnr,descending
const address = (() => {
  const listeners = [];
  let anchor = "";
  let known = new URLSearchParams();

  function read() {
    const [first, ...rest] = location.hash.slice(1).split("&");
    anchor = first;
    return rest.length ? new URLSearchParams(rest.join("&")) : null;
  }

  function write() {
    const text = String(known);
    const hash = text ? "#" + anchor + "&" + text : anchor && "#" + anchor;
    history.replaceState(null, "", location.href.split("#")[0] + hash);
  }

  function restore() {
    for (const listen of listeners) listen();
    const target = anchor && document.getElementById(decodeURIComponent(anchor));
    if (target) target.scrollIntoView();
  }

  addEventListener("hashchange", () => {
    const found = read();
    if (found) {
      known = found;
      restore();
    } else if (String(known)) write();
  });
  known = read() ?? known;
  return {
    get: (name) => known.get(name) ?? "",
    set(name, value) {
      if (value) known.set(name, value);
      else known.delete(name);
      write();
    },
    // Called at once, and whenever an address with choices is entered.
    follow(listen) {
      listeners.push(listen);
      listen();
    },
    start: () => String(known) && restore(),
  };
})();
