// The bar of sets says where the reader is, and leads to the same section of another set.
(() => {
  const bar = document.querySelector("nav.sets");
  const links = [...bar.querySelectorAll("a")];
  const targets = links.map((link) => document.getElementById(link.hash.slice(1)));
  let known = "";

  function follow() {
    const line = bar.getBoundingClientRect().bottom + 60;
    const reached = (one) => one.getBoundingClientRect().top <= line;
    const at = Math.max(0, targets.findLastIndex(reached));
    const prefix = targets[at].dataset.board;
    const section = prefix && [...targets[at].children].findLast((one) => one.matches("section") && reached(one));
    const name = section ? section.id.slice(prefix.length) : "";
    if (known === at + " " + name) return;
    known = at + " " + name;
    links.forEach((link, place) => {
      if (place === at) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
      const board = targets[place].dataset.board;
      const same = place !== at && board && name && document.getElementById(board + name);
      link.setAttribute("href", "#" + (same ? same.id : targets[place].id));
      link.title = same ? same.querySelector("h3").textContent : "";
    });
    // Of many sets the bar shows the one that is read.
    const box = links[at].getBoundingClientRect();
    if (box.left < 0 || box.right > innerWidth) bar.scrollLeft += box.left - innerWidth / 3;
  }

  let asked = false;
  const ask = () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      follow();
    });
  };
  addEventListener("scroll", ask, { passive: true });
  addEventListener("resize", ask);
  follow();
})();
