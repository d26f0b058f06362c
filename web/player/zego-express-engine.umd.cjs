// Made from src/ by scripts/build_player.py: do not edit.
(function (root, factory) {
  const made = factory(typeof document === 'undefined' ? null : document.currentScript);
  if (typeof module === 'object' && module.exports) module.exports = made;
  else if (typeof define === 'function' && define.amd) define([], () => made);
  else root.ZegoExpressEngine = made.ZegoExpressEngine;
})(typeof globalThis === 'undefined' ? this : globalThis, (script) => {
'use strict';

// Errors as pages for the vendor's SDK read them: `error.msg || error.message`, `error.code`.

const CODES = {
  NOT_LOGGED_IN: 1000002,
  STREAM_ID_LONG: 1000014,
  STREAM_ID_EMPTY: 1000015,
  ROOM_ID_EMPTY: 1002011,
  ROOM_ID_ILLEGAL: 1002012,
  ROOM_ID_LONG: 1002013,
  LOGIN_TIMEOUT: 1002031,
  KICKED_OUT: 1002050,
  NO_SUCH_STREAM: 1004002,
  PARAMETER: 1100001,
  TOKEN_FORMAT: 1102016,
  LOGIN_REFUSED: 1102020,
  NO_DEVICE: 1103064,
  ICE_FAILED: 1104028,
  PLAY_TIMEOUT: 1104031,
  ALREADY_PLAYING: 1104032,
  STREAM_ENDED: 1104039,
};

function fault(code, text, extendedData = '') {
  const error = new Error(text);
  return Object.assign(error, { code, errorCode: code, msg: text, extendedData });
}

/** Vue must not wrap what we hand out: methods live in closures, and media objects break in a proxy. */
function unwrapped(object) {
  return Object.defineProperty(object, '__v_skip', { value: true, enumerable: false });
}

// Listeners by event name, called in the order they came. Their faults are theirs alone.

function listeners() {
  const table = new Map();
  return {
    on(event, callback) {
      if (typeof callback !== 'function') return false;
      if (!table.has(event)) table.set(event, []);
      table.get(event).push(callback);
      return true;
    },
    off(event, callback) {
      if (!table.has(event)) return false;
      if (!callback) return table.delete(event);
      const kept = table.get(event).filter((one) => one !== callback);
      const found = kept.length < table.get(event).length;
      table.set(event, kept);
      return found;
    },
    emit(event, ...values) {
      for (const callback of [...(table.get(event) || [])]) {
        try {
          callback(...values);
        } catch (error) {
          console.error(`listener of ${event}`, error);
        }
      }
    },
    clear: () => table.clear(),
  };
}

// Where our server is: what the page sets, a URL of its own, whence this module came, the page itself.

const HERE = (script && script.src) || '';

const VENDOR = /(^|\.)zego(cloud)?\.(im|com)$|(^|\.)zegotech\.cn$|(^|\.)coolzcloud(accesshub)?\.com$/i;
const engineOptions = {};

function origin(url) {
  try {
    const found = new URL(url); // nothing relative: "undefined" is no server
    if (!/^(wss?|https?):$/.test(found.protocol) || VENDOR.test(found.hostname)) return null;
    return `${found.protocol.replace('ws', 'http')}//${found.host}`;
  } catch {
    return null;
  }
}

/** The server's origin, such as https://dh.example.com. */
function findServer(given) {
  const candidates = [engineOptions.server, window.ZEGO_DH_SERVER, given, HERE, window.location.href];
  for (const candidate of candidates) {
    const found = typeof candidate === 'string' && candidate ? origin(candidate) : null;
    if (found) return found;
  }
  return window.location.origin;
}

// Media by WHEP and WHIP: one POST with an offer, one answer, DELETE to leave.


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
async function connect(url, token, iceServers, prepare, onState) {
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
function connected(pc) {
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

// One room's signalling: a WebSocket that logs in, tells of streams, people and messages, and comes back.


const LOGIN_MS = 10000;
const PING_MS = 20000;
const DEAF_MS = 15000; // without a pong: the network is gone
const FIRST_RETRY_MS = 300;
const LAST_RETRY_MS = 8000;
const GIVE_UP_MS = 20 * 60 * 1000;
// Refusals that no second attempt can change.
const FINAL = new Set([1102016, 1102018, 1102020, 1002034, 1002050, 1100001]);

/**
 * `on` has: login(message), lost(), back(message), failed(code, text), kicked(), streams(update, list),
 * users(update, list, count), message(content), expiring().
 */
function enterRoom(origin, login, on) {
  let socket;
  let closed = false;
  let entered = false;
  let attempt = 0;
  let lostAt = 0;
  let pinger;
  let deaf;
  let retry;
  let opening;

  function rest() {
    clearInterval(pinger);
    clearTimeout(deaf);
    clearTimeout(opening);
    deaf = undefined;
  }

  function send(message) {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  }

  function end() {
    closed = true;
    rest();
    clearTimeout(retry);
    if (!socket) return;
    socket.onclose = null;
    socket.close();
  }

  function fail(code, text) {
    end();
    on.failed(code, text, entered);
  }

  function lost() {
    rest();
    if (closed) return;
    if (!entered) {
      fail(CODES.LOGIN_TIMEOUT, 'the server could not be reached');
      return;
    }
    if (!lostAt) {
      lostAt = Date.now();
      on.lost();
    }
    if (Date.now() - lostAt > GIVE_UP_MS) {
      fail(CODES.LOGIN_TIMEOUT, 'the server did not come back');
      return;
    }
    attempt += 1;
    const wait = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** attempt);
    retry = setTimeout(open, wait * (0.7 + 0.6 * Math.random()));
  }

  function hear(message) {
    switch (message.event) {
      case 'login': {
        const again = entered;
        entered = true;
        attempt = 0;
        lostAt = 0;
        rest();
        pinger = setInterval(() => {
          send({ type: 'ping' });
          deaf ??= setTimeout(() => {
            socket.onclose = null;
            socket.close();
            lost();
          }, DEAF_MS);
        }, PING_MS);
        if (again) on.back(message);
        else on.login(message);
        break;
      }
      case 'pong':
        clearTimeout(deaf);
        deaf = undefined;
        break;
      case 'error':
        if (!entered || (lostAt && FINAL.has(message.code))) fail(message.code, message.message);
        break;
      case 'kickout':
        end();
        on.kicked();
        break;
      case 'streams':
        on.streams(message.update, message.streams);
        break;
      case 'users':
        on.users(message.update, message.users, message.count);
        break;
      case 'message':
        on.message(message.content);
        break;
      case 'expiring':
        on.expiring();
        break;
      default:
    }
  }

  function open() {
    try {
      socket = new WebSocket(`${origin.replace(/^http/, 'ws')}/rtc/room`);
    } catch {
      setTimeout(lost); // such as a plain socket on a secure page: told as any other server out of reach
      return;
    }
    opening = setTimeout(() => {
      socket.onclose = null;
      socket.close();
      if (entered) lost();
      else fail(CODES.LOGIN_TIMEOUT, 'login took too long');
    }, LOGIN_MS);
    socket.onopen = () => send({ type: 'login', ...login });
    socket.onmessage = ({ data }) => {
      clearTimeout(opening);
      hear(JSON.parse(data));
    };
    socket.onclose = lost;
  }

  if (typeof WebSocket === 'undefined') throw fault(CODES.PARAMETER, 'this browser has no WebSocket');
  open();
  return {
    leave: end,
    renew(token) {
      login.token = token;
      send({ type: 'renew', token });
    },
  };
}

// A transparent stream carries colour in its left half and alpha, as luma, in its right: composited here.

const VERTEX = `attribute vec2 at; varying vec2 place;
void main() { place = vec2(at.x * 0.5 + 0.5, 0.5 - at.y * 0.5); gl_Position = vec4(at, 0.0, 1.0); }`;
const FRAGMENT = `precision mediump float; varying vec2 place; uniform sampler2D picture;
void main() {
  vec3 colour = texture2D(picture, vec2(place.x * 0.5, place.y)).rgb;
  float alpha = texture2D(picture, vec2(0.5 + place.x * 0.5, place.y)).g;
  // The colour lies over black: it is premultiplied already.
  gl_FragColor = vec4(min(colour, vec3(alpha)), alpha);
}`;

function shader(gl, type, source) {
  const made = gl.createShader(type);
  gl.shaderSource(made, source);
  gl.compileShader(made);
  return made;
}

/** Draw `video` onto `canvas` until `stop()`. Null when the browser has no WebGL. */
function composite(video, canvas) {
  const gl = canvas.getContext('webgl', { premultipliedAlpha: true, alpha: true, preserveDrawingBuffer: true });
  if (!gl) return null;
  const program = gl.createProgram();
  gl.attachShader(program, shader(gl, gl.VERTEX_SHADER, VERTEX));
  gl.attachShader(program, shader(gl, gl.FRAGMENT_SHADER, FRAGMENT));
  gl.linkProgram(program);
  gl.useProgram(program);
  gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]), gl.STATIC_DRAW);
  const at = gl.getAttribLocation(program, 'at');
  gl.enableVertexAttribArray(at);
  gl.vertexAttribPointer(at, 2, gl.FLOAT, false, 0, 0);
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
  for (const [name, value] of [
    [gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE], [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE],
    [gl.TEXTURE_MIN_FILTER, gl.LINEAR], [gl.TEXTURE_MAG_FILTER, gl.LINEAR],
  ]) gl.texParameteri(gl.TEXTURE_2D, name, value);
  let going = true;

  function draw() {
    if (!going) return;
    if (video.readyState >= 2 && video.videoWidth) {
      const [width, height] = [video.videoWidth / 2, video.videoHeight];
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
      gl.viewport(0, 0, width, height);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB, gl.RGB, gl.UNSIGNED_BYTE, video);
      gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
    }
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(draw);
    else requestAnimationFrame(draw);
  }

  draw();
  return () => {
    going = false;
  };
}

// What shows a stream on the page: one <video>, or for a transparent stream one <canvas> over it.


const FILL = 'position:absolute;inset:0;width:100%;height:100%;';

function find(container) {
  const found = typeof container === 'string' ? document.getElementById(container) : container;
  if (!(found instanceof HTMLElement)) throw fault(CODES.PARAMETER, `no element ${String(container)}`);
  return found;
}

/** A "tap to play" overlay; `retry` runs on the tap. */
function ask(element, retry) {
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = '▶';
  button.setAttribute('aria-label', 'Tap to play with sound');
  button.style.cssText = 'position:absolute;inset:0;margin:auto;width:4rem;height:4rem;border:0;border-radius:50%;'
    + 'font-size:1.6rem;color:#fff;background:rgba(0,0,0,.55);cursor:pointer;z-index:2';
  button.onclick = () => {
    button.remove();
    retry();
  };
  element.append(button);
  return button;
}

/** `isTransparent()` tells whether the stream carries alpha. */
function createView(stream, isTransparent) {
  const heard = listeners();
  let box;
  let video;
  let stopDrawing;
  let button;
  const wishes = { volume: 100, audioMuted: false, videoMuted: false };

  function clear() {
    stopDrawing?.();
    stopDrawing = undefined;
    if (video) video.srcObject = null;
    box?.remove();
    button = undefined;
    box = video = undefined;
  }

  function apply() {
    if (!video) return;
    video.volume = wishes.volume / 100;
    video.muted = wishes.audioMuted;
    box.style.visibility = wishes.videoMuted ? 'hidden' : '';
  }

  async function start(options) {
    const mine = video;
    try {
      await mine.play();
    } catch (error) {
      if (mine !== video || error.name === 'AbortError') return;
      mine.muted = true;
      heard.emit('autoplayFailed', stream);
      await mine.play().catch(() => {});
      if (options.enableAutoplayDialog !== false && box && !button) {
        button = ask(box, () => {
          wishes.audioMuted = false;
          apply();
          mine.play().catch(() => {});
        });
      }
    }
  }

  function play(container, given) {
    const options = given || {};
    const element = find(container);
    clear();
    for (const former of element.querySelectorAll(':scope > [data-zego-view]')) former.remove();
    if (getComputedStyle(element).position === 'static') element.style.position = 'relative';
    box = document.createElement('div');
    box.dataset.zegoView = '';
    box.style.cssText = `${FILL}overflow:hidden`;
    video = document.createElement('video');
    video.autoplay = true;
    video.playsInline = true;
    const look = `${FILL}object-fit:${options.objectFit || 'contain'};${options.mirror ? 'transform:scaleX(-1);' : ''}`;
    video.style.cssText = look;
    video.srcObject = stream;
    if (typeof options.muted === 'boolean') wishes.audioMuted = options.muted;
    box.append(video);
    element.append(box);
    apply();
    const mine = video;
    const show = () => {
      if (mine !== video || stopDrawing || !isTransparent()) return;
      const canvas = document.createElement('canvas');
      canvas.style.cssText = look;
      stopDrawing = composite(video, canvas) || undefined;
      if (stopDrawing) {
        video.style.opacity = '0';
        box.append(canvas);
      }
    };
    video.addEventListener('loadedmetadata', show);
    show();
    start(options);
  }

  const view = {
    play,
    playVideo: (container, options) => play(container, options),
    playAudio: (options) => {
      wishes.audioMuted = Boolean(options?.muted);
      if (video) apply();
      else {
        // Only to be heard: an element of its own, on no page.
        [box, video] = [document.createElement('div'), document.createElement('audio')];
        video.autoplay = true;
        video.srcObject = stream;
        box.append(video);
        apply();
        start({ enableAutoplayDialog: false });
      }
    },
    stop: clear,
    stopVideo: () => view.setVideoMuted(true),
    stopAudio: () => view.setAudioMuted(true),
    resume: () => video && start({}),
    setVolume: (volume) => {
      wishes.volume = Math.min(100, Math.max(0, Number(volume) || 0));
      apply();
      return true;
    },
    setAudioMuted: (muted) => {
      wishes.audioMuted = Boolean(muted);
      apply();
      return true;
    },
    setVideoMuted: (muted) => {
      wishes.videoMuted = Boolean(muted);
      apply();
      return true;
    },
    useAudioOutputDevice: async (id) => {
      if (video?.setSinkId) await video.setSinkId(id);
    },
    takeStreamSnapshot: () => {
      const source = box?.querySelector('canvas') || video;
      if (!source) return null;
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [source.videoWidth || source.width, source.videoHeight || source.height];
      const paint = canvas.getContext('2d');
      paint.drawImage(source, 0, 0);
      return paint.getImageData(0, 0, canvas.width, canvas.height);
    },
    on: heard.on,
    off: heard.off,
  };
  return unwrapped(view);
}

// One stream being played: from the first attempt, over losses and returns, until it is stopped.


const WAIT_MS = 60000; // for a stream that is not there yet, or comes back
const RETRY_MS = 1000;
const QUALITY_MS = 3000;
const HOPELESS = new Set([400, 401, 403, 415]);

/**
 * `link()` gives `{url, token, iceServers}`; `on` has state(name, code), quality(stats), forgotten().
 * `first` resolves to the MediaStream, which stays the same object for ever.
 */
function startPlaying(link, options, on) {
  const stream = new MediaStream();
  let session = null;
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

  function prepare(pc, stale) {
    for (const kind of ['video', 'audio']) {
      if (options[kind] === false) continue;
      const { receiver } = pc.addTransceiver(kind, { direction: 'recvonly' });
      if (Number.isFinite(options.jitterBufferTarget)) receiver.jitterBufferTarget = options.jitterBufferTarget;
    }
    pc.ontrack = ({ track }) => {
      if (stale()) return; // an answer that comes too late shows nothing
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

  async function attempt(stale) {
    const { url, token, iceServers } = link();
    const made = await connect(url, token, iceServers, (pc) => prepare(pc, stale), (state) => {
      if (made === session && !running && (state === 'failed' || state === 'closed')) lost();
    });
    if (stale()) {
      await made.close();
      return;
    }
    session = made;
    await connected(made.pc);
    if (stale()) return;
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
    clearTimeout(farewell);
    turn += 1;
    const mine = turn;
    const stale = () => mine !== turn;
    const deadline = Date.now() + WAIT_MS;
    on.state('PLAY_REQUESTING', 0);
    while (!stale()) {
      try {
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
        await pause(RETRY_MS);
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

  run();
  return {
    stream,
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
      clearTimeout(farewell);
      settle.reject(fault(CODES.NO_SUCH_STREAM, 'playing was stopped'));
      await halt();
      on.state('NO_PLAY', 0);
    },
  };
}

// The engine of the vendor's Express Web SDK 3.x, as its pages use it, over our server (contract section 11).


const VERSION = '3.0.0';
const bytes = (text) => new TextEncoder().encode(text).length;

/** Members that exist in the vendor's SDK and have nothing to do here. */
const STUBS = {
  setDebugVerbose: undefined, setLogConfig: true, setRoomScenario: undefined, setSoundLevelDelegate: true,
  sendBroadcastMessage: Promise.resolve({ errorCode: 0 }), sendCustomCommand: Promise.resolve({ errorCode: 0 }),
  sendBarrageMessage: Promise.resolve({ errorCode: 0 }), useVideoDevice: Promise.resolve({ errorCode: 0 }),
  useAudioDevice: Promise.resolve({ errorCode: 0 }), setRoomExtraInfo: Promise.resolve({ errorCode: 0 }),
  setStreamExtraInfo: Promise.resolve({ errorCode: 0 }), mutePublishStreamVideo: true, enableMultiRoom: true,
  setVideoConfig: Promise.resolve({ errorCode: 0 }), enableHardwareEncoding: true, isMicrophoneMuted: false,
};

function listed(stream) {
  return {
    streamID: stream.streamID,
    user: stream.user,
    extraInfo: stream.extraInfo || '',
    urlsFLV: '', urlsRTMP: '', urlsHLS: '', urlsHttpsFLV: '', urlsHttpsHLS: '',
  };
}

function build(engine, appID, server) {
  const heard = listeners();
  const { emit } = heard;
  const rooms = new Map(); // roomID -> {room, token, userID, streams: Map, users: Map, iceServers, userUpdate}
  const entering = new Map(); // roomID -> how to give up a login under way
  const plays = new Map(); // streamID -> playing
  const publishes = new Map(); // streamID -> {session, roomID, close}
  const streamIDs = new WeakMap(); // MediaStream -> streamID
  const known = new Map(); // streamID -> description, also of streams that just ended
  const said = new Set();
  const origin = findServer(server);
  const goodbye = () => logoutRoom();

  function roomOf(streamID) {
    for (const room of rooms.values()) if (room.streams.has(streamID)) return room;
    return rooms.values().next().value;
  }

  function deliver(roomID, content) {
    const person = 'digitalhuman';
    emit('recvExperimentalAPI', {
      method: engineOptions.nativeMethodName ? 'liveroom.room.on_recive_room_channel_message' : 'onRecvRoomChannelMessage',
      content: { roomID, sendIDName: person, sendNickName: person, msgType: 1, msgContent: content },
      params: { roomid: roomID, send_idname: person, send_nickname: person, msg_type: 1, msg_content: content },
    });
    try {
      const message = JSON.parse(content);
      if (message.Product === 'bunraku' && message.Cmd === 2001) emit('captions', { roomID, ...message.Data });
    } catch {
      // not JSON: nothing of ours
    }
  }

  function update(roomID, room, kind, streams) {
    if (!streams.length) return;
    for (const stream of streams) {
      if (kind === 'ADD') {
        room.streams.set(stream.streamID, stream);
        known.set(stream.streamID, stream);
      } else room.streams.delete(stream.streamID);
    }
    emit('roomStreamUpdate', roomID, kind, streams.map(listed), '');
    for (const { streamID } of streams) {
      if (kind === 'ADD') plays.get(streamID)?.published();
      else plays.get(streamID)?.ended();
    }
  }

  function leave(roomID) {
    const room = rooms.get(roomID);
    if (!room) return;
    rooms.delete(roomID);
    room.room.leave();
    for (const [streamID, playing] of [...plays]) {
      if (room.streams.has(streamID) || !rooms.size) {
        plays.delete(streamID);
        playing.stop();
      }
    }
    for (const [streamID, published] of [...publishes]) {
      if (published.roomID === roomID) engine.stopPublishingStream(streamID);
    }
  }

  function states(roomID, reason, state, code, text = '') {
    emit('roomStateChanged', roomID, reason, code, text);
    if (state) emit('roomStateUpdate', roomID, state, code, text);
  }

  function check(roomID, token, user) {
    if (typeof roomID !== 'string' || !roomID) throw fault(CODES.ROOM_ID_EMPTY, 'roomID is empty');
    if (bytes(roomID) > 128) throw fault(CODES.ROOM_ID_LONG, 'roomID is too long');
    if (typeof token !== 'string' || !token) throw fault(CODES.TOKEN_FORMAT, 'token is empty');
    const { userID, userName = '' } = user || {};
    if (typeof userID !== 'string' || !userID || bytes(userID) > 64 || bytes(String(userName)) > 256) {
      throw fault(CODES.PARAMETER, 'userID must be 1 to 64 bytes, userName at most 256');
    }
  }

  async function loginRoom(roomID, token, user, config = {}) {
    try {
      check(roomID, token, user);
    } catch (error) {
      emit('roomStateChanged', String(roomID), 'LOGIN_FAILED', error.code, '');
      throw error;
    }
    entering.get(roomID)?.();
    if (rooms.has(roomID)) leave(roomID);
    states(roomID, 'LOGINING', 'CONNECTING', 0);
    // News that come before the page was told of its login wait, or the list would be told after them.
    let early = [];
    const tell = (news) => (early ? early.push(news) : news());
    const room = { token, userID: user.userID, streams: new Map(), users: new Map(), iceServers: [], userUpdate: Boolean(config.userUpdate) };
    /** Who is here now, told as what changed. */
    const people = (users, count) => {
      const now = new Map(users.map((one) => [one.userID, one]));
      const gone = [...room.users.values()].filter((one) => !now.has(one.userID));
      const come = users.filter((one) => !room.users.has(one.userID));
      room.users = now;
      if (room.userUpdate && gone.length) emit('roomUserUpdate', roomID, 'DELETE', gone);
      if (room.userUpdate && come.length) emit('roomUserUpdate', roomID, 'ADD', come);
      emit('roomOnlineUserCountUpdate', roomID, count);
    };
    const entered = new Promise((resolve, reject) => {
      const refused = (code, text) => {
        states(roomID, 'LOGIN_FAILED', 'DISCONNECTED', code, text);
        reject(fault(code, text));
      };
      entering.set(roomID, () => {
        entering.delete(roomID);
        room.room?.leave();
        refused(CODES.NOT_LOGGED_IN, 'logged out before the login was done');
      });
      const login = { appID: Number(appID), roomID, token, userID: user.userID, userName: String(user.userName ?? user.userID) };
      room.room = enterRoom(origin, login, {
        login(message) {
          room.iceServers = message.iceServers || [];
          entering.delete(roomID);
          rooms.set(roomID, room);
          resolve();
          // The page's own code after `await loginRoom` runs first.
          setTimeout(() => {
            if (rooms.get(roomID) !== room) return;
            states(roomID, 'LOGINED', 'CONNECTED', 0);
            update(roomID, room, 'ADD', message.streams);
            people(message.users || [], message.count);
            const late = early;
            early = null;
            for (const news of late) if (rooms.get(roomID) === room) news();
          });
        },
        lost: () => tell(() => states(roomID, 'RECONNECTING', 'CONNECTING', 0)),
        back: (message) => tell(() => {
          room.iceServers = message.iceServers || [];
          states(roomID, 'RECONNECTED', 'CONNECTED', 0);
          people(message.users || [], message.count);
          const now = new Set(message.streams.map((s) => s.streamID));
          const before = new Set(room.streams.keys());
          update(roomID, room, 'DELETE', [...room.streams.values()].filter((s) => !now.has(s.streamID)));
          update(roomID, room, 'ADD', message.streams.filter((s) => !before.has(s.streamID)));
        }),
        failed(code, text, wasIn) {
          if (wasIn) {
            states(roomID, 'RECONNECT_FAILED', 'DISCONNECTED', code, text);
            leave(roomID);
          } else {
            entering.delete(roomID);
            refused(code, text);
          }
        },
        kicked() {
          states(roomID, 'KICKOUT', 'DISCONNECTED', CODES.KICKED_OUT);
          leave(roomID);
        },
        streams: (kind, streams) => tell(() => update(roomID, room, kind, streams)),
        users: (kind, users, count) => tell(() => {
          for (const one of users) {
            if (kind === 'ADD') room.users.set(one.userID, one);
            else room.users.delete(one.userID);
          }
          if (room.userUpdate) emit('roomUserUpdate', roomID, kind, users);
          emit('roomOnlineUserCountUpdate', roomID, count);
        }),
        message: (content) => tell(() => deliver(roomID, content)),
        expiring: () => emit('tokenWillExpire', roomID),
      });
    });
    await entered;
    return true;
  }

  function logoutRoom(roomID) {
    for (const [id, giveUp] of [...entering]) if (roomID === undefined || id === roomID) giveUp();
    for (const id of roomID === undefined ? [...rooms.keys()] : [roomID]) {
      if (!rooms.has(id)) continue;
      leave(id);
      states(id, 'LOGOUT', 'DISCONNECTED', 0);
    }
  }

  function checkStream(streamID) {
    if (typeof streamID !== 'string' || !streamID) throw fault(CODES.STREAM_ID_EMPTY, 'streamID is empty');
    if (bytes(streamID) > 256) throw fault(CODES.STREAM_ID_LONG, 'streamID is too long');
    if (!rooms.size) throw fault(CODES.NOT_LOGGED_IN, 'log in to a room first');
  }

  async function startPlayingStream(streamID, options = {}) {
    checkStream(streamID);
    const former = plays.get(streamID);
    if (former?.over) return former.again(options || {}); // it ended: the page waits for its return
    if (former) throw fault(CODES.ALREADY_PLAYING, 'this stream is already being played');
    let playing;
    let latest;
    const link = () => {
      const room = roomOf(streamID);
      if (!room) throw Object.assign(fault(CODES.NOT_LOGGED_IN, 'logged out'), { status: 401 });
      const url = `${origin}/whep/${encodeURIComponent(appID)}/${encodeURIComponent(streamID)}`;
      return { url, token: room.token, iceServers: room.iceServers };
    };
    playing = startPlaying(link, options || {}, {
      state(state, errorCode) {
        if (state === 'NO_PLAY' && plays.get(streamID) === playing && errorCode !== CODES.STREAM_ENDED) plays.delete(streamID);
        latest = state;
        emit('playerStateUpdate', { streamID, state, errorCode, extendedData: '' });
        if (state !== 'PLAYING') return;
        // The page's own code after `await startPlayingStream` runs first: pages attach their view then.
        setTimeout(() => {
          if (plays.get(streamID) !== playing || latest !== 'PLAYING') return;
          emit('remoteCameraStatusUpdate', streamID, 'OPEN');
          emit('remoteMicStatusUpdate', streamID, 'OPEN');
        });
      },
      quality: (stats) => emit('playQualityUpdate', streamID, stats),
      forgotten: () => plays.get(streamID) === playing && plays.delete(streamID),
    });
    plays.set(streamID, playing);
    streamIDs.set(playing.stream, streamID);
    unwrapped(playing.stream);
    return playing.first;
  }

  async function stopPlayingStream(streamID) {
    const playing = plays.get(streamID);
    plays.delete(streamID);
    await playing?.stop();
  }

  async function capture(wanted) {
    try {
      return unwrapped(await navigator.mediaDevices.getUserMedia(wanted));
    } catch (error) {
      throw fault(CODES.NO_DEVICE, error.message);
    }
  }

  function startPublishingStream(streamID, local) {
    const media = local?.stream instanceof MediaStream ? local.stream : local;
    const tell = (state, errorCode = 0) => emit('publisherStateUpdate', { streamID, state, errorCode, extendedData: '' });
    const [roomID, room] = rooms.entries().next().value || [];
    if (!room || !(media instanceof MediaStream) || publishes.has(streamID)) {
      tell('NO_PUBLISH', room ? CODES.PARAMETER : CODES.NOT_LOGGED_IN);
      return false;
    }
    const publishing = { roomID, session: null, stopped: false };
    publishes.set(streamID, publishing);
    tell('PUBLISH_REQUESTING');
    // The room as a parameter: its name may hold a slash.
    const url = `${origin}/whip/${encodeURIComponent(appID)}/${encodeURIComponent(streamID)}?room_id=${encodeURIComponent(roomID)}`;
    const prepare = (pc) => media.getAudioTracks().forEach((track) => pc.addTransceiver(track, { direction: 'sendonly', streams: [media] }));
    connect(url, room.token, room.iceServers, prepare, (state) => {
      if (state === 'failed' && publishes.get(streamID) === publishing) {
        publishes.delete(streamID);
        publishing.session?.close();
        tell('NO_PUBLISH', CODES.ICE_FAILED);
      }
    }).then(async (session) => {
      publishing.session = session;
      if (publishing.stopped) await session.close();
      else {
        await connected(session.pc);
        if (!publishing.stopped) tell('PUBLISHING');
      }
    }).catch((error) => {
      if (publishes.get(streamID) === publishing) publishes.delete(streamID);
      publishing.session?.close();
      if (!publishing.stopped) tell('NO_PUBLISH', error.code || CODES.ICE_FAILED);
    });
    return true;
  }

  function stopPublishingStream(streamID) {
    const publishing = publishes.get(streamID);
    if (!publishing) return true;
    publishes.delete(streamID);
    publishing.stopped = true;
    publishing.session?.close();
    emit('publisherStateUpdate', { streamID, state: 'NO_PUBLISH', errorCode: 0, extendedData: '' });
    return true;
  }

  function muteTracks(streamID, kind, muted) {
    const tracks = plays.get(streamID)?.stream.getTracks() || [];
    for (const track of tracks) if (track.kind === kind) track.enabled = !muted;
    return true;
  }

  async function devices(kind) {
    const found = await navigator.mediaDevices?.enumerateDevices?.() ?? [];
    return found.filter((d) => d.kind === kind).map((d) => ({ deviceID: d.deviceId, deviceName: d.label }));
  }

  function checkSystemRequirements(type) {
    const codecs = (globalThis.RTCRtpReceiver?.getCapabilities?.('video')?.codecs || []).map((c) => c.mimeType.split('/')[1].toUpperCase());
    const has = (name) => codecs.includes(name);
    const capture_ = Boolean(navigator.mediaDevices?.getUserMedia);
    const all = {
      webRTC: typeof RTCPeerConnection === 'function',
      customCapture: typeof HTMLCanvasElement.prototype.captureStream === 'function',
      camera: capture_,
      microphone: capture_,
      screenSharing: Boolean(navigator.mediaDevices?.getDisplayMedia),
      videoCodec: { H264: has('H264'), H265: has('H265'), VP8: has('VP8'), VP9: has('VP9') },
      errInfo: {},
    };
    const result = type === undefined ? all.webRTC : Boolean(all[type] ?? all.videoCodec[type] ?? false);
    return Promise.resolve({ ...all, result });
  }

  const members = {
    loginRoom,
    logoutRoom,
    startPlayingStream,
    stopPlayingStream,
    createRemoteStreamView: (stream) => createView(stream, () => Boolean(known.get(streamIDs.get(stream))?.transparent)),
    on: heard.on,
    off: heard.off,
    callExperimentalAPI: async () => ({}),
    checkSystemRequirements,
    destroyEngine() {
      window.removeEventListener('pagehide', goodbye);
      logoutRoom();
      heard.clear();
    },
    async createZegoStream(options = {}) {
      const { audio = true, video = false } = options.camera || {};
      const stream = await capture({ audio: Boolean(audio), video: Boolean(video) });
      return unwrapped({
        stream,
        playVideo: (element) => createView(stream, () => false).play(element, { muted: true }),
        playCaptureAudio: () => {},
        stopCaptureVideo: () => stream.getVideoTracks().forEach((t) => t.stop()),
        stopCaptureAudio: () => stream.getAudioTracks().forEach((t) => t.stop()),
        on: () => true,
        off: () => true,
      });
    },
    createStream: (options = {}) => {
      const { audio = true, video = true } = options.camera || {};
      return capture({ audio: Boolean(audio), video: Boolean(video) });
    },
    destroyStream(local) {
      const media = local?.stream instanceof MediaStream ? local.stream : local;
      media?.getTracks?.().forEach((track) => track.stop());
    },
    startPublishingStream,
    stopPublishingStream,
    renewToken(token, roomID) {
      for (const [id, room] of rooms) {
        if (roomID !== undefined && id !== roomID) continue;
        room.token = token;
        room.room.renew(token);
      }
      return true;
    },
    mutePlayStreamAudio: (streamID, muted) => muteTracks(streamID, 'audio', muted),
    mutePlayStreamVideo: (streamID, muted) => muteTracks(streamID, 'video', muted),
    muteMicrophone(muted) {
      for (const { session } of publishes.values()) {
        session?.pc.getSenders().forEach((s) => s.track && (s.track.enabled = !muted));
      }
      return true;
    },
    getMicrophones: () => devices('audioinput'),
    getCameras: () => devices('videoinput'),
    getSpeakers: () => devices('audiooutput'),
    getVersion: () => VERSION,
  };
  for (const [name, value] of Object.entries(STUBS)) {
    members[name] = () => {
      if (!said.has(name)) console.info(`ZegoExpressEngine.${name} does nothing here`);
      said.add(name);
      return value;
    };
  }
  members.mutePublishStreamAudio = (stream, muted) => members.muteMicrophone(muted);
  Object.assign(engine, members);
  window.addEventListener('pagehide', goodbye);
}

class ZegoExpressEngine {
  /** `server` may be ours; empty strings and the vendor's own hosts are ignored. */
  constructor(appID, server = '', _options = {}) {
    // All state lives in the closure: the engine works from inside any proxy.
    build(unwrapped(this), appID, server);
  }

  static version = VERSION;

  static setEngineOptions(options) {
    Object.assign(engineOptions, options);
  }

  static use() {}

  static getVersion() {
    return VERSION;
  }
}

return { ZegoExpressEngine, default: { ZegoExpressEngine } };
});
