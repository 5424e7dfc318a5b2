"use strict";
// Asks a figure for its values: a pointer over it, or the slider under it; buttons show and hide lines and bands. Text only, no network.
const SVG = "http://www.w3.org/2000/svg";
const held = JSON.parse(document.getElementById("plots").textContent);
const place = (scale, value) => {
  const v = Math.min(Math.max(value, scale.low), scale.high);
  const share = scale.log ? Math.log(v / scale.low) / Math.log(scale.high / scale.low)
    : (v - scale.low) / (scale.high - scale.low);
  return scale.start + share * (scale.end - scale.start);
};
const made = (name, attributes, parent) => {
  const element = name === "path" || name === "line" ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent.append(element);
  return element;
};
const nearest = (points, x) => points.reduce((best, p, i) => Math.abs(p[0] - x) < Math.abs(points[best][0] - x) ? i : best, 0);
const between = (points, x) => {
  if (x > points[points.length - 1][0]) return 0;
  const i = points.findIndex(p => p[0] >= x);
  if (i <= 0) return points[0][1];
  const [[a, u], [b, v]] = [points[i - 1], points[i]];
  return b === a ? v : u + (v - u) * (x - a) / (b - a);
};
const saying = (trace, x) => trace.said.length ? trace.said[nearest(trace.points, x)]
  : `${between(trace.points, x).toFixed(1)} ${trace.unit}`;
for (const [key, all] of Object.entries(held.plots)) {
  const svg = document.querySelector(`svg[aria-labelledby~="${key}-t"]`);
  const asked = all.map(given => {
    const plot = {...given, traces: given.traces.map(place => held.traces[place])};
    const stepped = plot.traces.some(t => t.said.length);
    const box = made("div", {class: "ask", role: "group", "aria-label": plot.title}, svg.parentElement);
    const label = made("label", {}, box);
    label.append(`${plot.name} ${plot.unit} `.trimStart());
    const slider = made("input", {type: "range", min: plot.x.low, max: plot.x.high,
      step: stepped ? 1 : (plot.x.high - plot.x.low) / 200, value: plot.x.low}, label);
    const out = made("output", {}, box);
    const cursor = made("line", {class: "axis cursor", visibility: "hidden"}, svg);
    const hidden = new Set();
    const show = wanted => {
      const x = stepped ? plot.traces[0].points[nearest(plot.traces[0].points, wanted)][0] : wanted;
      const at = place(plot.x, x);
      for (const [name, value] of [["x1", at], ["x2", at], ["y1", plot.y.start], ["y2", plot.y.end]]) cursor.setAttribute(name, value);
      cursor.setAttribute("visibility", "visible");
      slider.value = x;
      const told = plot.traces.length > 1 ? plot.traces.filter(t => !hidden.has(t.part)) : plot.traces;
      out.textContent = `${plot.unit} ${Number(x.toFixed(2))}: `
        + told.map(t => (t.name ? `${t.name} ` : "") + saying(t, x)).join("; ");
    };
    slider.addEventListener("input", () => show(Number(slider.value)));
    const parts = plot.traces.length > 1 ? plot.traces.map(t => [t.name, t.part]) : plot.bands;
    const buttons = parts.map(([name, part]) => {
      const button = made("button", {type: "button", "aria-pressed": "true"}, box);
      button.textContent = name;
      const turn = on => {
        hidden[on ? "delete" : "add"](part);
        button.setAttribute("aria-pressed", String(on));
        for (const shape of svg.querySelectorAll(`[data-part="${part}"]`)) shape.setAttribute("visibility", on ? "visible" : "hidden");
        if (out.textContent) show(Number(slider.value));
      };
      button.addEventListener("click", () => turn(hidden.has(part)));
      return turn;
    });
    if (plot.traces.length > 2) {
      const all = made("button", {type: "button"}, box);
      all.textContent = "all or none";
      all.addEventListener("click", () => { const on = hidden.size > 0; for (const turn of buttons) turn(on); });
    }
    return {plot, show};
  });
  svg.addEventListener("pointermove", event => {
    const r = svg.getBoundingClientRect();
    const scale = svg.viewBox.baseVal.width / r.width;
    const [x, y] = [(event.clientX - r.left) * scale, (event.clientY - r.top) * scale];
    for (const {plot, show} of asked) {
      if (x < plot.x.start || x > plot.x.end || y > plot.y.start || y < plot.y.end) continue;
      show(plot.x.low + (x - plot.x.start) / (plot.x.end - plot.x.start) * (plot.x.high - plot.x.low));
    }
  });
}
