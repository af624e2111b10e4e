// The fragment alone: it never reaches a server or its logs, as the query would.
const fragment = new URLSearchParams(location.hash.slice(1));
const ph = fragment.get("ph");
const rs = fragment.get("rs");
const LONGEST_CLAIM = 24 * 60 * 60;
let clock;

function count(seconds) {
  const [unit, length] = seconds >= 7200 ? ["hour", 3600] : seconds >= 120 ? ["minute", 60] : ["second", 1];
  const format = new Intl.NumberFormat("en", { style: "unit", unit, unitDisplay: "long" });
  return format.format(Math.floor(seconds / length));
}

// Only told, never acted upon: the clock of this device may be wrong, and the server decides.
function tellTimeLeft() {
  const left = Number(ph.split(".")[1]) - Date.now() / 1000;
  let sentence = "";
  if (left <= 0) sentence = "By the clock of this device, the link has expired.";
  else if (left <= LONGEST_CLAIM) sentence = `This link is valid for another ${count(left)}.`;
  byId("time-left").textContent = sentence;
}

function finish(view) {
  clearInterval(clock);
  history.replaceState(null, "", "extract");
  show(view);
}

function forget() {
  byId("password").textContent = "";
  show("invalid");
}

async function reveal() {
  const response = await post("extract", { ph, rs });
  if (response.ok) {
    const claim = await response.json();
    byId("user").textContent = claim.user;
    byId("password").textContent = claim.password;
    byId("sign-in").href = claim.sign_in_url;
    // The browser may keep this page in memory and bring it back for whoever presses Back.
    addEventListener("pagehide", forget);
    return finish("revealed");
  }
  if (response.status === 410 || response.status === 400) return finish("invalid");
  if (response.status !== 503) return explain(response);
  const wait = Number(response.headers.get("Retry-After"));
  return `Your password is not ready yet. Please try again in ${wait > 0 ? count(wait) : "a moment"}.`;
}

async function copy() {
  const status = byId("copy-status");
  status.textContent = "";
  try {
    await navigator.clipboard.writeText(byId("password").textContent);
    status.textContent = "Copied to the clipboard.";
  } catch {
    getSelection().selectAllChildren(byId("password"));
    status.textContent = "This browser does not let us copy. The password is selected: copy it by hand.";
  }
}

byId("reveal-button").addEventListener("click", () => alone(byId("reveal-button"), byId("status"), reveal));
byId("copy").addEventListener("click", copy);
// A second link opened in the same tab changes the fragment only, and the browser keeps the page.
addEventListener("hashchange", () => location.reload());

if (ph && rs) {
  tellTimeLeft();
  clock = setInterval(tellTimeLeft, 1000);
} else {
  finish("invalid");
}
