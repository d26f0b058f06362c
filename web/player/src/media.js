// Media by WHEP and WHIP: one POST with an offer, one answer, DELETE to leave.

import { CODES, fault } from './errors.js';

const GATHER_MS = 1500;
const CONNECT_MS = 15000;

function gathered(pc) {
  if (pc.iceGatheringState === 'complete') return Promise.resolve();
  return new Promise((resolve) => {
    setTimeout(resolve, GATHER_MS);
    pc.addEventListener('icegatheringstatechange', () => pc.iceGatheringState === 'complete' && resolve());
  });
}

/** The refusal of a server, with the code that its text begins with, if any. */
async function refusal(response) {
  const text = await response.text();
  const found = /^(\d{7}) (.*)$/.exec(text);
  if (found) return Object.assign(fault(Number(found[1]), found[2]), { status: response.status });
  const code = response.status === 404 ? CODES.NO_SUCH_STREAM : CODES.LOGIN_REFUSED;
  return Object.assign(fault(code, text || `HTTP ${response.status}`), { status: response.status });
}

/**
 * Exchange descriptions over one URL. `prepare` fills the connection before the offer is made.
 * Resolves to `{pc, close}` once the answer is in place.
 */
export async function connect(url, token, iceServers, prepare, onState) {
  const pc = new RTCPeerConnection({ iceServers, bundlePolicy: 'max-bundle' });
  let resource = null;
  const close = async () => {
    pc.onconnectionstatechange = null;
    pc.close();
    const leaving = resource;
    resource = null;
    if (leaving) await fetch(leaving, { method: 'DELETE', keepalive: true }).catch(() => {});
  };
  try {
    prepare(pc);
    await pc.setLocalDescription(await pc.createOffer());
    // The server learns our addresses from our checks; only a relay's must be in the offer.
    if (iceServers.length) await gathered(pc);
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/sdp', Authorization: `Bearer ${token}` },
      body: pc.localDescription.sdp,
    });
    if (response.status !== 201) throw await refusal(response);
    const location = response.headers.get('Location');
    resource = location ? new URL(location, url).href : null;
    await pc.setRemoteDescription({ type: 'answer', sdp: await response.text() });
    pc.onconnectionstatechange = () => onState(pc.connectionState);
    return { pc, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Until the connection carries media; rejects with 1104028 when it fails or takes too long. */
export function connected(pc) {
  return new Promise((resolve, reject) => {
    const failed = () => reject(fault(CODES.ICE_FAILED, 'no connection to the media server'));
    const timer = setTimeout(failed, CONNECT_MS);
    const look = () => {
      if (pc.connectionState === 'connected') {
        clearTimeout(timer);
        resolve();
      } else if (['failed', 'closed'].includes(pc.connectionState)) {
        clearTimeout(timer);
        failed();
      }
    };
    pc.addEventListener('connectionstatechange', look);
    look();
  });
}
