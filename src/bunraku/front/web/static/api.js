// Calls to the server. The server signs for the console: no secret ever reaches this page.

export class CallError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

export class LoginRequired extends Error {}

const watching = new Set();

/** `callback(action, params)` hears of every call a person made. */
export const onCall = (callback) => watching.add(callback);

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
  const session = await fetch('/console/session'); // a browser would log the 401 of the next as an error
  if (session.ok && !(await session.json()).loggedIn) throw new LoginRequired();
  const response = await fetch('/console/state');
  if (response.status === 401) throw new LoginRequired();
  if (!response.ok) throw new CallError(response.status, 'The console is not reachable.');
  return response.json();
}

/** The nodes there are, and what they carry. */
export async function nodes() {
  const response = await fetch('/console/nodes');
  return response.ok ? (await response.json()).nodes : [];
}

export async function login(password) {
  return (await post('/console/login', { password }).catch(() => ({ ok: false }))).ok;
}

/** Run an action of the API for an app; resolves to its Data. `quiet` for what no person asked for. */
export async function call(appId, action, params = {}, quiet = false) {
  if (!quiet) watching.forEach((callback) => callback(action, params));
  const answer = await (await post(`/console/call/${action}`, { appId, params })).json();
  if (answer.Code !== 0) throw new CallError(answer.Code, answer.Message);
  return answer.Data;
}

/** A room token and the user it is for. */
export const roomToken = async (appId) => (await post('/console/token', { appId })).json();

/** A pass for the share page: whoever has it may watch for so long. */
export const sharePass = async (appId, roomId, streamId, seconds) => (
  await settled(await post('/console/share', { appId, roomId, streamId, seconds }))
).pass;

/** The call as programs would make it: `{curl, python, node}`. */
export const code = async (appId, action, params) => (await post('/console/code', { appId, action, params })).json();

async function settled(response) {
  const answer = await response.json();
  if (!response.ok) throw new CallError(response.status, answer.error);
  return answer;
}

/** Answers with the new app's id and its two secrets: the only time they are seen. */
export const createApp = async (name) => settled(await post('/console/apps', { name }));

export const changeApp = async (appId, values) => settled(await post(`/console/apps/${appId}`, values));

/** `which`: 'server', the old one staying good for `overlap` seconds, or 'callback', at once. */
export const rotateSecret = async (appId, which, overlap) => settled(
  await post(`/console/apps/${appId}/rotate`, { which, ...(which === 'server' && { overlap }) }),
);

/** An app's own voices, without their keys. */
export const ownVoices = async (appId) => (await settled(await fetch(`/console/voices/${appId}`))).voices;

/** Answers with the timbres that were made of it. */
export const addVoice = async (appId, values) => settled(await post(`/console/voices/${appId}`, values));

export const removeVoice = async (appId, name) => settled(await post(`/console/voices/${appId}/${name}/delete`, {}));

/** An app's own digital humans, and how far those are that are being made. */
export const ownPeople = async (appId) => (await settled(await fetch(`/console/people/${appId}`))).people;

/** Begin to make one of a form's file; resolves to its id. `sent` hears the share that is on its way. */
export async function makePerson(appId, form, sent) {
  // Of an upload under way fetch says nothing.
  const request = new XMLHttpRequest();
  request.upload.onprogress = (event) => event.lengthComputable && sent(event.loaded / event.total);
  const over = new Promise((resolve, reject) => {
    request.onload = resolve;
    request.onerror = () => reject(new TypeError('Failed to fetch'));
  });
  request.open('POST', `/console/people/${appId}`);
  request.send(form);
  await over;
  if (request.status === 401) throw new LoginRequired();
  const answer = JSON.parse(request.responseText);
  if (answer.Code !== 0) throw new CallError(answer.Code, answer.Message);
  return answer.Data.DigitalHumanId;
}

/** `{name}`, `{timbreId}`: null takes the voice away. */
export const changePerson = async (appId, id, values) => settled(await post(`/console/people/${appId}/${id}`, values));

/** Rows of the audit log, newest first; `{app, action, before}`, each empty for all. */
export async function audit(wanted) {
  const answer = await fetch(`/console/audit?${new URLSearchParams(wanted)}`);
  if (answer.status === 401) throw new LoginRequired();
  return (await settled(answer)).audit;
}

/** Figures of a running task, whose they are, and the callbacks of late. */
export const figures = async (appId, taskId) => (await post('/console/figures', { appId, taskId })).json();

export const testCallback = async (appId) => (await post('/console/callback', { appId })).json();
