// The user pool's managed login: an authorization code with PKCE (RFC 7636). The token stays in this page's
// memory; what has to outlive the way there and back opens nothing without the code.
const { pool, client } = byId("sign-in").dataset;
const here = location.origin + location.pathname;
const WAY_BACK = "latchkey-sign-in";

function encode(bytes) {
  const text = btoa(String.fromCharCode(...new Uint8Array(bytes)));
  return text.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

async function signIn() {
  const [state, verifier] = [1, 2].map(() => encode(crypto.getRandomValues(new Uint8Array(32))));
  sessionStorage.setItem(WAY_BACK, JSON.stringify({ state, verifier, user: field.value }));
  const challenge = encode(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier)));
  const query = new URLSearchParams({
    response_type: "code",
    client_id: client,
    redirect_uri: here,
    scope: "openid email",
    state,
    code_challenge: challenge,
    code_challenge_method: "S256",
  });
  location.assign(`${pool}/oauth2/authorize?${query}`);
}

async function comeBack(answer) {
  const { state, verifier, user } = JSON.parse(sessionStorage.getItem(WAY_BACK) || "{}");
  sessionStorage.removeItem(WAY_BACK);
  history.replaceState(null, "", location.pathname);
  const code = answer.get("code");
  if (!code || !state || answer.get("state") !== state) return words.notSignedIn;
  const response = await send(
    `${pool}/oauth2/token`,
    new URLSearchParams({
      grant_type: "authorization_code",
      client_id: client,
      redirect_uri: here,
      code,
      code_verifier: verifier,
    }),
  );
  if (!response.ok) return words.notSignedIn;
  credentials.Authorization = (await response.json()).id_token;
  field.value = field.value || user;
  show("request");
}

const passDoor = (event, work) => alone(event, byId("sign-in-button"), byId("sign-in-status"), work);

byId("sign-in-button").addEventListener("click", (event) => passDoor(event, signIn));
const answer = new URLSearchParams(location.search);
// Nothing is used up but the code, which opens nothing elsewhere: no press of a person's is asked for.
if (answer.has("state")) passDoor({ isTrusted: true }, () => comeBack(answer));
