// One stream being played: from the first attempt, over losses and returns, until it is stopped.

import { CODES, fault } from './errors.js';
import { faceOf } from './draw/faces.js';
import { fetchArt, openChannel, startFigure, wantsDrawing } from './draw/figure.js';
import { connect, connected } from './media.js';

const WAIT_MS = 60000; // for a stream that is not there yet, or comes back
const RETRY_MS = 1000;
const QUALITY_MS = 3000;
const HOPELESS = new Set([400, 401, 403, 415]);

/**
 * `link()` gives `{url, token, iceServers, origin, appID, scene}`, the last being the stream's description;
 * `where` has isListed(), whether a room that we are in lists the stream, and isElsewhere(), which resolves to
 * whether there is such a stream at all; `on` has state(name, code), quality(stats), forgotten().
 * `first` resolves to the MediaStream, which stays the same object for ever.
 */
export function startPlaying(link, where, options, on) {
  const stream = new MediaStream();
  const face = faceOf(stream);
  let session = null;
  let figure = null; // what is drawn here in place of video
  let undrawable = false; // it was tried, and video serves better
  let silences = 0;
  let played = false;
  let stopped = false;
  let running = false;
  let turn = 0; // of the run that counts: the stream's end and the page's stop make it stale
  let wake = () => {};
  let settle;
  let meter;
  let farewell; // after which an ended stream's return is no longer waited for
  const promise = () => new Promise((resolve, reject) => {
    settle = { resolve, reject };
  });
  const first = promise();

  function pause(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  function put(track) {
    // A return of the stream: the page's MediaStream gets the new tracks in place of the old.
    for (const old of stream.getTracks()) if (old.kind === track.kind) stream.removeTrack(old);
    stream.addTrack(track);
  }

  function prepare(pc, stale, drawing) {
    for (const kind of ['video', 'audio']) {
      if (options[kind] === false || (drawing && kind === 'video')) continue;
      const { receiver } = pc.addTransceiver(kind, { direction: 'recvonly' });
      if (Number.isFinite(options.jitterBufferTarget)) receiver.jitterBufferTarget = options.jitterBufferTarget;
    }
    pc.ontrack = ({ track }) => {
      if (stale()) return; // an answer that comes too late shows nothing
      put(track);
    };
  }

  async function drop() {
    clearInterval(meter);
    const leaving = session;
    session = null;
    figure?.close();
    if (figure) face.set(null);
    figure = null;
    await leaving?.close();
  }

  /** To ask for what is not there is an error, which browsers also log. */
  async function there() {
    return where.isListed() || (await where.isElsewhere()) || where.isListed();
  }

  async function attempt(stale) {
    const { url, token, iceServers, origin, appID, scene } = link();
    const drawing = options.video !== false && !undrawable && wantsDrawing(scene?.drawing);
    const art = drawing ? fetchArt(origin, appID, scene.drawing, token) : null;
    art?.catch(() => {}); // the figure says so
    let begun; // art is unpacked and shaders are compiled while the connection is made
    const open = (pc) => {
      prepare(pc, stale, drawing);
      if (drawing) begun = draw(pc, scene, art);
    };
    const address = drawing ? `${url}?draw=${scene.drawing.version}` : url;
    const made = await connect(address, token, iceServers, open, (state) => {
      if (made === session && !running && (state === 'failed' || state === 'closed')) lost();
    }).catch((error) => {
      begun?.close();
      throw error;
    });
    if (stale()) {
      begun?.close();
      await made.close();
      return;
    }
    session = made;
    if (drawing) {
      figure = begun;
      figure.step('answered');
      if (!made.pc.sctp) {
        undrawable = true;
        throw fault(CODES.PARAMETER, 'the server does not let this stream be drawn');
      }
      put(figure.video);
      face.set(figure.canvas);
    }
    await connected(made.pc);
    figure?.connected();
    if (stale()) return;
    if (drawing) await figure.first;
    if (stale()) return;
    meter = setInterval(() => measure(made.pc), QUALITY_MS);
  }

  function draw(pc, scene, art) {
    const channel = openChannel(pc);
    const receiver = pc.getReceivers().find((one) => one.track.kind === 'audio');
    const failed = (problem) => {
      console.info(`drawing ended, video goes on: ${problem.message}`);
      silences += problem.again;
      undrawable = !problem.again || silences > 1;
      if (pc === session?.pc && !running) lost();
    };
    return startFigure({ scene, art, channel, receiver, face, failed });
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
    if (figure) {
      const { canvas, figures } = figure;
      const videoFPS = ((figures.pictures - (figures.measured ?? 0)) * 1000) / QUALITY_MS;
      figures.measured = figures.pictures;
      stats.video = { videoFPS, frameWidth: canvas.width, frameHeight: canvas.height };
    }
    on.quality(stats);
  }

  async function run() {
    if (running || stopped) return;
    running = true;
    clearTimeout(farewell);
    turn += 1;
    const mine = turn;
    const stale = () => mine !== turn;
    const deadline = Date.now() + WAIT_MS;
    on.state('PLAY_REQUESTING', 0);
    while (!stale()) {
      const before = undrawable;
      try {
        if (!(await there())) throw fault(CODES.NO_SUCH_STREAM, 'no such stream');
        if (stale()) return;
        await attempt(stale);
        if (stale()) return;
        running = false;
        played = true;
        on.state('PLAYING', 0);
        settle.resolve(stream);
        return;
      } catch (error) {
        if (stale()) return;
        await drop();
        if (stale()) return;
        if (HOPELESS.has(error.status) || Date.now() + RETRY_MS > deadline) {
          running = false;
          const problem = error.code ? error : fault(CODES.ICE_FAILED, error.message);
          on.state('NO_PLAY', problem.code);
          settle.reject(problem);
          return;
        }
        if (undrawable === before) await pause(RETRY_MS);
      }
    }
  }

  /** No run counts any more, and nothing of the stream is shown. */
  function halt() {
    turn += 1;
    running = false;
    wake();
    for (const track of stream.getTracks()) stream.removeTrack(track);
    return drop();
  }

  /** The connection broke: try anew, keeping the page's MediaStream. */
  function lost() {
    drop(); // not waited for: the server may not hear us, and the stream's end must find a run
    run();
  }

  const unwatch = face.watch(() => figure?.placed());
  run();
  return {
    stream,
    /** What is drawn here, counted; null while it is video. */
    get drawn() {
      return figure?.figures ?? null;
    },
    first,
    /** The stream is (again) published: no need to wait for the next attempt. */
    published() {
      if (running) wake();
      else if (!session) run();
    },
    /** The stream ended; should it return, it plays on. One that never played is still waited for. */
    async ended() {
      if (!played || !(running || session)) return;
      const gone = halt(); // also of a new attempt, when the connection broke before the news came
      farewell = setTimeout(() => {
        stopped = true;
        on.forgotten();
      }, WAIT_MS);
      on.state('NO_PLAY', CODES.STREAM_ENDED);
      await gone;
    },
    /** Ended, and neither back nor waited for by the page. */
    get over() {
      return played && !running && !session && !stopped;
    },
    /** The page asks for an ended stream anew: resolves to the same MediaStream when it is back. */
    again(wanted) {
      options = wanted;
      const back = promise();
      run();
      return back;
    },
    async stop() {
      stopped = true;
      unwatch();
      clearTimeout(farewell);
      settle.reject(fault(CODES.NO_SUCH_STREAM, 'playing was stopped'));
      await halt();
      on.state('NO_PLAY', 0);
    },
  };
}
