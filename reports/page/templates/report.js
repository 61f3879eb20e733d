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
    const kept = (name) => address.get(part.dataset.board + name);
    const keep = (name, value) => address.set(part.dataset.board + name, value);
    const table = part.querySelector(".board");
    const section = get("leaderboard");
    const choice = get("statistic");
    const live = section.querySelector(":scope > .live");
    const heads = [...table.tHead.rows[0].cells];
    const names = heads.map((head) => head.dataset.name ?? head.dataset.key ?? head.textContent.trim().toLowerCase());
    const metric = (at) => /^m\d+$/.test(heads[at].dataset.key);
    let column = 0;
    let direction = "ascending";

    function key(row) {
      const data = row.cells[column].dataset;
      const name = heads[column].dataset.key;
      if (name === "method") return data.method;
      return number(metric(column) ? data[choice.value] : data[name]);
    }

    function sort() {
      mark(heads, column, direction);
      arrange(table, (a, b) => order(key(a), key(b), direction));
      const which = metric(column) ? ", " + choice.selectedOptions[0].textContent : "";
      const label = heads[column].querySelector(".head").textContent.trim();
      live.textContent = "Sorted by " + label + which + ", " + direction;
      keep("sort", column === 0 && direction === "ascending" ? "" : names[column] + "," + direction);
      keep("by", choice.value === "mean" ? "" : choice.value);
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
    choice.addEventListener("change", () => {
      if (!metric(column)) {
        column = heads.findIndex((head) => head.dataset.key === "m0");
        direction = heads[column].dataset.first;
      }
      sort();
    });

    // The table is quiet; what is wanted besides is shown on demand.
    const extra = [...get("shown").querySelectorAll("input[value]")];
    function show() {
      for (const one of extra) section.classList.toggle("show-" + one.value, one.checked);
      keep("show", extra.filter((one) => one.checked).map((one) => one.value).join(","));
    }
    for (const one of extra) one.addEventListener("change", show);

    const columns = heads.slice(2).map((head, at) => {
      const label = document.createElement("label");
      const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: true });
      label.append(box, head.querySelector(".head").textContent.replace(/[↑↓].*/, "").trim());
      get("columns").append(label);
      box.addEventListener("change", choose);
      return { box, at: at + 2, name: names[at + 2] };
    });
    function choose() {
      for (const row of table.rows) {
        if (row.cells.length === heads.length) for (const one of columns) row.cells[one.at].hidden = !one.box.checked;
      }
      keep("hide", columns.filter((one) => !one.box.checked).map((one) => one.name).join(","));
    }

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
      keep("methods", words.value.trim());
      keep("kind", kind.value === "all" ? "" : kind.value);
      get("filter-count").textContent = shown === all ? "" : shown + " of " + all + " methods";
    }

    get("filter").hidden = get("shown").hidden = false;
    words.addEventListener("input", sift);
    kind.addEventListener("change", sift);
    get("filter-clear").addEventListener("click", () => {
      words.value = "";
      kind.value = "all";
      sift();
      words.focus();
    });

    // A table as the reader sees it, with all digits.
    get("csv").addEventListener("click", () => {
      const seen = heads.map((head, at) => at).filter((at) => at > 1 && !heads[at].hidden);
      const parts = ["mean", "std", "low", "high", "worst", "q05", "median", "q95"].filter((part) => {
        if (part === "worst") return section.classList.contains("show-worst");
        if (/^q|^median/.test(part)) return section.classList.contains("show-quantiles");
        return part === "mean" || part === "std" || table.querySelector("td[data-low]:not([data-low=''])");
      });
      const units = { fp32: "bytes_fp32", peak: "peak_memory_bytes", ok: "outputs_scored" };
      const lines = [["rank", "method", "true_kernel"]];
      for (const at of seen) {
        if (metric(at)) lines[0].push(...parts.map((name) => names[at] + "_" + name));
        else lines[0].push(units[names[at]] ?? names[at]);
      }
      for (const row of table.querySelectorAll("tr[data-of]:not([hidden])")) {
        const line = [row.cells[0].dataset.place, row.dataset.of, row.parentElement.classList.contains("oracle")];
        for (const at of seen) {
          const cell = row.cells[at];
          if (metric(at)) line.push(...parts.map((name) => cell.dataset[name] ?? ""));
          else line.push(cell.dataset[heads[at].dataset.key] ?? cell.textContent.trim());
        }
        lines.push(line);
      }
      // A spreadsheet takes a text that begins like this for a formula; in the other CSV files it has an apostrophe, too.
      const safe = (value) => (/^'*[=+\-@\t\r]/.test(value) && Number.isNaN(Number(value)) ? "'" + value : value);
      const quoted = (value) => (/[",\r\n]/.test(value) ? '"' + value.replaceAll('"', '""') + '"' : value);
      const text = lines.map((line) => line.map((value) => quoted(safe(String(value)))).join(",") + "\n").join("");
      save(part.dataset.stem + "-leaderboard.csv", new Blob([text], { type: "text/csv" }));
    });

    address.follow(() => {
      const [name, way] = kept("sort").split(",");
      const by = kept("by");
      const [shown, hidden] = [kept("show").split(","), kept("hide").split(",")];
      [words.value, kind.value] = [kept("methods"), kept("kind") || "all"];
      if (kind.selectedIndex < 0) kind.value = "all";
      choice.value = ["std", "worst"].includes(by) ? by : "mean";
      column = Math.max(0, names.indexOf(name));
      direction = column || way ? (way === "descending" ? "descending" : "ascending") : "ascending";
      for (const one of extra) one.checked = shown.includes(one.value);
      for (const one of columns) one.box.checked = !hidden.includes(one.name);
      sort();
      sift();
      show();
      choose();
      get("columns").parentElement.open = columns.some((one) => !one.box.checked);
    });
  }

  document.documentElement.classList.add("js");

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
