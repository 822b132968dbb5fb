// Requests to the API, with the key of this tab where one was entered.

const KEY = "functionKey";

export class NoAccess extends Error {
  constructor(needsSignIn) {
    super("no access");
    this.needsSignIn = needsSignIn;
  }
}

// Kept for the tab only, and never put into an address.
export function enterKey(key) {
  sessionStorage.setItem(KEY, key);
}

export async function call(path, options = {}) {
  const key = sessionStorage.getItem(KEY);
  const headers = { ...options.headers, ...(key ? { "x-functions-key": key } : {}) };
  const response = await fetch(`/api/${path}`, { ...options, headers });
  if (response.status === 401) {
    // The host refuses a wrong key without a body; the app says when somebody has to sign in.
    const problem = await response.json().catch(() => null);
    sessionStorage.removeItem(KEY);
    throw new NoAccess(problem?.code === "SignInNeeded");
  }
  return response;
}
