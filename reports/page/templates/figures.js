// What a mark in a figure says: by pointer, by touch, and by the arrow keys.
(() => {
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  const live = document.createElement("p");
  live.className = "live";
  live.setAttribute("role", "status");
  document.body.append(tip, live);
  const said = new WeakMap();
  let lit = null;

  // The browser's own tip would appear next to ours, and later.
  for (const hit of document.querySelectorAll(".plot .hit")) {
    const title = hit.querySelector("title");
    if (!title) continue;
    said.set(hit, title.textContent);
    title.remove();
  }
  for (const cell of document.querySelectorAll(".matrix td[title]")) {
    said.set(cell, cell.title);
    cell.removeAttribute("title");
  }

  function hide() {
    tip.hidden = true;
    if (lit) lit.classList.remove("at");
    lit = null;
  }

  function show(hit) {
    if (hit === lit) return;
    hide();
    lit = hit;
    lit.classList.add("at");
    const [first, ...rest] = said.get(hit).split("\n");
    const head = document.createElement("strong");
    head.textContent = first;
    tip.replaceChildren(head, ...rest.map((line) => Object.assign(document.createElement("span"), { textContent: line })));
    tip.hidden = false;
    const box = hit.getBoundingClientRect();
    const own = tip.getBoundingClientRect();
    const x = box.left + box.width / 2 - own.width / 2;
    const above = box.top - own.height - 8;
    tip.style.left = Math.max(6, Math.min(x, document.documentElement.clientWidth - own.width - 6)) + "px";
    tip.style.top = (above > 6 ? above : box.bottom + 8) + "px";
  }

  function nearest(x, y) {
    let best = null;
    let least = Infinity;
    for (const one of document.elementsFromPoint(x, y)) {
      if (!said.has(one) || one.closest(".off")) continue;
      const box = one.getBoundingClientRect();
      const far = Math.hypot(box.left + box.width / 2 - x, box.top + box.height / 2 - y);
      if (far < least) [best, least] = [one, far];
    }
    return best;
  }

  for (const area of document.querySelectorAll(".plot, .matrix")) {
    const point = (event) => {
      const hit = nearest(event.clientX, event.clientY);
      if (hit) show(hit);
      else hide();
    };
    area.addEventListener("pointermove", point);
    area.addEventListener("pointerdown", point);
    area.addEventListener("pointerleave", hide);
  }
  addEventListener("scroll", hide, { passive: true, capture: true });

  // Left and right along a method, up and down to the next one.
  for (const chart of document.querySelectorAll(".chart")) {
    const rows = () =>
      [...chart.querySelectorAll(".series:not(.off)")]
        .map((one) => [...one.querySelectorAll(".hit")].filter((hit) => said.has(hit)))
        .filter((hits) => hits.length);
    let [row, at] = [0, -1];
    chart.addEventListener("keydown", (event) => {
      const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
      if (event.key === "Escape") hide();
      if (!step) return;
      event.preventDefault();
      const all = rows();
      if (!all.length) return;
      row = (row + step[0] + all.length) % all.length;
      const last = all[row].length - 1;
      at = at < 0 && !step[1] ? 0 : Math.max(0, Math.min(last, at + step[1]));
      const hit = all[row][at];
      // Only as far as is needed, then the tip goes to where the mark is now.
      const box = hit.getBoundingClientRect();
      const frame = chart.getBoundingClientRect();
      if (box.left < frame.left || box.right > frame.right) chart.scrollLeft += box.left - frame.left - frame.width / 2;
      requestAnimationFrame(() => requestAnimationFrame(() => show(hit)));
      live.textContent = said.get(hit).replaceAll("\n", ", ");
    });
    chart.addEventListener("blur", hide);
  }
})();
