
"use strict";
{
  const { units, unit, words, places, activations } = JSON.parse(document.getElementById("data").textContent);
  const bytes = Int8Array.from(atob(activations), (character) => character.charCodeAt(0));
  const chips = [...document.querySelectorAll(".word")];
  const list = document.getElementById("units");
  const input = document.getElementById("unit");
  const leastOften = 3;
  const shown = 6;
  const filter = document.getElementById("of");
  let listed = units;
  let place = 0;

  const activation = (word, number) => bytes[word * units.length + number] / 127;
  const signed = (value) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(2);

  // [[key, mean activation], …] over the words that share a key.
  function average(keys, number, least) {
    const sums = new Map();
    keys.forEach((key, word) => {
      const [sum, count] = sums.get(key) ?? [0, 0];
      sums.set(key, [sum + activation(word, number), count + 1]);
    });
    return [...sums].filter(([, [, count]]) => count >= least).map(([key, [sum, count]]) => [key, sum / count]);
  }

  function colour(number) {
    chips.forEach((chip, word) => {
      const value = activation(word, number);
      chip.style.setProperty("--hue", value < 0 ? "var(--off)" : "var(--on)");
      chip.style.setProperty("--strength", Math.abs(value).toFixed(3));
      chip.title = signed(value);
    });
  }

  function describe(unit) {
    const told = document.getElementById("told");
    const faint = document.createElement("small");
    faint.textContent = `unit ${unit.number}, ${units.indexOf(unit) + 1} of ${units.length}, tells ${unit.tells.toFixed(2)}`;
    told.replaceChildren(unit.of, faint);
    const means = average(words, unit.number, leastOften).sort((a, b) => b[1] - a[1]);
    const line = (pairs) => pairs.map(([word, mean]) => `${word} ${signed(mean)}`).join(", ") || "–";
    document.getElementById("on").textContent = line(means.filter(([, mean]) => mean > 0).slice(0, shown));
    document.getElementById("off").textContent = line(means.filter(([, mean]) => mean < 0).reverse().slice(0, shown));
  }

  function draw(number) {
    const [width, middle, height] = [240, 44, 38];
    const means = average(places, number, 1);
    const step = width / Math.max(means.length, 1);
    const make = (name, attributes, text = "") => {
      const element = document.createElementNS("http://www.w3.org/2000/svg", name);
      for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
      element.textContent = text;
      return element;
    };
    const bars = means.map(([place, mean]) => make("rect", {
      class: mean < 0 ? "off" : "on", x: place * step + 1, width: Math.max(step - 2, 1), rx: 1,
      y: mean < 0 ? middle : middle - mean * height, height: Math.abs(mean) * height,
    }));
    document.getElementById("places").replaceChildren(
      ...bars, make("line", { x1: 0, x2: width, y1: middle, y2: middle }),
      make("text", { x: 0, y: 94 }, "first word"), make("text", { x: width, y: 94, "text-anchor": "end" }, "last"),
    );
  }

  function show(next) {
    list.children[place]?.setAttribute("aria-selected", "false");
    place = (next + listed.length) % listed.length;
    const item = list.children[place];
    item.setAttribute("aria-selected", "true");
    list.setAttribute("aria-activedescendant", item.id);
    const { top, bottom } = list.getBoundingClientRect();
    const { top: above, bottom: below } = item.getBoundingClientRect();
    if (above < top) list.scrollTop += above - top;
    if (below > bottom) list.scrollTop += below - bottom;
    const unit = listed[place];
    input.value = unit.number;
    colour(unit.number);
    describe(unit);
    draw(unit.number);
  }

  function makeItem(unit, at) {
    const item = document.createElement("li");
    item.id = `unit-${unit.number}`;
    item.setAttribute("role", "option");
    item.append(...[unit.number, unit.of, unit.tells.toFixed(2)].map((text) => {
      const cell = document.createElement("span");
      cell.textContent = text;
      return cell;
    }));
    item.addEventListener("click", () => show(at));
    return item;
  }

  // Lists the units that tell one thing, or all, and shows one of them.
  function fill(of, number) {
    filter.value = of;
    listed = of ? units.filter((unit) => unit.of === of) : units;
    list.replaceChildren(...listed.map(makeItem));
    show(Math.max(listed.findIndex((unit) => unit.number === number), 0));
  }

  const counts = new Map();
  for (const { of } of units) counts.set(of, (counts.get(of) ?? 0) + 1);
  filter.append(new Option(`all ${units.length}`, ""), ...[...counts].map(([of, count]) => new Option(`${of} (${count})`, of)));
  filter.addEventListener("change", () => fill(filter.value));

  document.getElementById("previous").addEventListener("click", () => show(place - 1));
  document.getElementById("next").addEventListener("click", () => show(place + 1));
  input.addEventListener("change", () => {
    fill("", Math.min(Math.max(Math.round(input.valueAsNumber) || 0, 0), units.length - 1));
  });
  document.addEventListener("keydown", (event) => {
    if (event.target === input || event.target === filter || event.ctrlKey || event.metaKey || event.altKey) return;
    const to = {
      ArrowLeft: place - 1, ArrowUp: place - 1, ArrowRight: place + 1, ArrowDown: place + 1, Home: 0, End: -1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    show(to);
  });
  fill("", unit);
}
