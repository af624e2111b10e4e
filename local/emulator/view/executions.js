// Draws a state machine and the path that an execution took through it; looks again every second.
const POLL_MS = 1000;
const byId = (id) => document.getElementById(id);
const seconds = (value) => `${value.toFixed(value < 10 ? 2 : 0)} s`;
const element = (name, text = "") => Object.assign(document.createElement(name), { textContent: text });

// Labels as SVG text: they scale with the picture.
mermaid.initialize({ startOnLoad: false, securityLevel: "strict", htmlLabels: false, flowchart: { htmlLabels: false, wrappingWidth: 400 } });

let drawn = "";

async function draw(machine, text) {
  if (drawn === machine) return;
  const { svg } = await mermaid.render("drawing", text);
  byId("picture").innerHTML = svg;
  const picture = byId("picture").querySelector("svg");
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", `The states of ${machine}; the table below has those that were entered`);
  picture.removeAttribute("aria-roledescription");
  byId("picture").hidden = false;
  drawn = machine;
}

function mark(steps) {
  const entered = new Map(steps.map((step) => [step.state, step]));
  for (const node of byId("picture").querySelectorAll("g.node")) {
    const step = entered.get(/flowchart-(.+)-\d+$/.exec(node.id)?.[1]);
    node.classList.toggle("entered", Boolean(step));
    node.classList.toggle("running", Boolean(step?.running));
    node.classList.toggle("failing", Boolean(step?.failures.length));
  }
  const ways = new Set(steps.slice(1).map((step, number) => `L_${steps[number].state}_${step.state}_`));
  for (const path of byId("picture").querySelectorAll(".edgePaths path")) {
    path.classList.toggle("taken", ways.has(/L_.+_/.exec(path.id)?.[0]));
  }
}

function list(executions, chosen) {
  byId("list").replaceChildren(
    ...executions.map(({ name, machine, status, started }) => {
      const link = element("a", `${machine}: ${status}, ${started.slice(11, 19)}`);
      link.href = `#${name}`;
      if (name === chosen.name) link.setAttribute("aria-current", "true");
      const item = element("li");
      item.append(link);
      return item;
    }),
  );
}

function tell({ name, machine, status, cause, steps, seconds: took }) {
  byId("title").textContent = `${machine}: ${status}, ${seconds(took)}`;
  byId("cause").textContent = cause || name;
  byId("steps").replaceChildren(
    ...steps.map((step) => {
      const row = element("tr");
      const cells = [seconds(step.at), step.state, seconds(step.seconds), step.tries || "", step.failures.join("\n")];
      row.append(...cells.map((text) => element("td", text)));
      return row;
    }),
  );
  byId("steps").closest("table").hidden = false;
}

let said = "";

async function look() {
  const answer = await fetch("executions", { headers: { accept: "application/json" } });
  const { machines, executions } = await answer.json();
  const chosen = executions.find(({ name }) => `#${name}` === location.hash) ?? executions[0];
  // What has not changed stays: a person may have put the focus on it.
  const news = JSON.stringify([executions.map(({ name, status }) => [name, status]), chosen]);
  if (!chosen || news === said) return;
  said = news;
  await draw(chosen.machine, machines[chosen.machine]);
  mark(chosen.steps);
  list(executions, chosen);
  tell(chosen);
}

async function watch() {
  // While the local cloud is stopped, the page keeps what it has.
  await look().catch(() => {});
  setTimeout(watch, POLL_MS);
}

addEventListener("hashchange", () => look().catch(() => {}));
watch();
