"use strict";
(() => {
  const source = document.getElementById("tree");
  const nodes = JSON.parse(source.textContent);
  if (!nodes || !nodes.length) return;
  const root = { n: "heap", b: 0, a: 0, o: 0, kids: [], up: null, depth: 0 };
  const stacks = source.dataset.stacks === "true";
  for (const x of nodes) {
    x.kids = [];
    x.up = x.p < 0 ? root : nodes[x.p];
    x.depth = x.up.depth + 1;
    x.up.kids.push(x);
    if (x.p < 0) { root.b += x.b; root.a += x.a; if (stacks) root.o += x.o; }
  }
  for (const x of [root, ...nodes]) x.kids.sort((k, l) => size(l) - size(k));
  const flame = document.getElementById("flame"), map = document.getElementById("map");
  const status = document.getElementById("status"), safe = document.getElementById("safe");
  const search = document.getElementById("search");
  let top = root;
  const growing = nodes.some(x => x.a !== x.b);

  function size(x) { return Math.max(x.b, x.a); }
  function bytes(v) {
    const s = v < 0 ? "-" : "", u = Math.abs(v);
    if (u < 1e4) return s + u + " B";
    if (u < 1e6) return s + (u / 1e3).toFixed(1) + " kB";
    return u < 1e9 ? s + (u / 1e6).toFixed(2) + " MB" : s + (u / 1e9).toFixed(2) + " GB";
  }
  // Red grew and green shrank, as in diff flame graphs; orange and blue are told
  // apart by all eyes. Without a second snapshot the hue is that of the depth.
  function colour(x) {
    if (!growing) return "hsl(" + (200 + 25 * (x.depth % 5)) + " 55% 75%)";
    const part = Math.max(-1, Math.min(1, (x.b - x.a) / Math.max(1, size(x))));
    const hue = safe.checked ? (part > 0 ? 30 : 215) : (part > 0 ? 5 : 130);
    return "hsl(" + hue + " " + Math.round(75 * Math.min(1, Math.abs(part) * 3)) + "% " + (88 - 28 * Math.abs(part)) + "%)";
  }
  function title(x) {
    return x.n + "\n" + bytes(x.b) + (growing ? " (" + (x.b >= x.a ? "+" : "") + bytes(x.b - x.a) + ")" : "") + (x.o ? "\n" + x.o + " objects" : "") + (x.s ? "\nsuspect" : "");
  }
  // A function is named without the path of its package, which its title has.
  function label(x) { return (x.s ? "⚠ " : "") + (stacks ? x.n.replace(/^[^[(]*\//, "") : x.n); }
  function cell(parent, x, left, y, width, height) {
    const d = document.createElement("div");
    d.className = "cell";
    d.style.cssText = "left:" + left + "px;top:" + y + "px;width:" + width + "px;height:" + height + "px";
    d.style.background = colour(x);
    if (width > 30 && height > 12) d.textContent = label(x);
    d.title = title(x);
    if (x.s) d.classList.add("suspect");
    const wanted = search.value.toLowerCase();
    if (wanted && !x.n.toLowerCase().includes(wanted)) d.classList.add("dim");
    d.addEventListener("click", () => { top = x; draw(); });
    parent.append(d);
  }
  const row = 19;
  function drawFlame() {
    flame.replaceChildren();
    const width = flame.clientWidth;
    let deepest = 0;
    const place = (x, left, w, depth) => {
      deepest = Math.max(deepest, depth);
      cell(flame, x, left, depth * row, w, row);
      let sum = 0;
      for (const k of x.kids) sum += size(k);
      const scale = w / Math.max(size(x), sum, 1);
      for (const k of x.kids) {
        const kw = size(k) * scale;
        if (kw < 1) break;
        place(k, left, kw, depth + 1);
        left += kw;
      }
    };
    place(top, 0, width, 0);
    flame.style.height = (deepest + 1) * row + "px";
  }
  // Slices along the longer side, larger first; two levels are enough to read.
  function drawMap() {
    map.replaceChildren();
    const fill = (x, left, y, w, h, depth) => {
      const kids = x.kids.filter(k => k.b > 0);
      if (!kids.length || depth > 6 || w < 8 || h < 8) return;
      let rest = Math.max(x === root ? 0 : x.b, kids.reduce((s, k) => s + k.b, 0));
      for (const k of kids) {
        const part = k.b / rest;
        const across = w >= h;
        const kw = across ? w * part : w, kh = across ? h : h * part;
        if (kw < 2 || kh < 2) break;
        cell(map, k, left, y, kw, kh);
        fill(k, left + 2, y + 18, kw - 4, kh - 20, depth + 1);
        if (across) { left += kw; w -= kw; } else { y += kh; h -= kh; }
        rest -= k.b;
      }
    };
    fill(top, 0, 0, map.clientWidth, map.clientHeight, 0);
  }
  function draw() {
    drawFlame();
    drawMap();
    status.textContent = top.n + ": " + title(top).split("\n").slice(1).join(", ");
  }
  document.getElementById("up").addEventListener("click", () => { top = root; draw(); });
  flame.addEventListener("keydown", e => { if (e.key === "Escape" && top.up) { top = top.up; draw(); } });
  safe.addEventListener("change", draw);
  search.addEventListener("input", () => {
    draw();
    const wanted = search.value.toLowerCase();
    for (const tr of document.getElementById("rows").rows) tr.hidden = wanted !== "" && !tr.cells[0].textContent.toLowerCase().includes(wanted);
  });
  window.addEventListener("resize", draw);
  draw();
})();
