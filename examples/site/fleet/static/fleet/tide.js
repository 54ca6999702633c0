// Reads the stream line by line while it arrives, and draws what it has so far.
"use strict";

const WIDTH = 960;
const HEIGHT = 300;
const HIGHEST_M = 5;

const box = document.querySelector("[data-stream]");
const log = document.querySelector(".log");
const water = document.querySelector(".water");
const edge = document.querySelector(".edge");
const now = document.querySelector(".now");
const lines = Number(box.dataset.lines);
const points = [];

function draw(height) {
  const x = (points.length / (lines - 1)) * WIDTH;
  const y = HEIGHT - (height / HIGHEST_M) * HEIGHT;
  points.push(`${x.toFixed(1)} ${y.toFixed(1)}`);
  const path = "M" + points.join("L");
  edge.setAttribute("d", path);
  water.setAttribute("d", `${path}L${x.toFixed(1)} ${HEIGHT}L0 ${HEIGHT}Z`);
  now.setAttribute("cx", x);
  now.setAttribute("cy", y);
}

function show(line) {
  const [time, height, trend] = line.split(",");
  if (trend === undefined) return;
  log.append(line + "\n");
  log.scrollTop = log.scrollHeight;
  if (time !== "time") draw(Number(height));
}

async function read() {
  const response = await fetch(box.dataset.stream);
  if (!response.ok) throw new Error(`the stream answered ${response.status}`);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    parts.forEach(show);
  }
}

log.textContent = "";
read().catch((error) => log.append(`The log broke off: ${error.message}\n`));
