// Calls to the server. The server signs for the console: no secret ever reaches this page.

export class CallError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

export class LoginRequired extends Error {}

async function post(path, body) {
  const response = await fetch(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (response.status === 401) throw new LoginRequired();
  return response;
}

export async function state() {
  const response = await fetch('/console/state');
  if (response.status === 401) throw new LoginRequired();
  if (!response.ok) throw new CallError(response.status, 'The console is not reachable.');
  return response.json();
}

export async function login(password) {
  return (await fetch('/console/login', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ password }),
  })).ok;
}

/** Run an action of the API for an app; resolves to its Data. */
export async function call(appId, action, params = {}) {
  const answer = await (await post(`/console/call/${action}`, { appId, params })).json();
  if (answer.Code !== 0) throw new CallError(answer.Code, answer.Message);
  return answer.Data;
}

/** A room token and the user it is for. */
export async function roomToken(appId) {
  return (await post('/console/token', { appId })).json();
}
