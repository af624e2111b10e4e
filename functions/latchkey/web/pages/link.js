// The fragment alone: it never reaches a server or its logs, as the query would.
const fragment = new URLSearchParams(location.hash.slice(1));
const ph = fragment.get("ph");
const rs = fragment.get("rs");

function finish(view) {
  history.replaceState(null, "", location.pathname);
  show(view);
}

function conclude(response, view) {
  if (response.ok) return finish(view);
  if (response.status === 410 || response.status === 400) return finish("invalid");
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

// A second link opened in the same tab changes the fragment only, and the browser keeps the page.
addEventListener("hashchange", () => location.reload());

if (!ph || !rs) finish("invalid");
