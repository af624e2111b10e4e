const LONGEST_CLAIM = 24 * 60 * 60;

// Only told, never acted upon: the clock of this device may be wrong, and the server decides.
function tellTimeLeft() {
  const left = secondsLeft();
  let sentence = "";
  if (left <= 0) sentence = words.expired;
  else if (left <= LONGEST_CLAIM) sentence = words.validFor.replace("{time}", count(left));
  byId("time-left").textContent = sentence;
}

function inWords(moment) {
  return moment.toLocaleString(document.documentElement.lang, {
    dateStyle: "full",
    timeStyle: "short",
    numberingSystem: "latn",
  });
}

function forget() {
  byId("password").textContent = "";
  show("invalid");
}

async function reveal() {
  const response = await press("extract", {}, "lost");
  if (response.ok) {
    const claim = await response.json();
    byId("user").textContent = claim.user;
    byId("password").textContent = claim.password;
    byId("sign-in").href = claim.sign_in_url;
    byId("sign-in").hidden = !claim.sign_in_url;
    byId("sign-in-hint").textContent = claim.sign_in_hint ?? "";
    byId("sign-in-hint").hidden = !claim.sign_in_hint;
    // The browser may keep this page in memory and bring it back when a person presses Back.
    addEventListener("pagehide", forget);
  }
  const newer = response.headers.get("Latchkey-Newer-Link-At");
  if (newer) {
    byId("newer").textContent = words.newer.replace("{time}", inWords(new Date(newer)));
    return finish("superseded");
  }
  return conclude(response, "revealed");
}

async function copy() {
  const status = byId("copy-status");
  status.textContent = "";
  try {
    await navigator.clipboard.writeText(byId("password").textContent);
    status.textContent = words.copied;
  } catch {
    getSelection().selectAllChildren(byId("password"));
    status.textContent = words.copyByHand;
  }
}

const button = byId("reveal-button");
button.addEventListener("click", (event) => alone(event, button, byId("status"), reveal));
byId("copy").addEventListener("click", copy);
if (link) {
  tellTimeLeft();
  setInterval(tellTimeLeft, 1000);
}
