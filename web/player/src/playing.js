// One stream being played: from the first attempt, over losses and returns, until it is stopped.

import { CODES, fault } from './errors.js';
import { connect, connected } from './media.js';

const WAIT_MS = 60000; // for a stream that is not there yet, or comes back
const RETRY_MS = 1000;
const QUALITY_MS = 3000;
const HOPELESS = new Set([400, 401, 403, 415]);

/**
 * `link()` gives `{url, token, iceServers}`; `on` has state(name, code), quality(stats).
 * `first` resolves to the MediaStream, which stays the same object for ever.
 */
export function startPlaying(link, options, on) {
  const stream = new MediaStream();
  let session = null;
  let stopped = false;
  let running = false;
  let deadline = 0;
  let wake = () => {};
  let settle;
  let meter;
  const first = new Promise((resolve, reject) => {
    settle = { resolve, reject };
  });

  function pause(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  function prepare(pc) {
    for (const kind of ['video', 'audio']) {
      if (options[kind] === false) continue;
      const { receiver } = pc.addTransceiver(kind, { direction: 'recvonly' });
      if (Number.isFinite(options.jitterBufferTarget)) receiver.jitterBufferTarget = options.jitterBufferTarget;
    }
    pc.ontrack = ({ track }) => {
      // A return of the stream: the page's MediaStream gets the new tracks in place of the old.
      for (const old of stream.getTracks()) if (old.kind === track.kind) stream.removeTrack(old);
      stream.addTrack(track);
    };
  }

  async function drop() {
    clearInterval(meter);
    const leaving = session;
    session = null;
    await leaving?.close();
  }

  async function attempt() {
    const { url, token, iceServers } = link();
    const made = await connect(url, token, iceServers, prepare, (state) => {
      if (made === session && (state === 'failed' || state === 'closed')) lost();
    });
    if (stopped) {
      await made.close();
      return;
    }
    session = made;
    await connected(made.pc);
    meter = setInterval(() => measure(made.pc), QUALITY_MS);
  }

  async function measure(pc) {
    const stats = { video: {}, audio: {} };
    for (const report of (await pc.getStats()).values()) {
      if (report.type === 'inbound-rtp') {
        const { framesPerSecond, frameWidth, frameHeight, packetsLost, packetsReceived, jitter, bytesReceived } = report;
        const lost = packetsLost / Math.max(1, packetsLost + packetsReceived);
        stats[report.kind] = {
          videoFPS: framesPerSecond, frameWidth, frameHeight, jitter, bytesReceived,
          packetsLost, packetsLostRate: Math.max(0, lost),
        };
      } else if (report.type === 'candidate-pair' && report.nominated) {
        stats.roundTripTime = report.currentRoundTripTime;
      }
    }
    on.quality(stats);
  }

  async function run() {
    if (running || stopped) return;
    running = true;
    deadline = Date.now() + WAIT_MS;
    on.state('PLAY_REQUESTING', 0);
    let problem = fault(CODES.NO_SUCH_STREAM, 'stream does not exist');
    while (!stopped) {
      try {
        await attempt();
        if (!stopped) {
          on.state('PLAYING', 0);
          settle.resolve(stream);
        }
        running = false;
        return;
      } catch (error) {
        problem = error.code ? error : fault(CODES.ICE_FAILED, error.message);
        await drop();
        if (HOPELESS.has(error.status) || Date.now() + RETRY_MS > deadline) break;
        await pause(RETRY_MS);
      }
    }
    running = false;
    if (stopped) return;
    on.state('NO_PLAY', problem.code);
    settle.reject(problem);
  }

  /** The connection broke: try anew, keeping the page's MediaStream. */
  async function lost() {
    await drop();
    run();
  }

  run();
  return {
    stream,
    first,
    /** The stream is (again) published: no need to wait for the next attempt. */
    published() {
      if (running) wake();
      else if (!session) run();
    },
    /** The stream ended; should it return within a minute, it plays on. */
    async ended() {
      if (running) return;
      await drop();
      for (const track of stream.getTracks()) stream.removeTrack(track);
      on.state('NO_PLAY', CODES.STREAM_ENDED);
    },
    async stop() {
      stopped = true;
      wake();
      settle.reject(fault(CODES.NO_SUCH_STREAM, 'playing was stopped'));
      for (const track of stream.getTracks()) stream.removeTrack(track);
      await drop();
      on.state('NO_PLAY', 0);
    },
  };
}
