const byId = (id) => document.getElementById(id);

// What this script says, in the page's language.
const words = document.querySelector("main").dataset;

function show(view) {
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== view;
  const heading = byId(view).querySelector("h1");
  document.title = `${heading.textContent} · ${document.querySelector("header").textContent.trim()}`;
  heading.focus();
}

// The paths are relative, because the API lives below a stage that only the address bar knows.
function post(path, body, headers = {}) {
  return send(path, JSON.stringify(body), { "Content-Type": "application/json", ...headers });
}

function send(address, body, headers = {}) {
  // API Gateway gives up after 29 seconds. Safari before 16 has no `AbortSignal.timeout`.
  const patience = new AbortController();
  setTimeout(() => patience.abort(), 30_000);
  return fetch(address, {
    method: "POST",
    headers,
    body,
    cache: "no-store",
    redirect: "error",
    signal: patience.signal,
  });
}

// One request at a time, whichever button asks for it: of two answers, only the first would count.
// `aria-disabled` rather than `disabled`, which would throw away the keyboard's focus.
// Mail gateways open links in a browser and press what they find there by script: that counts for nothing.
async function alone(event, button, status, work) {
  if (!event.isTrusted) {
    status.textContent = words.pressYourself;
    return;
  }
  if (button.getAttribute("aria-disabled") === "true") return;
  const buttons = button.parentElement.querySelectorAll("button");
  for (const each of buttons) each.setAttribute("aria-disabled", "true");
  status.textContent = words.wait;
  try {
    status.textContent = (await work()) ?? "";
  } catch {
    status.textContent = words.noAnswer;
  } finally {
    for (const each of buttons) each.setAttribute("aria-disabled", "false");
  }
}

function complain(id, sentence) {
  byId(`${id}-error`).textContent = sentence;
  byId(id).setAttribute("aria-invalid", String(sentence !== ""));
  if (sentence) byId(id).focus();
}

async function explain(response) {
  switch (response.status) {
    case 401:
    case 403:
      return words.notAllowed;
    case 429:
      return words.tooMany;
    case 500: {
      // One of API Gateway's own, without an error of ours: it could start no function, because too many run.
      const answer = await response.json().catch(() => ({}));
      return answer.message && !answer.error ? words.tooMany : words.ourFault;
    }
    default:
      return words.ourFault;
  }
}
