// Two pictures of one pair under a divider, side by side, or their difference; all of them are on the page already.
document.querySelectorAll("[data-board]").forEach((board) => {
  const viewer = board.querySelector(".viewer");
  if (!viewer) return;
  const get = (name) => document.getElementById(board.dataset.board + "v-" + name);
  const [pair, id, left, right] = ["pair", "id", "left", "right"].map(get);
  const [zoom, slider, kernels] = ["zoom", "slider", "kernel"].map(get);
  const caption = viewer.querySelector(".v-caption");
  const [stage, second] = viewer.querySelectorAll(".stage");
  const layers = [...viewer.querySelectorAll(".layers")];
  const canvas = get("canvas");
  const pairs = new Map();
  const names = { chosen: "Selected", worst: "Worst", median: "Around the median", best: "Best", failed: "Failed outputs", further: "Further" };
  const LIMIT = 64;
  // Black, violet, red, orange, pale yellow: rising in lightness, so that it reads without colour too.
  const RAMP = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]];

  for (const part of board.querySelectorAll(".pair")) {
    const tiles = new Map();
    for (const tile of part.querySelectorAll(".tile")) {
      const image = tile.querySelector("img[data-label]");
      if (image) tiles.set(image.dataset.label, { image, kernel: tile.querySelector(".kernel") });
    }
    if (!tiles.size) continue;
    const name = part.dataset.pair;
    pairs.set(name, tiles);
    let group = pair.querySelector('optgroup[data-group="' + part.dataset.group + '"]');
    if (!group) {
      group = document.createElement("optgroup");
      group.label = names[part.dataset.group];
      group.dataset.group = part.dataset.group;
      pair.append(group);
    }
    group.append(new Option(name, name));
    const known = new Option(name, name);
    get("ids").append(known);
    for (const [label, { image }] of tiles) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "open";
      button.title = "Compare in the viewer";
      image.replaceWith(button);
      button.append(image);
      button.addEventListener("click", () => {
        open(name, label, label === "sharp" ? "blurred" : "sharp");
        viewer.scrollIntoView({ block: "start" });
        slider.focus({ preventScroll: true });
      });
    }
  }
  if (!pairs.size) return;

  const mode = () => viewer.querySelector(".modes :checked").value;

  function options(select, labels, wanted, other) {
    const now = [wanted, select.value, other].find((label) => labels.includes(label)) ?? labels[0];
    select.replaceChildren(...labels.map((label) => new Option(label, label)));
    select.value = now;
  }

  function open(name, one, two) {
    const labels = [...pairs.get(name).keys()];
    const method = labels.find((label) => label !== "blurred" && label !== "sharp");
    pair.value = name;
    id.value = "";
    options(left, labels, one, "blurred");
    options(right, labels, two, method);
    return draw();
  }

  function place(target, source) {
    target.src = source ? source.image.src : "";
    target.alt = source ? source.image.alt : "";
  }

  function size() {
    const image = pairs.get(pair.value).get(left.value).image;
    const side = mode() === "side";
    const room = viewer.clientWidth / (side ? 2 : 1) - (side ? 8 : 0);
    const [width, height] = [image.getAttribute("width"), image.getAttribute("height")].map(Number);
    const base = Math.min(room, 480, (480 * width) / height);
    const factor = Number(zoom.value);
    for (const part of [stage, second]) {
      part.style.width = base + "px";
      part.style.height = (base * height) / width + "px";
    }
    for (const layer of layers) {
      layer.style.width = base * factor + "px";
      layer.style.height = (base * factor * height) / width + "px";
      layer.classList.toggle("pixels", factor >= 2);
    }
    slider.style.width = Math.max(110, base - 110) + "px";
    get("factor").textContent = factor + "×";
  }

  function split() {
    const share = Number(slider.value);
    get("over").style.clipPath = "inset(0 " + (100 - share) + "% 0 0)";
    stage.querySelector(".divider").style.left = share + "%";
    slider.setAttribute("aria-valuetext", share + " % " + left.value + ", " + (100 - share) + " % " + right.value);
  }

  async function draw() {
    const tiles = pairs.get(pair.value);
    const [one, two] = [tiles.get(left.value), tiles.get(right.value)];
    const how = mode();
    viewer.dataset.mode = how;
    place(get("over"), one);
    place(get(how === "side" ? "second" : "under"), two);
    const shown = { slider: [true, true, false], side: [true, false, false], difference: [false, false, true] }[how];
    [get("over"), get("under"), canvas].forEach((part, at) => (part.hidden = !shown[at]));
    stage.querySelector(".divider").hidden = how !== "slider";
    viewer.querySelector(".slide").hidden = how !== "slider";
    viewer.querySelector(".scale").hidden = how !== "difference";
    second.hidden = how !== "side";
    if (how === "slider") split();
    else get("over").style.clipPath = "none";
    kernel("left", one, tiles, left.value);
    kernel("right", two, tiles, right.value);
    size();
    const value = (part) => (part.image.dataset.caption ? " (" + part.image.dataset.caption + ")" : "");
    let text = pair.value + ": " + left.value + value(one) + " against " + right.value + value(two);
    if (how === "difference") text += ". Mean absolute difference " + (await difference(one.image, two.image)) + " grey levels";
    caption.textContent = text;
  }

  // A method's estimate where it left one, else the kernel that blurred the picture.
  function kernel(side, tile, tiles, label) {
    const picture = get("kernel-" + side);
    const own = tile.kernel ?? tiles.get("blurred")?.kernel;
    const shown = kernels.checked && own && (side === "left" || tile.kernel);
    picture.parentElement.hidden = !shown;
    picture.src = shown ? own.src : "";
    picture.alt = shown ? own.alt : "";
    const estimated = tile.kernel && label !== "blurred";
    picture.nextElementSibling.textContent = !shown ? "" : estimated ? "kernel estimated by " + label : "true kernel";
    if (shown) picture.nextElementSibling.textContent += ", " + own.getAttribute("width") + " px";
  }

  async function difference(one, two) {
    await Promise.all([one.decode(), two.decode()]);
    const [width, height] = [one.naturalWidth, one.naturalHeight];
    const read = (image) => {
      const page = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d", { willReadFrequently: true });
      page.drawImage(image, 0, 0, width, height);
      return page.getImageData(0, 0, width, height).data;
    };
    const [a, b] = [read(one), read(two)];
    Object.assign(canvas, { width, height });
    const page = canvas.getContext("2d");
    const made = page.createImageData(width, height);
    let sum = 0;
    for (let at = 0; at < a.length; at += 4) {
      const off = (Math.abs(a[at] - b[at]) + Math.abs(a[at + 1] - b[at + 1]) + Math.abs(a[at + 2] - b[at + 2])) / 3;
      sum += off;
      const where = (Math.min(off / LIMIT, 1)) * (RAMP.length - 1);
      const step = Math.min(Math.floor(where), RAMP.length - 2);
      for (let channel = 0; channel < 3; channel += 1) {
        const [low, high] = [RAMP[step][channel], RAMP[step + 1][channel]];
        made.data[at + channel] = low + (where - step) * (high - low);
      }
      made.data[at + 3] = 255;
    }
    page.putImageData(made, 0, 0);
    const mean = ((4 * sum) / a.length).toFixed(1);
    canvas.setAttribute("aria-label", "Difference map of " + left.value + " and " + right.value + ", mean " + mean + " grey levels");
    return mean;
  }

  // What is in the middle stays there.
  let before = 1;
  function enlarge() {
    const grown = Number(zoom.value) / before;
    before = Number(zoom.value);
    const [x, y] = [stage.scrollLeft + stage.clientWidth / 2, stage.scrollTop + stage.clientHeight / 2];
    size();
    stage.scrollTo(x * grown - stage.clientWidth / 2, y * grown - stage.clientHeight / 2);
  }

  function step(by) {
    const all = [...pairs.keys()];
    open(all[(all.indexOf(pair.value) + by + all.length) % all.length]);
  }

  pair.addEventListener("change", () => open(pair.value));
  id.addEventListener("change", () => {
    const wanted = id.value.trim();
    if (pairs.has(wanted)) open(wanted);
    else if (wanted) caption.textContent = wanted + " is not in this file: add it with: facedeblur report OUTPUTS… --pair ID";
  });
  get("previous").addEventListener("click", () => step(-1));
  get("next").addEventListener("click", () => step(1));
  for (const part of [left, right, kernels]) part.addEventListener("change", draw);
  for (const part of viewer.querySelectorAll(".modes input")) part.addEventListener("change", draw);
  slider.addEventListener("input", split);
  zoom.addEventListener("input", enlarge);
  addEventListener("resize", size);

  // The divider follows the pointer over the picture.
  let dragging = false;
  const follow = (event) => {
    const box = layers[0].getBoundingClientRect();
    slider.value = Math.round((100 * (event.clientX - box.left)) / box.width);
    split();
  };
  layers[0].addEventListener("pointerdown", (event) => {
    if (mode() !== "slider" || event.button !== 0) return;
    dragging = true;
    layers[0].setPointerCapture(event.pointerId);
    follow(event);
    event.preventDefault();
  });
  layers[0].addEventListener("pointermove", (event) => dragging && follow(event));
  for (const end of ["pointerup", "pointercancel"]) layers[0].addEventListener(end, () => (dragging = false));

  for (const part of [stage, second]) {
    const twin = part === stage ? second : stage;
    part.addEventListener("keydown", (event) => {
      const by = { "+": 1, "=": 1, "-": -1 }[event.key];
      if (!by) return;
      event.preventDefault();
      zoom.value = Number(zoom.value) + by;
      enlarge();
    });
    part.addEventListener("scroll", () => {
      if (!second.hidden) [twin.scrollLeft, twin.scrollTop] = [part.scrollLeft, part.scrollTop];
    });
  }

  viewer.hidden = false;
  const first = [...pairs.keys()][0];
  open(first, "blurred", undefined);
});
