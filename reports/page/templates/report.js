"use strict";
// Sorting and filtering, on top of tables that are complete without them.
(() => {
  function number(text) {
    return text === undefined || text === "" ? NaN : Number(text);
  }

  function order(x, y, way) {
    const sign = way === "ascending" ? 1 : -1;
    if (typeof x === "string") return sign * x.localeCompare(y, undefined, { numeric: true });
    // What has no value stays below, whichever way is up.
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
    return x === y ? 0 : sign * (x < y ? -1 : 1);
  }

  function mark(all, at, way) {
    all.forEach((head, place) => {
      if (place === at) head.setAttribute("aria-sort", way);
      else head.removeAttribute("aria-sort");
    });
  }

  function arrange(table, compare) {
    for (const body of table.tBodies) {
      const rows = [...body.rows].filter((row) => !row.classList.contains("part"));
      body.append(...rows.sort(compare));
    }
  }

  function press(head, act) {
    const span = head.querySelector(".head");
    const button = document.createElement("button");
    button.type = "button";
    button.className = span.className;
    if (span.title) button.title = span.title;
    button.append(...span.childNodes);
    span.replaceWith(button);
    button.addEventListener("click", act);
  }

  // The leaderboard of a set and all that hangs on it; a page of several sets has one in each part.
  function leaderboard(part) {
    const get = (name) => document.getElementById(part.dataset.board + name);
    const table = part.querySelector(".board");
    const choice = get("statistic");
    const live = get("leaderboard").querySelector(":scope > .live");
    const heads = [...table.tHead.rows[0].cells];
    const statistic = () => choice.querySelector("input:checked").value;
    let column = 0;
    let direction = "ascending";

    function key(row) {
      const data = row.cells[column].dataset;
      const name = heads[column].dataset.key;
      if (name === "method") return data.method;
      return number(/^m\d+$/.test(name) ? data[statistic()] : data[name]);
    }

    function sort() {
      mark(heads, column, direction);
      arrange(table, (a, b) => order(key(a), key(b), direction));
      const which = /^m\d+$/.test(heads[column].dataset.key) ? ", " + statistic() : "";
      const label = heads[column].querySelector(".head").textContent.trim();
      live.textContent = "Sorted by " + label + which + ", " + direction;
    }

    heads.forEach((head, at) => {
      if (!head.dataset.key) return;
      press(head, () => {
        const other = direction === "ascending" ? "descending" : "ascending";
        direction = at === column ? other : head.dataset.first;
        column = at;
        sort();
      });
    });
    choice.hidden = false;
    choice.addEventListener("change", () => {
      if (!/^m\d+$/.test(heads[column].dataset.key)) {
        column = heads.findIndex((head) => head.dataset.key === "m0");
        direction = heads[column].dataset.first;
      }
      sort();
    });

    // A filter hides rows, and dims what is left out in the figures.
    const words = get("filter-text");
    const kind = get("filter-kind");

    function sift() {
      const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
      const off = new Set();
      let shown = 0;
      let all = 0;
      for (const row of table.querySelectorAll("tr[data-of]")) {
        const oracle = row.parentElement.classList.contains("oracle");
        const fits = { all: true, blind: !oracle, oracle, whole: row.dataset.whole === "1" }[kind.value];
        const name = row.dataset.of.toLowerCase();
        row.hidden = !(fits && wanted.every((word) => name.includes(word)));
        if (row.hidden) off.add(row.dataset.of);
        else shown += 1;
        all += 1;
      }
      for (const one of part.querySelectorAll("[data-of]")) one.classList.toggle("off", off.has(one.dataset.of));
      for (const body of table.tBodies) {
        const title = body.querySelector(".part");
        if (title) title.hidden = !body.querySelector("tr[data-of]:not([hidden])");
      }
      get("filter-count").textContent = shown === all ? "" : shown + " of " + all + " methods";
    }

    get("filter").hidden = false;
    words.addEventListener("input", sift);
    kind.addEventListener("change", sift);
    get("filter-clear").addEventListener("click", () => {
      words.value = "";
      kind.value = "all";
      sift();
      words.focus();
    });
  }

  for (const part of document.querySelectorAll("[data-board]")) leaderboard(part);

  for (const small of document.querySelectorAll("table.sortable")) {
    const own = [...small.tHead.rows[0].cells];
    own.forEach((head, at) => {
      press(head, () => {
        const now = head.getAttribute("aria-sort");
        const way = !now ? head.dataset.first : now === "ascending" ? "descending" : "ascending";
        mark(own, at, way);
        const value = (row) => (at === 0 ? row.cells[0].dataset.v : number(row.cells[at].dataset.v));
        arrange(small, (a, b) => order(value(a), value(b), way));
        // The gap stands between the hardest and the easiest, which are no longer apart.
        for (const row of small.querySelectorAll(".gap")) row.classList.remove("gap");
      });
    });
  }

  // Paper shows everything.
  const closed = [];
  addEventListener("beforeprint", () => {
    for (const part of document.querySelectorAll("details:not([open])")) {
      if (part.classList.contains("further")) continue;
      part.open = true;
      closed.push(part);
    }
  });
  addEventListener("afterprint", () => {
    while (closed.length) closed.pop().open = false;
  });
})();
