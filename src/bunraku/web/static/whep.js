// Watching a stream by WHEP: one POST with an offer, one answer, DELETE to leave.

function gathered(pc, ms) {
  if (pc.iceGatheringState === 'complete') return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    pc.addEventListener('icegatheringstatechange', () => {
      if (pc.iceGatheringState === 'complete') {
        clearTimeout(timer);
        resolve();
      }
    });
  });
}

export class WhepError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export class Whep {
  /** `onstate` hears of RTCPeerConnection.connectionState. */
  constructor({ iceServers = [], onstate = () => {} } = {}) {
    this.stream = new MediaStream();
    this.pc = new RTCPeerConnection({ iceServers, bundlePolicy: 'max-bundle' });
    this.pc.addTransceiver('video', { direction: 'recvonly' });
    this.pc.addTransceiver('audio', { direction: 'recvonly' });
    this.pc.ontrack = ({ track }) => this.stream.addTrack(track);
    this.pc.onconnectionstatechange = () => onstate(this.pc.connectionState);
    this.resource = null;
  }

  /** Connect; resolves once the answer is in place. */
  async play(url, token) {
    await this.pc.setLocalDescription(await this.pc.createOffer());
    // Our server needs no candidates of ours: it learns them from the checks. Wait only when
    // a relay was configured, whose candidates matter.
    if (this.pc.getConfiguration().iceServers.length) await gathered(this.pc, 1500);
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/sdp', Authorization: `Bearer ${token}` },
      body: this.pc.localDescription.sdp,
    });
    if (response.status !== 201) throw new WhepError(response.status, await response.text());
    const location = response.headers.get('Location');
    this.resource = location ? new URL(location, new URL(url, window.location.href)).href : null;
    await this.pc.setRemoteDescription({ type: 'answer', sdp: await response.text() });
    return this.stream;
  }

  async close() {
    this.pc.close();
    const resource = this.resource;
    this.resource = null;
    if (resource) await fetch(resource, { method: 'DELETE', keepalive: true }).catch(() => {});
  }
}
