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
    const whole = location.href.split("#")[0] + hash;
    // Browsers limit how often an address may be replaced, and a page of many sets would do so many times as it opens.
    if (whole !== location.href) history.replaceState(null, "", whole);
  }

  function restore() {
    for (const listen of listeners) listen();
    const target = anchor && document.getElementById(anchor);
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
  // Only when the other scripts have unfolded their parts of the page is its length final.
  document.addEventListener("DOMContentLoaded", () => String(known) && restore());
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
  };
})();
