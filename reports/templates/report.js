"use strict";
// Sorting, on top of a table that is complete without it.
(() => {
  const table = document.querySelector(".board");
  const choice = document.getElementById("statistic");
  const live = document.querySelector(".live");
  const heads = [...table.tHead.rows[0].cells];
  const statistic = () => choice.querySelector("input:checked").value;
  let column = 0;
  let direction = "ascending";

  function key(row) {
    const data = row.cells[column].dataset;
    const name = heads[column].dataset.key;
    if (name === "method") return data.method;
    const text = /^m\d+$/.test(name) ? data[statistic()] : data[name];
    return text === undefined || text === "" ? NaN : Number(text);
  }

  function compare(a, b) {
    const [x, y] = [key(a), key(b)];
    const sign = direction === "ascending" ? 1 : -1;
    if (typeof x === "string") return sign * x.localeCompare(y, undefined, { numeric: true });
    // What has no value stays below, whichever way is up.
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
    return x === y ? 0 : sign * (x < y ? -1 : 1);
  }

  function sort() {
    heads.forEach((head, at) => {
      if (at === column) head.setAttribute("aria-sort", direction);
      else head.removeAttribute("aria-sort");
    });
    for (const body of table.tBodies) {
      const rows = [...body.rows].filter((row) => !row.classList.contains("part"));
      body.append(...rows.sort(compare));
    }
    const which = /^m\d+$/.test(heads[column].dataset.key) ? ", " + statistic() : "";
    const label = heads[column].querySelector(".head").textContent.trim();
    live.textContent = "Sorted by " + label + which + ", " + direction;
  }

  heads.forEach((head, at) => {
    if (!head.dataset.key) return;
    const span = head.querySelector(".head");
    const button = document.createElement("button");
    button.type = "button";
    button.className = span.className;
    button.title = span.title;
    button.append(...span.childNodes);
    span.replaceWith(button);
    button.addEventListener("click", () => {
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

  // Paper shows everything.
  const closed = [];
  addEventListener("beforeprint", () => {
    for (const part of document.querySelectorAll("details:not([open])")) {
      part.open = true;
      closed.push(part);
    }
  });
  addEventListener("afterprint", () => {
    while (closed.length) closed.pop().open = false;
  });
})();
