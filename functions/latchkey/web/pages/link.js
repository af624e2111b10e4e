// What a mailed link and the code in the same mail have in common: the page, the handle and the secret, in this order.
// Mail programs escape, wrap, break and lengthen links. Wherever the three are still there, the link works: each has a
// form of its own, so it does not matter what stands between and behind them.
const LINK =
  /(extract|confirm|revoke|unlock).{0,12}?([0-9a-f]{32})\.?(\d{10})\.?([0-9a-f]{32})(?:.{1,20}?rs=(?:3D)?)?([\w-]{43})/;

function findLink(text) {
  const whole = text
    // However often it was escaped: %23, %2523, …
    .replace(/%(?:25)*([0-7][0-9a-f])/gi, (_, code) => String.fromCharCode(parseInt(code, 16)))
    .replace(/=?\s+/g, "");
  const [, page, user, expiry, reset, rs] = LINK.exec(whole) || [];
  // No secret is in small letters alone: a program changed them.
  return rs && rs !== rs.toLowerCase() ? { page, ph: `${user}.${expiry}.${reset}`, rs } : null;
}

const [, base, page] = /^(.*\/)(extract|confirm|revoke|unlock)/.exec(location.pathname);
const addressOf = (link) => `${base}${link.page}#ph=${link.ph}&rs=${link.rs}`;

// The query is never read: servers on the way write it into their logs.
const link = findLink(location.pathname + location.hash);
const { ph, rs } = link || {};

function finish(view) {
  history.replaceState("over", "", base + page);
  show(view);
}

// The answer to a press may get lost although the press counted. So the tab remembers, even when the page is loaded
// again, which view is true if a later press is told that the link was used.
let unanswered;

async function press(path, answer, view) {
  unanswered = history.state;
  history.replaceState(view, "");
  const response = await post(path, { ph, rs, ...answer });
  if (response.status === 503 || response.status < 500) history.replaceState(unanswered, "");
  return response;
}

const secondsLeft = () => Number(ph.split(".")[1]) - Date.now() / 1000;

function conclude(response, view) {
  if (response.ok) return finish(view);
  if (response.status === 410 || response.status === 400) return finish((secondsLeft() > 0 && unanswered) || "invalid");
  if (response.status === 504) return words.mayHaveCounted;
  if (response.status !== 503) return explain(response);
  const wait = Number(response.headers.get("Retry-After"));
  return wait > 0 ? words.notReady.replace("{time}", count(wait)) : words.notReadySoon;
}

function count(seconds) {
  const [unit, length] = seconds >= 7200 ? ["hour", 3600] : seconds >= 120 ? ["minute", 60] : ["second", 1];
  const format = new Intl.NumberFormat(document.documentElement.lang, {
    style: "unit",
    unit,
    unitDisplay: "long",
    numberingSystem: "latn",
  });
  return format.format(Math.floor(seconds / length));
}

byId("code-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const pasted = findLink(byId("code").value);
  if (pasted) location.replace(addressOf(pasted));
  else complain("code", words.codeIncomplete);
});

// A second link opened in the same tab changes the fragment only, and the browser keeps the page.
addEventListener("hashchange", () => location.reload());

if (link) history.replaceState(history.state, "", addressOf(link));
else if (history.state === "over") show("invalid");
else {
  history.replaceState(null, "", base + page);
  show("cut");
}
