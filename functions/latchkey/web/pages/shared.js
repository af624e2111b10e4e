const byId = (id) => document.getElementById(id);

// What this script says, in the page's language.
const words = document.querySelector("main").dataset;

function show(view) {
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== view;
  const heading = byId(view).querySelector("h1");
  document.title = `${heading.textContent} · Latchkey`;
  heading.focus();
}

// The paths are relative, because the API lives below a stage that only the address bar knows.
function post(path, body) {
  return fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    cache: "no-store",
    redirect: "error",
    // API Gateway gives up after 29 seconds, so whoever waits longer waits for nobody.
    signal: AbortSignal.timeout(30_000),
  });
}

// One request at a time, whichever button asks for it: of two answers, only the first would count.
// `aria-disabled` rather than `disabled`, which would throw away the keyboard's focus.
async function alone(button, status, work) {
  if (button.ariaDisabled === "true") return;
  const buttons = button.parentElement.querySelectorAll("button");
  for (const each of buttons) each.ariaDisabled = "true";
  status.textContent = words.wait;
  try {
    status.textContent = (await work()) ?? "";
  } catch {
    status.textContent = words.noAnswer;
  } finally {
    for (const each of buttons) each.ariaDisabled = "false";
  }
}

function explain(response) {
  switch (response.status) {
    case 401:
    case 403:
      return words.notAllowed;
    case 429:
      return words.tooMany;
    default:
      return words.ourFault;
  }
}
