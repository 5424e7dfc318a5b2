"use strict";
// Dropped files, progress, planes, and sliders that ask as they move. Every page works without it.
const EVERY_MS = 1000, LIST_MS = 4000, REST_MS = 250, SLICE_MS = 80;

const drop = document.getElementById("drop");
if (drop) {
  const files = drop.querySelector("input[type=file]"), bar = drop.querySelector("progress"), said = drop.querySelector("[role=status]");
  const send = () => {
    const body = new FormData(drop), request = new XMLHttpRequest();
    request.open("POST", drop.action);
    request.upload.addEventListener("progress", event => {
      if (event.lengthComputable) bar.value = 100 * event.loaded / event.total;
      said.textContent = bar.value < 100 ? `Sending: ${Math.round(bar.value)} %` : "Sent; taken into the store.";
    });
    request.addEventListener("load", () => {
      if (request.status < 400) location.assign(request.responseURL);
      else said.textContent = new DOMParser().parseFromString(request.responseText, "text/html").querySelector("main .weak")?.textContent.trim() || `Refused (${request.status}).`;
    });
    request.addEventListener("error", () => { said.textContent = "The files could not be sent."; });
    bar.hidden = false;
    request.send(body);
  };
  drop.addEventListener("submit", event => { event.preventDefault(); send(); });
  for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, event => { event.preventDefault(); drop.classList.add("over"); });
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
  drop.addEventListener("drop", event => {
    event.preventDefault();
    if (!event.dataTransfer.files.length) return;
    files.files = event.dataTransfer.files;
    send();
  });
}

const progress = document.querySelector("[data-progress]");
if (progress) {
  const look = async () => {
    const answer = await fetch(progress.dataset.progress);
    if (!answer.ok) return;
    progress.innerHTML = await answer.text();
    if (answer.headers.get("X-Ended") !== "1") setTimeout(look, EVERY_MS);
  };
  setTimeout(look, EVERY_MS);
}

const watched = document.querySelector("[data-poll]");
if (watched) {
  const look = async () => {
    const answer = await fetch(watched.dataset.poll);
    if (!answer.ok) return;
    const busy = drop && (drop.querySelector("input[type=file]").files.length || drop.contains(document.activeElement));
    if ((await answer.json()).state !== watched.dataset.state && !busy) location.reload();
    else setTimeout(look, LIST_MS);
  };
  setTimeout(look, LIST_MS);
}

const viewer = document.getElementById("viewer");
if (viewer) {
  const waiting = {}, asked = {};
  const show = async axis => {
    const query = new URLSearchParams(new FormData(viewer)), place = document.getElementById(`plane-${axis}`);
    const mine = asked[axis] = (asked[axis] || 0) + 1;
    history.replaceState(null, "", `?${query}`);
    place.setAttribute("aria-busy", "true");
    let shown = "";
    try {
      const answer = await fetch(`${viewer.dataset.planes}${axis}?${query}`);
      if (answer.redirected) return location.reload();
      if (answer.ok) shown = await answer.text();
    } catch { /* the server is away: said below */ }
    if (mine !== asked[axis]) return;
    if (shown) place.innerHTML = shown;
    else place.textContent = "This plane could not be had; move the slider again, or open the page again.";
    place.removeAttribute("aria-busy");
  };
  viewer.addEventListener("input", event => {
    const axes = event.target.dataset.axis ? [event.target.dataset.axis] : ["axial", "coronal", "sagittal"];
    for (const axis of axes) {
      clearTimeout(waiting[axis]);
      waiting[axis] = setTimeout(show, SLICE_MS, axis);
    }
  });
}

const knobs = document.getElementById("knobs");
if (knobs) {
  const place = document.getElementById("answer");
  let waiting = 0, asked = 0;
  const ask = async () => {
    const query = new URLSearchParams(new FormData(knobs)), mine = ++asked;
    history.replaceState(null, "", `?${query}`);
    query.set("part", "1");
    place.setAttribute("aria-busy", "true");
    const answer = await fetch(`${location.pathname}?${query}`), text = await answer.text();
    if (mine !== asked) return;
    place.innerHTML = answer.ok ? text : new DOMParser().parseFromString(text, "text/html").querySelector("main .weak")?.outerHTML ?? "";
    place.removeAttribute("aria-busy");
  };
  const soon = () => { clearTimeout(waiting); waiting = setTimeout(ask, REST_MS); };
  knobs.addEventListener("input", event => {
    const out = event.target.closest("label").querySelector(".now");
    if (out) out.textContent = Number(Number(event.target.value).toPrecision(4));
    soon();
  });
  knobs.addEventListener("submit", event => { event.preventDefault(); ask(); });
  // A slider that was moved before this ran.
  if ([...knobs.querySelectorAll("input[type=range]")].some(knob => knob.value !== knob.defaultValue)) soon();
}
