function save(name, blob) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// Every figure can be saved: as SVG that needs no style sheet, and as PNG, in the colours of the light page.
(() => {
  const DRAWN = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linejoin", "opacity", "paint-order"];
  const WRITTEN = ["font-size", "font-weight", "font-family"];
  const SCALE = 3;
  // Of a drawing on the page: no address is written in it, so that nobody takes it for a request.
  const SVG = document.querySelector("svg")?.namespaceURI;

  function make(name, attributes, ...inside) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...inside);
    return made;
  }

  // A copy with the colours and letters that the style sheet gives; methods that the filter leaves out are not in it.
  function copy(drawing) {
    const made = drawing.cloneNode(true);
    const [from, to] = [drawing, made].map((one) => [...one.querySelectorAll("*")]);
    from.forEach((one, at) => {
      if (one.closest("defs, title")) return;
      const style = getComputedStyle(one);
      const text = one.localName === "text";
      if (!text && one.localName === "g") return;
      for (const name of text ? [...DRAWN, ...WRITTEN] : DRAWN) to[at].setAttribute(name, style.getPropertyValue(name));
    });
    for (const one of made.querySelectorAll(".hit, .off, title")) one.remove();
    for (const one of [made, ...made.querySelectorAll("[class]")]) one.removeAttribute("class");
    for (const name of ["role", "aria-label"]) made.removeAttribute(name);
    return made;
  }

  function named(label, x, y) {
    const text = make("text", { x: x + 14, y: y + 4, fill: getComputedStyle(label).color, "font-size": 12, "font-family": "sans-serif" }, label.textContent.trim());
    const path = label.querySelector("path");
    const style = getComputedStyle(path);
    const mark = make("path", { d: path.getAttribute("d"), transform: `translate(${x + 5} ${y})`, fill: style.fill, stroke: style.stroke, "stroke-width": 1.3 });
    return [mark, text];
  }

  // The figure as one drawing on white: its legend above, small drawings of the methods side by side.
  function whole(figure, kind) {
    document.documentElement.classList.add("light");
    const labels = [...figure.querySelectorAll(".legend > span:not(.off)")];
    const cells = kind === "panels" ? [...figure.querySelectorAll(".panels .cell:not(.off)")] : [figure.querySelector(".chart")];
    const page = make("svg", { xmlns: SVG });
    const across = Math.min(cells.length, kind === "panels" ? 4 : 1) || 1;
    let [x, top] = [0, 0];
    if (labels.length && kind !== "panels") {
      top = 12;
      for (const label of labels) {
        const width = 30 + 7 * label.textContent.trim().length;
        if (x && x + width > 760) [x, top] = [0, top + 18];
        page.append(...named(label, x, top));
        x += width;
      }
      top += 18;
    }
    let [width, height] = [0, top];
    cells.forEach((cell, at) => {
      const drawing = cell.querySelector("svg.plot");
      const box = drawing.viewBox.baseVal;
      const made = copy(drawing);
      const head = kind === "panels" ? 22 : 0;
      const [left, above] = [(at % across) * (box.width + 18), top + Math.floor(at / across) * (box.height + 18 + head)];
      if (head) page.append(...named(cell.querySelector("p"), left, above + 12));
      for (const [key, value] of Object.entries({ x: left, y: above + head, width: box.width, height: box.height })) made.setAttribute(key, value);
      page.append(made);
      [width, height] = [Math.max(width, left + box.width), Math.max(height, above + head + box.height)];
    });
    document.documentElement.classList.remove("light");
    const edge = 12;
    const [w, h] = [width + 2 * edge, height + 2 * edge];
    page.setAttribute("viewBox", [-edge, -edge, w, h].join(" "));
    page.setAttribute("width", w);
    page.setAttribute("height", h);
    page.prepend(make("rect", { x: -edge, y: -edge, width: w, height: h, fill: "#fff" }));
    return { text: new XMLSerializer().serializeToString(page), w, h };
  }

  const asSvg = ({ text }) => new Blob([text], { type: "image/svg+xml" });

  async function asPng({ text, w, h }) {
    const image = new Image();
    // The page's policy lets no other images through than those in its own text.
    image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(text);
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: Math.round(w * SCALE), height: Math.round(h * SCALE) });
    const pen = canvas.getContext("2d");
    pen.scale(SCALE, SCALE);
    pen.drawImage(image, 0, 0, w, h);
    return new Promise((done) => canvas.toBlob(done, "image/png"));
  }

  for (const figure of document.querySelectorAll("figure:has(> .chart)")) {
    const part = figure.closest("[data-board]");
    const prefix = part?.dataset.board ?? "";
    const section = figure.closest("section").id.slice(prefix.length);
    const place = [...figure.closest("section").querySelectorAll("figure:has(> .chart)")].indexOf(figure);
    const stem = [part?.dataset.stem ?? "sets", section].join("-") + (place ? "-" + (place + 1) : "");
    const line = document.createElement("p");
    line.className = "choice saves";
    const kinds = figure.querySelector(".panels") ? { figure: "", panels: "-methods" } : { figure: "" };
    for (const [kind, end] of Object.entries(kinds)) {
      line.append(kind === "panels" ? " Save the small figures as " : "Save the figure as ");
      for (const format of ["SVG", "PNG"]) {
        const button = Object.assign(document.createElement("button"), { type: "button", textContent: format });
        button.setAttribute("aria-label", "Save the " + (kind === "panels" ? "small figures" : "figure") + " as " + format);
        button.addEventListener("click", async () => {
          const made = whole(figure, kind);
          save(stem + end + "." + format.toLowerCase(), format === "SVG" ? asSvg(made) : await asPng(made));
        });
        line.append(button, " ");
      }
    }
    figure.append(line);
  }
})();
