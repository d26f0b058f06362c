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
const ANSWER_MS = 3000; // to whether there is a stream; who is silent may be of before the question
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
  const asking = new Set(); // {streamID, tell}: who waits to hear whether there is such a stream

  function rest() {
    clearInterval(pinger);
    clearTimeout(deaf);
    clearTimeout(opening);
    deaf = undefined;
    for (const { tell } of asking) tell(false);
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
      case 'found':
        for (const { streamID, tell } of asking) if (streamID === message.streamID) tell(message.live);
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
    /** Whether there is such a stream that no `streams` tells of: in another room, or our own. */
    find(streamID) {
      if (!entered || lostAt || closed) return Promise.resolve(false);
      return new Promise((resolve) => {
        const one = { streamID };
        const timer = setTimeout(() => one.tell(true), ANSWER_MS);
        one.tell = (live) => {
          clearTimeout(timer);
          asking.delete(one);
          resolve(live);
        };
        asking.add(one);
        send({ type: 'find', streamID });
      });
    },
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

// A figure's art as the server gives it: one file with a table of contents (docs/drawing.md).


const MAGIC = 0x31504b42; // "BKP1"

function broken(why) {
  return fault(CODES.PARAMETER, `art unreadable: ${why}`);
}

/** IEEE 754 half precision, little-endian, as 32-bit floats. */
function halves(from) {
  const out = new Float32Array(from.length);
  for (let i = 0; i < from.length; i += 1) {
    const bits = from[i];
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    const size = exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024);
    out[i] = bits >> 15 ? -size : size;
  }
  return out;
}

/** `{manifest, bitmap(name), fields(), bytes}` of the file; pictures are decoded when asked for. */
function openBundle(buffer) {
  const view = new DataView(buffer);
  if (buffer.byteLength < 8 || view.getUint32(0, true) !== MAGIC) throw broken('not a bundle');
  const start = 8 + view.getUint32(4, true);
  if (start > buffer.byteLength) throw broken('cut short');
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, start - 8)));
  function part(name, type) {
    const [offset, size] = head.files[name] || [0, -1];
    if (size < 0 || start + offset + size > buffer.byteLength) throw broken(`${name} missing`);
    return new Blob([new Uint8Array(buffer, start + offset, size)], { type });
  }
  const early = new Map();
  const decode = (name) => createImageBitmap(part(name, 'image/webp'), {
    premultiplyAlpha: 'premultiply', colorSpaceConversion: 'none',
  });
  return {
    manifest: head.manifest,
    /** Begin to decode what will be asked for. */
    expect(...names) {
      for (const name of names) {
        const coming = decode(name);
        coming.catch(() => {}); // who asks hears of it
        early.set(name, coming);
      }
    },
    /** Colour weighted by alpha. The caller closes it. */
    bitmap(name) {
      const coming = early.get(name) ?? decode(name);
      early.delete(name);
      return coming;
    },
    /** `of(pose)`: displacement in art px, by base, row, column, axis; and how many rows and columns. */
    async fields() {
      const packed = part('fields', 'application/octet-stream');
      const raw = new Response(packed.stream().pipeThrough(new DecompressionStream('deflate')));
      const [rows, columns] = head.nodes;
      const values = new Uint16Array(await raw.arrayBuffer());
      const { poses, bases } = head.manifest;
      const size = bases.length * rows * columns * 2;
      if (values.length !== poses.length * size) throw broken('fields');
      return { rows, columns, of: (pose) => halves(values.subarray(pose * size, (pose + 1) * size)) };
    },
  };
}

// From art px to the px of a picture: art px - (left, top), times scale. As `plates.py` has it.

/** The lens of a picture of this size. */
function lensOf(manifest, width, height) {
  const { portrait, square, art } = manifest;
  const slender = portrait.height / portrait.width - 1;
  const t = slender ? Math.min(1, Math.max(0, (height / width - 1) / slender)) : 0;
  const blend = (name) => square[name] + (portrait[name] - square[name]) * t;
  const scale = Math.max(height / blend('height'), Math.min(width / blend('width'), height / blend('height')));
  let [left, top] = [blend('x') - width / scale / 2, blend('y') - height / scale / 2];
  // Nothing of the figure exists below the art's edge: never show the cut.
  top = Math.min(top, art.height - height / scale);
  if (Math.abs(scale - 1) < 1e-6) [left, top] = [Math.round(left), Math.round(top)];
  return { scale, left, top, width, height };
}

/** The same picture with more px: what a screen has of them. */
function enlarged(lens, width, height) {
  return { ...lens, scale: (lens.scale * width) / lens.width, width, height };
}

/** The smallest even rectangle inside the picture that covers an art rectangle. */
function pictureRect(lens, [x, y, w, h]) {
  const even = (value, round) => round(value / 2) * 2;
  const x0 = Math.max(0, even((x - lens.left) * lens.scale, Math.floor));
  const y0 = Math.max(0, even((y - lens.top) * lens.scale, Math.floor));
  const x1 = Math.min(lens.width, even((x + w - lens.left) * lens.scale, Math.ceil));
  const y1 = Math.min(lens.height, even((y + h - lens.top) * lens.scale, Math.ceil));
  return { x: x0, y: y0, width: Math.max(2, x1 - x0), height: Math.max(2, y1 - y0) };
}

// The warp of a picture: a coarse field of nodes that says where each part of it comes from. As `warp.py` has it.

const NODE = 16; // px of the stream's picture between nodes
const NODE_AT = -NODE / 2 - 0.5; // where node 0 lies
const MAX_TURN = 13; // degrees of yaw that the baked poses carry
const MAX_TILT = 9;
const TURNS = new Set(['yaw', 'pitch', 'nod']); // what moves the head and leaves the neck where it is

/** Bilinear weights of a place on an axis of `count` samples; what lies outside repeats the edge. */
function between(place, count) {
  const at = Math.min(count - 1, Math.max(0, place));
  const low = Math.min(count - 2, Math.floor(at));
  return low < 0 ? [0, 0, 0] : [low, low + 1, at - low];
}

/** The nodes of a picture; `lens` is that of the stream's own size. */
function createWarp(manifest, fields, lens) {
  const columns = Math.ceil(lens.width / NODE) + 2;
  const rows = Math.ceil(lens.height / NODE) + 2;
  const count = rows * columns;
  const { grid } = manifest.art;
  const names = manifest.bases;
  const of = new Map(); // pose -> displacement by base, node, axis, in px
  const push = new Float32Array(count * 2);

  /** The bases of a pose on the nodes of this picture. */
  function bases(pose) {
    let made = of.get(pose);
    if (made) return made;
    made = new Float32Array(names.length * count * 2);
    const values = fields.of(pose);
    const size = fields.rows * fields.columns * 2;
    const { scale } = lens;
    const across = Array.from({ length: columns }, (_, i) => between(
      ((i * NODE + NODE_AT + 0.5) / lens.scale + lens.left - 0.5) / grid, fields.columns));
    for (let r = 0; r < rows; r += 1) {
      const [y0, y1, v] = between(((r * NODE + NODE_AT + 0.5) / lens.scale + lens.top - 0.5) / grid, fields.rows);
      for (let c = 0; c < columns; c += 1) {
        const [x0, x1, u] = across[c];
        const above0 = (y0 * fields.columns + x0) * 2;
        const above1 = (y0 * fields.columns + x1) * 2;
        const below0 = (y1 * fields.columns + x0) * 2;
        const below1 = (y1 * fields.columns + x1) * 2;
        const [p, q, s, t] = [(1 - u) * (1 - v) * scale, u * (1 - v) * scale, (1 - u) * v * scale, u * v * scale];
        for (let b = 0; b < names.length; b += 1) {
          const from = b * size;
          const to = (b * count + r * columns + c) * 2;
          for (let axis = 0; axis < 2; axis += 1) {
            const at = from + axis;
            made[to + axis] = p * values[at + above0] + q * values[at + above1] + s * values[at + below0] + t * values[at + below1];
          }
        }
      }
    }
    of.set(pose, made);
    return made;
  }

  return {
    rows,
    columns,
    /** Where the nodes lie, as shares of the picture's width and height. */
    places() {
      const out = new Float32Array(count * 2);
      for (let i = 0; i < count; i += 1) {
        out[2 * i] = ((i % columns) * NODE + NODE_AT + 0.5) / lens.width;
        out[2 * i + 1] = (Math.floor(i / columns) * NODE + NODE_AT + 0.5) / lens.height;
      }
      return out;
    },
    /** Where each node samples the plate of `pose`, in the same shares, or, if not `turned`, the neck under it. */
    nodes(pose, values, out, turned = true) {
      const field = bases(pose);
      const plate = manifest.poses[pose];
      push.fill(0);
      names.forEach((name, b) => {
        if (!turned && TURNS.has(name)) return;
        let k = values[name] ?? 0;
        if (name === 'yaw') k = Math.max(-MAX_TURN, Math.min(MAX_TURN, k)) - plate.yaw;
        if (name === 'pitch') k = Math.max(-MAX_TILT, Math.min(MAX_TILT, k)) - plate.pitch;
        if (k === 0) return;
        const from = b * count * 2;
        for (let i = 0; i < count * 2; i += 1) push[i] += k * field[from + i];
      });
      // The bases say where a point of the plate goes; wanted is where a point of the picture comes from:
      // one step of fixed-point iteration.
      for (let r = 0; r < rows; r += 1) {
        for (let c = 0; c < columns; c += 1) {
          const i = 2 * (r * columns + c);
          const [x0, x1, u] = between(c - push[i] / NODE, columns);
          const [y0, y1, v] = between(r - push[i + 1] / NODE, rows);
          const [a, b, d, e] = [y0 * columns + x0, y0 * columns + x1, y1 * columns + x0, y1 * columns + x1];
          for (let axis = 0; axis < 2; axis += 1) {
            const above = push[2 * a + axis] * (1 - u) + push[2 * b + axis] * u;
            const below = push[2 * d + axis] * (1 - u) + push[2 * e + axis] * u;
            const moved = above * (1 - v) + below * v;
            const place = (axis ? r : c) * NODE + NODE_AT + 0.5 - moved;
            out[i + axis] = place / (axis ? lens.height : lens.width);
          }
        }
      }
    },
  };
}

// The little of WebGL2 that plates and renderer share.

/** Compiled beside everything else: only its first use waits for it, and throws when it failed. */
function buildProgram(gl, vertex, fragment) {
  const program = gl.createProgram();
  let built = false;
  for (const [type, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const made = gl.createShader(type);
    gl.shaderSource(made, `#version 300 es\nprecision highp float;\nprecision highp sampler2DArray;\n${source}`);
    gl.compileShader(made);
    gl.attachShader(program, made);
  }
  gl.linkProgram(program);
  const places = new Map();
  return {
    /** To be drawn with before anybody waits for it, unseen: some drivers translate a program at its first use. */
    warm: () => gl.useProgram(program),
    use() {
      if (!built && !gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
        throw new Error(gl.getProgramInfoLog(program) || 'shader');
      }
      built = true;
      gl.useProgram(program);
    },
    at(name) {
      if (!places.has(name)) places.set(name, gl.getUniformLocation(program, name));
      return places.get(name);
    },
  };
}

/** A texture of premultiplied colour with nothing in it; with `layers`, an array of them. */
function createTexture(gl, width, height, layers = 0) {
  const kind = layers ? gl.TEXTURE_2D_ARRAY : gl.TEXTURE_2D;
  const texture = gl.createTexture();
  gl.bindTexture(kind, texture);
  if (layers) gl.texStorage3D(kind, 1, gl.RGBA8, width, height, layers);
  else gl.texStorage2D(kind, 1, gl.RGBA8, width, height);
  for (const [name, value] of [
    [gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE], [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE],
    [gl.TEXTURE_MIN_FILTER, gl.LINEAR], [gl.TEXTURE_MAG_FILTER, gl.LINEAR],
  ]) gl.texParameteri(kind, name, value);
  return texture;
}

// Art resampled for pictures of one size, on the graphics card: plates, sprites and raised arms. As `plates.py` has it.


const AT_ONCE = 6; // sprites between two pictures

// One triangle that covers what is drawn to.
const EVERYWHERE = `void main() {
  gl_Position = vec4(vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0, 0.0, 1.0);
}`;
// Bilinear sampling of the blurred art. A sprite is resampled inside its surroundings, so that its
// edges match the plate's. `reach` is the blur's in px, `sigma` its width.
const SHOOT = `
uniform sampler2D base;
uniform sampler2DArray sprites;
uniform vec4 box;      // of the sprite in the art; no width: there is none
uniform int layer;
uniform vec2 origin;   // of what is drawn, in the picture
uniform vec3 lens;     // left, top, scale
uniform float sigma;
uniform int reach;
out vec4 colour;
vec4 art(ivec2 at) {
  ivec2 inside = at - ivec2(box.xy);
  if (box.z > 0.0 && all(greaterThanEqual(inside, ivec2(0))) && all(lessThan(inside, ivec2(box.zw)))) {
    return texelFetch(sprites, ivec3(inside, layer), 0);
  }
  ivec2 size = textureSize(base, 0);
  // Blurring mirrors the art at its edge, sampling finds nothing beyond it.
  ivec2 mirrored = abs(at);
  mirrored = min(mirrored, 2 * (size - 1) - mirrored);
  return texelFetch(base, clamp(mirrored, ivec2(0), size - 1), 0);
}
float bell(float x) { return sigma > 0.0 ? exp(-x * x / (2.0 * sigma * sigma)) : (abs(x) < 0.5 ? 1.0 : 0.0); }
void main() {
  vec2 place = (floor(gl_FragCoord.xy) + origin + 0.5) / lens.z + lens.xy - 0.5;
  vec2 low = floor(place), part = place - low;
  float all_ = 0.0;
  for (int i = -reach; i <= reach; i += 1) all_ += bell(float(i));
  vec4 sum = vec4(0.0);
  ivec2 size = textureSize(base, 0);
  vec2 least = vec2(-1.0), most = vec2(size);
  for (int y = -reach; y <= reach + 1; y += 1) {
    float v = 0.0;
    if (y <= reach && low.y >= 0.0) v += bell(float(y)) * (1.0 - part.y);
    if (y > -reach && low.y + 1.0 < most.y) v += bell(float(y - 1)) * part.y;
    if (v == 0.0) continue;
    for (int x = -reach; x <= reach + 1; x += 1) {
      float u = 0.0;
      if (x <= reach && low.x >= 0.0) u += bell(float(x)) * (1.0 - part.x);
      if (x > -reach && low.x + 1.0 < most.x) u += bell(float(x - 1)) * part.x;
      if (u == 0.0) continue;
      sum += u * v * art(ivec2(low) + ivec2(x, y));
    }
  }
  colour = any(lessThanEqual(place, least)) || any(greaterThanEqual(place, most)) ? vec4(0.0) : sum / (all_ * all_);
}`;
// Each px is the mean of the art that it covers.
const SHRINK = `
uniform sampler2D base;
uniform vec2 ratio;
out vec4 colour;
void main() {
  vec2 from = floor(gl_FragCoord.xy) * ratio, until = from + ratio;
  vec4 sum = vec4(0.0);
  float all_ = 0.0;
  ivec2 size = textureSize(base, 0);
  for (int y = int(from.y); y < min(size.y, int(ceil(until.y))); y += 1) {
    for (int x = int(from.x); x < min(size.x, int(ceil(until.x))); x += 1) {
      vec2 share = min(until, vec2(x, y) + 1.0) - max(from, vec2(x, y));
      sum += share.x * share.y * texelFetch(base, ivec2(x, y), 0);
      all_ += share.x * share.y;
    }
  }
  colour = sum / max(all_, 1e-6);
}`;

const neckFile = (pose) => `neck_${pose}.webp`;
/** The pictures that a plate is made of. */
const plateFiles = (pose) => ['pose', 'mouth', 'eyes'].map((kind) => `${kind}_${pose}.webp`);

/** Whether a picture has the very px of the art: nothing is resampled then. */
const isWhole = ({ scale, left, top }) => scale === 1 && Number.isInteger(left) && Number.isInteger(top);

/** What of the art is in a picture that has its px. */
function crop(gl, bitmap, { left, top, width, height }) {
  const texture = createTexture(gl, width, height);
  const [x, y] = [Math.max(0, left), Math.max(0, top)];
  const [across, down] = [Math.min(bitmap.width, left + width) - x, Math.min(bitmap.height, top + height) - y];
  gl.pixelStorei(gl.UNPACK_SKIP_PIXELS, x);
  gl.pixelStorei(gl.UNPACK_SKIP_ROWS, y);
  gl.texSubImage2D(gl.TEXTURE_2D, 0, x - left, y - top, across, down, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
  gl.pixelStorei(gl.UNPACK_SKIP_PIXELS, 0);
  gl.pixelStorei(gl.UNPACK_SKIP_ROWS, 0);
  return texture;
}

function upload(gl, bitmap, layers = 0) {
  const texture = createTexture(gl, bitmap.width, layers ? bitmap.height / layers : bitmap.height, layers);
  if (layers) {
    const height = bitmap.height / layers;
    for (let i = 0; i < layers; i += 1) {
      gl.pixelStorei(gl.UNPACK_SKIP_ROWS, i * height);
      gl.texSubImage3D(gl.TEXTURE_2D_ARRAY, 0, 0, 0, i, bitmap.width, height, 1, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
    }
    gl.pixelStorei(gl.UNPACK_SKIP_ROWS, 0);
  } else {
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
  }
  return texture;
}

/** What resamples art. Its plates are of one lens; `free` gives a plate back. */
function createPlates(gl, bundle) {
  const { manifest } = bundle;
  const shoot = buildProgram(gl, EVERYWHERE, SHOOT);
  const shrink = buildProgram(gl, EVERYWHERE, SHRINK);
  const target = gl.createFramebuffer();
  const source = gl.createFramebuffer();
  const blank = createTexture(gl, 1, 1, 1); // where a plate is drawn without sprites

  /** `margin`: px around it that stay empty. */
  function drawInto(attach, width, height, margin = 0) {
    gl.bindFramebuffer(gl.FRAMEBUFFER, target);
    attach();
    gl.viewport(margin, margin, width, height);
    gl.disable(gl.BLEND);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  function aim(lens, base, rect, box, sheet) {
    const sigma = lens.scale < 0.95 ? 0.42 * (1 / lens.scale - 0.35) : 0;
    // As OpenCV sizes a Gaussian kernel for 8 bits.
    const reach = sigma ? (Math.round(sigma * 6 + 1) | 1) >> 1 : 0;
    shoot.use();
    gl.activeTexture(gl.TEXTURE1);
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, sheet);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, base);
    gl.uniform1i(shoot.at('base'), 0);
    gl.uniform1i(shoot.at('sprites'), 1);
    gl.uniform4f(shoot.at('box'), ...(box || [0, 0, 0, 0]));
    gl.uniform2f(shoot.at('origin'), rect.x, rect.y);
    gl.uniform3f(shoot.at('lens'), lens.left, lens.top, lens.scale);
    gl.uniform1f(shoot.at('sigma'), sigma);
    gl.uniform1i(shoot.at('reach'), reach);
  }

  /** The picture that lies under a plate, and its place as shares of the whole: one px more, with nothing in it. */
  async function neckOf(pose, box, lens) {
    if (!box) return null;
    const bitmap = await bundle.bitmap(neckFile(pose));
    if (gl.isContextLost()) return null;
    const base = upload(gl, bitmap);
    bitmap.close();
    const rect = pictureRect(lens, box);
    const [width, height] = [rect.width + 2, rect.height + 2];
    const texture = createTexture(gl, width, height);
    const corner = { x: rect.x - 1, y: rect.y - 1 };
    aim({ ...lens, left: lens.left - box[0], top: lens.top - box[1] }, base, corner, null, blank);
    drawInto(() => gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0), rect.width, rect.height, 1);
    gl.deleteTexture(base);
    return { texture, place: [(rect.x - 1) / lens.width, (rect.y - 1) / lens.height, width / lens.width, height / lens.height] };
  }

  /** A part of what `attach` names, to a place of what is bound to be drawn to. */
  function copy(attach, [x, y, width, height], [left, top]) {
    gl.bindFramebuffer(gl.READ_FRAMEBUFFER, source);
    attach();
    gl.blitFramebuffer(x, y, x + width, y + height, left, top, left + width, top + height, gl.COLOR_BUFFER_BIT, gl.NEAREST);
  }

  /** A sprite in its surroundings, in a picture that has the px of the art: `base` is of the picture already. */
  function paste(lens, base, rect, box, sheet, layer, attach) {
    gl.bindFramebuffer(gl.DRAW_FRAMEBUFFER, target);
    attach();
    copy(() => gl.framebufferTexture2D(gl.READ_FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, base, 0), [rect.x, rect.y, rect.width, rect.height], [0, 0]);
    copy(
      () => gl.framebufferTextureLayer(gl.READ_FRAMEBUFFER, gl.COLOR_ATTACHMENT0, sheet, 0, layer),
      [0, 0, box[2], box[3]], [box[0] - lens.left - rect.x, box[1] - lens.top - rect.y]);
  }

  function sprites(lens, base, box, count) {
    const rect = pictureRect(lens, box);
    const texture = createTexture(gl, rect.width, rect.height, count);
    const missing = new Set(Array(count).keys());
    let sheet = null;
    return {
      rect,
      texture,
      missing,
      /** Whether there is anything to show; until then the plate shows its own. */
      get ready() {
        return Boolean(sheet);
      },
      dress(made) {
        sheet = made;
      },
      /** Have these ready. */
      need(...indices) {
        const fresh = indices.filter((i) => missing.delete(i));
        if (!fresh.length) return;
        const attach = (to, i) => gl.framebufferTextureLayer(to, gl.COLOR_ATTACHMENT0, texture, 0, i);
        if (isWhole(lens)) {
          for (const i of fresh) paste(lens, base, rect, box, sheet, i, () => attach(gl.DRAW_FRAMEBUFFER, i));
          return;
        }
        aim(lens, base, rect, box, sheet);
        for (const i of fresh) {
          gl.uniform1i(shoot.at('layer'), i);
          drawInto(() => attach(gl.FRAMEBUFFER, i), rect.width, rect.height);
        }
      },
    };
  }

  return {
    /** The plate of one pose, at first without sprites: `dress` gets those. They are made when needed, or by `finish`. */
    async plate(pose, lens) {
      const { mouth_rect: mouthBox, eyes_rect: eyesBox } = manifest.poses[pose];
      const [whole, ...sheets] = plateFiles(pose);
      const neck = await neckOf(pose, manifest.poses[pose].neck_rect, lens);
      const bitmap = await bundle.bitmap(whole);
      if (gl.isContextLost()) return null;
      bundle.expect(...sheets);
      const sources = [];
      let body;
      let base;
      if (isWhole(lens)) base = body = crop(gl, bitmap, lens);
      else {
        base = upload(gl, bitmap);
        sources.push(base);
        body = createTexture(gl, lens.width, lens.height);
        aim(lens, base, { x: 0, y: 0 }, null, blank);
        drawInto(() => gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, body, 0), lens.width, lens.height);
      }
      bitmap.close();
      const mouths = sprites(lens, base, mouthBox, manifest.mouths);
      const eyes = sprites(lens, base, eyesBox, manifest.eyes);
      return {
        sources,
        body,
        neck,
        mouths,
        eyes,
        async dress() {
          const bitmaps = await Promise.all(sheets.map((name) => bundle.bitmap(name)));
          const lost = gl.isContextLost();
          for (const [i, part] of [mouths, eyes].entries()) {
            if (!lost) {
              const sheet = upload(gl, bitmaps[i], [manifest.mouths, manifest.eyes][i]);
              sources.push(sheet);
              part.dress(sheet);
            }
            bitmaps[i].close();
          }
        },
      };
    },
    /** Some sprites more; whether there are all. Then what they were made from is given up. */
    finish(plate) {
      const { mouths, eyes, sources } = plate;
      const part = mouths.missing.size ? mouths : eyes;
      part.need(...[...part.missing].slice(0, AT_ONCE));
      if (mouths.missing.size + eyes.missing.size) return false;
      for (const texture of sources.splice(0)) gl.deleteTexture(texture);
      return true;
    },
    /** A raised arm, in px of the picture. */
    async limb(art, lens) {
      const bitmap = await bundle.bitmap(art.image);
      if (gl.isContextLost()) return null;
      const base = upload(gl, bitmap);
      const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * lens.scale)));
      let texture = base;
      if (lens.scale < 1) {
        texture = createTexture(gl, width, height);
        shrink.use();
        gl.activeTexture(gl.TEXTURE0);
        gl.bindTexture(gl.TEXTURE_2D, base);
        gl.uniform1i(shrink.at('base'), 0);
        gl.uniform2f(shrink.at('ratio'), bitmap.width / width, bitmap.height / height);
        drawInto(() => gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0), width, height);
        gl.deleteTexture(base);
      }
      bitmap.close();
      return { ...art, texture, width, height };
    },
    free(plate) {
      const { body, neck, mouths, eyes, sources } = plate;
      for (const texture of [body, mouths.texture, eyes.texture, ...sources.splice(0)]) gl.deleteTexture(texture);
      if (neck) gl.deleteTexture(neck.texture);
    },
  };
}

// Raised arms: where they are at a moment of their gesture. As `limbs.py` has it.

/** 0 at both ends of a gesture, 1 while it is held; smooth. */
function raised(phase) {
  const t = Math.min(1, Math.max(0, Math.min(phase, 1 - phase) / 0.2));
  return t * t * (3 - 2 * t);
}

/** The affine map from px of the limb's picture to px of the whole, `[a, b, x, c, d, y]`; null when it is down. */
function limbMatrix(limb, lens, phase, breath) {
  const up = raised(phase);
  if (up <= 0) return null;
  const beat = Math.sin(phase * 2 * Math.PI * limb.beats) * up;
  const angle = ((limb.swing * beat + limb.lean * (1 - up)) * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const s = lens.scale;
  const [ax, ay] = [(limb.x - limb.pivot_x) * s, (limb.y - limb.pivot_y) * s];
  const [px, py] = [(limb.pivot_x - lens.left) * s, (limb.pivot_y - lens.top) * s];
  // The breath is in px of the stream's own picture, of which `lens.zoom` says how many this one has.
  const drop = ((1 - up) * limb.drop + limb.bob * beat) * s - 2.2 * breath * lens.zoom;
  return [cos, -sin, ax * cos - ay * sin + px, sin, cos, ax * sin + ay * cos + py + drop];
}

// Draws a figure as the server's compositor does: a plate with the sprites of the moment laid in, warped as a
// whole, raised arms over it.


const WARP = `
layout(location = 0) in vec2 place;
layout(location = 1) in vec2 source;
layout(location = 2) in vec2 under;
uniform vec4 box;   // of the neck: left, top, width, height
out vec2 from, below;
void main() { from = source; below = (under - box.xy) / box.zw; gl_Position = vec4(place.x * 2.0 - 1.0, 1.0 - place.y * 2.0, 0.0, 1.0); }`;
const SAMPLE = `
in vec2 from, below;
uniform sampler2D plate, neck;
uniform bool necked;
uniform vec4 behind;
out vec4 colour;
void main() {
  vec4 found = texture(plate, from);
  if (necked) found += texture(neck, below) * (1.0 - found.a);
  colour = found + behind * (1.0 - found.a);
}`;
// A limb's px are centred on whole numbers, as OpenCV has them.
const LIMB = `
uniform vec2 size, picture;
uniform vec3 across, down;
out vec2 from;
void main() {
  from = vec2(gl_VertexID & 1, gl_VertexID >> 1);
  vec3 at = vec3(from * size - 0.5, 1.0);
  vec2 place = (vec2(dot(across, at), dot(down, at)) + 0.5) / picture;
  gl_Position = vec4(place.x * 2.0 - 1.0, 1.0 - place.y * 2.0, 0.0, 1.0);
}`;
const OVER = `
in vec2 from;
uniform sampler2D limb;
out vec4 colour;
void main() { colour = texture(limb, from); }`;

/** Two triangles a cell. */
function triangles(rows, columns) {
  const out = new Uint16Array((rows - 1) * (columns - 1) * 6);
  let i = 0;
  for (let r = 0; r + 1 < rows; r += 1) {
    for (let c = 0; c + 1 < columns; c += 1) {
      const a = r * columns + c;
      out.set([a, a + 1, a + columns, a + 1, a + columns + 1, a + columns], i);
      i += 6;
    }
  }
  return out;
}

/** A label of the stream's description, as a texture. */
async function printed(gl, { picture }) {
  const bytes = Uint8Array.from(atob(picture), (c) => c.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/webp' }), { colorSpaceConversion: 'none' });
  const texture = createTexture(gl, bitmap.width, bitmap.height);
  gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
  bitmap.close();
  return texture;
}

const moment = () => new Promise((resolve) => {
  setTimeout(resolve);
});

/** Let pictures be drawn between: until the graphics card has done all that it was told, else they would wait for it. */
async function pause(gl) {
  const fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
  gl.flush();
  do await moment();
  while (fence && !gl.isContextLost() && gl.clientWaitSync(fence, 0, 0) === gl.TIMEOUT_EXPIRED);
  gl.deleteSync(fence);
}

/**
 * `scene` is `{width, height, background, transparent, label}` of the stream. Resolves when the plate of `pose` can be
 * shown; the others follow, and when `eager` all sprites, which are made when needed otherwise. Rejects where there is no WebGL2 or the art cannot be read.
 */
async function createRenderer(canvas, bundle, scene, pose, eager = true) {
  const gl = canvas.getContext('webgl2', {
    alpha: true, premultipliedAlpha: true, antialias: false, depth: false, preserveDrawingBuffer: true,
  });
  if (!gl) throw new Error('no WebGL2');
  // The graphics card, the decoder of pictures and the one of fields all work at once.
  const plates = createPlates(gl, bundle);
  const warping = buildProgram(gl, WARP, SAMPLE);
  const limbing = buildProgram(gl, LIMB, OVER);
  bundle.expect(plateFiles(pose)[0]);
  const { manifest } = bundle;
  const nominal = lensOf(manifest, scene.width, scene.height);
  const warp = createWarp(manifest, await bundle.fields(), nominal);
  const blit = gl.createFramebuffer();
  const laid = gl.createFramebuffer();
  const behind = scene.transparent ? [0, 0, 0, 0] : [...scene.background.map((c) => c / 255), 1];

  const mesh = gl.createVertexArray();
  gl.bindVertexArray(mesh);
  const places = gl.createBuffer();
  gl.bindBuffer(gl.ARRAY_BUFFER, places);
  gl.bufferData(gl.ARRAY_BUFFER, warp.places(), gl.STATIC_DRAW);
  gl.enableVertexAttribArray(0);
  gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
  const sources = gl.createBuffer();
  const nodes = new Float32Array(warp.rows * warp.columns * 2);
  gl.bindBuffer(gl.ARRAY_BUFFER, sources);
  gl.bufferData(gl.ARRAY_BUFFER, nodes.byteLength, gl.DYNAMIC_DRAW);
  gl.enableVertexAttribArray(1);
  gl.vertexAttribPointer(1, 2, gl.FLOAT, false, 0, 0);
  const unders = gl.createBuffer();
  const neckNodes = new Float32Array(nodes.length);
  gl.bindBuffer(gl.ARRAY_BUFFER, unders);
  gl.bufferData(gl.ARRAY_BUFFER, neckNodes.byteLength, gl.DYNAMIC_DRAW);
  gl.enableVertexAttribArray(2);
  gl.vertexAttribPointer(2, 2, gl.FLOAT, false, 0, 0);
  const corners = triangles(warp.rows, warp.columns);
  gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, corners, gl.STATIC_DRAW);
  gl.bindTexture(gl.TEXTURE_2D, createTexture(gl, 1, 1));
  gl.viewport(0, 0, 1, 1);
  warping.warm();
  gl.drawElements(gl.TRIANGLES, 3, gl.UNSIGNED_SHORT, 0);
  gl.flush();
  gl.bindVertexArray(null);

  let made; // everything of one size: {lens, plates: Map, limbs, current, former, whole}
  let making = Promise.resolve();
  let closed = false;

  /** A texture that shows one plate with its sprites laid in; `bare` is the plate's own, while it has none yet. */
  function createSheet(lens) {
    return { texture: createTexture(gl, lens.width, lens.height), pose: -1, mouth: -1, eyes: -1, bare: null };
  }

  function lay(attach, rect) {
    gl.bindFramebuffer(gl.READ_FRAMEBUFFER, blit);
    attach();
    gl.blitFramebuffer(
      0, 0, rect.width, rect.height, rect.x, rect.y, rect.x + rect.width, rect.y + rect.height, gl.COLOR_BUFFER_BIT, gl.NEAREST);
  }

  function show(set, sheet, wanted, mouth, eyes) {
    const plate = set.plates.get(wanted);
    if (!plate.mouths.ready && !plate.eyes.ready) {
      Object.assign(sheet, { pose: wanted, mouth: -1, eyes: -1, bare: plate.body });
      return;
    }
    const fresh = sheet.pose !== wanted || Boolean(sheet.bare);
    sheet.bare = null;
    if (!fresh && sheet.mouth === mouth && sheet.eyes === eyes) return;
    gl.bindFramebuffer(gl.DRAW_FRAMEBUFFER, laid);
    gl.framebufferTexture2D(gl.DRAW_FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, sheet.texture, 0);
    if (fresh) {
      const { width, height } = set.lens;
      lay(() => gl.framebufferTexture2D(gl.READ_FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, plate.body, 0), { x: 0, y: 0, width, height });
    }
    const parts = [[plate.mouths, mouth, sheet.mouth], [plate.eyes, eyes, sheet.eyes]];
    for (const [part, index, former] of parts) {
      if (!part.ready || (!fresh && index === former)) continue;
      part.need(index);
      gl.bindFramebuffer(gl.DRAW_FRAMEBUFFER, laid);
      lay(() => gl.framebufferTextureLayer(gl.READ_FRAMEBUFFER, gl.COLOR_ATTACHMENT0, part.texture, 0, index), part.rect);
    }
    const shown = parts.map(([part, index]) => (part.ready ? index : -1));
    Object.assign(sheet, { pose: wanted, mouth: shown[0], eyes: shown[1] });
  }

  /** The neck of `pose`, which lies under what is drawn then; null when it has none. */
  function placeNeck(set, pose, state) {
    const { neck } = set.plates.get(pose);
    if (!neck) return null;
    warp.nodes(pose, state, neckNodes, false);
    gl.bindBuffer(gl.ARRAY_BUFFER, unders);
    gl.bufferSubData(gl.ARRAY_BUFFER, 0, neckNodes);
    return neck;
  }

  function drawSheet(set, sheet, state, share, neck) {
    warp.nodes(sheet.pose, state, nodes);
    gl.bindVertexArray(mesh);
    gl.bindBuffer(gl.ARRAY_BUFFER, sources);
    gl.bufferSubData(gl.ARRAY_BUFFER, 0, nodes);
    warping.use();
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, sheet.bare ?? sheet.texture);
    gl.uniform1i(warping.at('plate'), 0);
    gl.uniform4f(warping.at('behind'), ...behind);
    gl.uniform1i(warping.at('neck'), 1);
    gl.uniform1i(warping.at('necked'), neck ? 1 : 0);
    gl.uniform4f(warping.at('box'), ...(neck?.place ?? [0, 0, 1, 1]));
    gl.activeTexture(gl.TEXTURE1);
    gl.bindTexture(gl.TEXTURE_2D, neck?.texture ?? sheet.texture);
    if (share < 1) {
      gl.enable(gl.BLEND);
      gl.blendEquation(gl.FUNC_ADD);
      gl.blendColor(0, 0, 0, share);
      gl.blendFunc(gl.CONSTANT_ALPHA, gl.ONE_MINUS_CONSTANT_ALPHA);
    } else gl.disable(gl.BLEND);
    gl.drawElements(gl.TRIANGLES, corners.length, gl.UNSIGNED_SHORT, 0);
    gl.bindVertexArray(null);
  }

  /** A picture over what is drawn; `matrix` is the affine map from its px to those of the whole. */
  function layOver(lens, { texture, width, height }, matrix) {
    limbing.use();
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.uniform1i(limbing.at('limb'), 0);
    gl.uniform2f(limbing.at('size'), width, height);
    gl.uniform2f(limbing.at('picture'), lens.width, lens.height);
    gl.uniform3f(limbing.at('across'), ...matrix.slice(0, 3));
    gl.uniform3f(limbing.at('down'), ...matrix.slice(3));
    gl.enable(gl.BLEND);
    gl.blendEquationSeparate(gl.FUNC_ADD, gl.MAX);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }

  function raise({ lens, limbs }, state) {
    for (const limb of limbs) {
      const matrix = limb.gesture === state.gesture ? limbMatrix(limb, lens, state.phase, state.breath ?? 0) : null;
      if (matrix) layOver(lens, limb, matrix);
    }
    if (!label) return;
    const { x, y, width, height } = scene.label;
    const zoom = lens.zoom;
    layOver(lens, { texture: label, width, height }, [zoom, 0, (x + 0.5) * zoom - 0.5, 0, zoom, (y + 0.5) * zoom - 0.5]);
  }

  function discard(set) {
    for (const plate of set.plates.values()) plates.free(plate);
    for (const texture of [...set.limbs, set.current, set.former].map((one) => one.texture)) gl.deleteTexture(texture);
  }

  /** Everything at a size; `made` becomes it as soon as `first` can be shown. */
  async function prepare(width, height, first) {
    const lens = { ...enlarged(nominal, width, height), zoom: width / nominal.width };
    const set = { lens, plates: new Map(), limbs: [], current: createSheet(lens), former: createSheet(lens) };
    const order = manifest.poses.map((_, i) => i).sort((a, b) => Math.abs(a - first) - Math.abs(b - first));
    for (const index of order) {
      const plate = await plates.plate(index, lens);
      if (closed || !plate) return;
      const soonest = index === first && !made; // its own mouth will do until the others are there
      if (!soonest) await plate.dress();
      set.plates.set(index, plate);
      if (index === first) {
        if (made) discard(made);
        made = set;
        await moment();
      }
      if (soonest) await plate.dress();
      while (eager && !closed && made === set && !plates.finish(plate)) await pause(gl);
      if (closed || made !== set) return;
      if (index !== first) continue;
      for (const art of manifest.limbs) {
        const limb = await plates.limb(art, lens);
        if (closed || !limb) return;
        set.limbs.push(limb);
      }
    }
    set.whole = true;
  }

  function begin(width, height, first) {
    return new Promise((resolve, reject) => {
      making = making.then(async () => {
        if (closed) return;
        const done = prepare(width, height, first);
        const shown = () => made?.lens.width === width && made.lens.height === height;
        const look = setInterval(() => shown() && resolve(), 4);
        try {
          await done;
          if (shown()) resolve();
          else reject(new Error('art lost'));
        } catch (error) {
          reject(error);
        } finally {
          clearInterval(look);
        }
      });
    });
  }

  const label = scene.label ? await printed(gl, scene.label) : null;
  await begin(canvas.width, canvas.height, pose);

  return {
    gl,
    /** Px of the stream's own picture for one of the art. */
    scale: nominal.scale,
    /** All poses and arms are there. */
    get whole() {
      return made.whole;
    },
    /**
     * `state` has plate, mouth, eyes (indices), the values of the manifest's bases by name, gesture and phase;
     * `fading` is how much of the former plate is still seen.
     */
    draw(state, fading = 0) {
      const set = made;
      let wanted = state.plate;
      if (!set.plates.has(wanted)) {
        // Not there yet: the nearest that is, warped to the same angle.
        wanted = [...set.plates.keys()].sort((a, b) => Math.abs(a - wanted) - Math.abs(b - wanted))[0];
      }
      if (set.current.pose >= 0 && set.current.pose !== wanted) {
        [set.current, set.former] = [set.former, set.current];
        set.current.pose = -1;
      }
      gl.disable(gl.BLEND);
      show(set, set.current, wanted, state.mouth, state.eyes);
      const both = fading > 0 && set.former.pose >= 0;
      if (both) show(set, set.former, set.former.pose, state.mouth, state.eyes);
      gl.bindFramebuffer(gl.FRAMEBUFFER, null);
      if (canvas.width !== set.lens.width || canvas.height !== set.lens.height) {
        Object.assign(canvas, { width: set.lens.width, height: set.lens.height });
      }
      gl.viewport(0, 0, canvas.width, canvas.height);
      const neck = placeNeck(set, set.current.pose, state);
      drawSheet(set, set.current, state, 1, neck);
      if (both) drawSheet(set, set.former, state, fading, neck);
      raise(set, state);
    },
    /** Another size; the present one is shown until its first plate is there. */
    resize: (width, height) => begin(width, height, Math.max(0, made.current.pose)),
    close() {
      closed = true;
      gl.getExtension('WEBGL_lose_context')?.loseContext();
    },
  };
}

// What the server says of ticks (docs/drawing.md), and the state of the figure at any moment between.

const DRAWING = 2; // the version of what is said
const TICK = 1920; // RTP units of a tick: 40 ms of sound
const HEAD = 6;
const UNIT = 256;
const FORMER = 3; // ticks whose sprites are said again
const EYES = 4; // of a state's first byte, whose lowest bits are how many ticks are foretold
const GESTURE = 8;
const KEPT = 64; // ticks remembered
const FADE = 5; // ticks over which one pose dissolves into the next

/** Reads bytes one after another; beyond the end everything is undefined and `ok` is false. */
function createReader(buffer) {
  const view = new DataView(buffer);
  let at = 0;
  const reader = {
    ok: true,
    take(size) {
      at += size;
      reader.ok &&= at <= view.byteLength;
      return at - size;
    },
    byte() {
      const from = reader.take(1);
      return reader.ok ? view.getUint8(from) : undefined;
    },
    bytes: (count) => Array.from({ length: count }, reader.byte),
    share() {
      const from = reader.take(2);
      return reader.ok ? view.getUint16(from) / 65535 : undefined;
    },
    time() {
      const from = reader.take(4);
      return reader.ok ? view.getUint32(from) : undefined;
    },
    /** A signed number, seven bits a byte, the least first. */
    number() {
      let value = 0;
      for (let shift = 0; shift < 28; shift += 7) {
        const byte = reader.byte();
        value |= (byte & 127) << shift;
        if (!(byte & 128)) break;
      }
      return value & 1 ? -(value + 1) / 2 : value / 2;
    },
  };
  return reader;
}

/** `manifest` is the art's; `tag` the first 8 bits of its name. Times are RTP's, made continuous. */
function createStates(manifest, tag) {
  const gestures = [null, ...new Set(manifest.limbs.map((limb) => limb.gesture))];
  const { bases } = manifest;
  let base; // of the continuous time: that of the latest message
  let poses = []; // {time, said, plate, gesture, phase, values}, ascending
  const sprites = new Map(); // time -> {said, pair: [mouth, eyes]}
  let shown = -1; // plate
  let changed = -Infinity; // when it came

  /** The continuous time of a 32-bit one. */
  const continuous = (time) => (base === undefined ? time : base + ((time - base) | 0));

  function insert(pose) {
    let i = poses.length;
    while (i && poses[i - 1].time >= pose.time) i -= 1;
    const there = poses[i]?.time === pose.time;
    if (there && poses[i].said > pose.said) return;
    poses.splice(i, there ? 1 : 0, pose);
    if (poses.length <= KEPT) return;
    poses = poses.slice(-KEPT);
    for (const time of sprites.keys()) if (time < poses[0].time) sprites.delete(time);
  }

  /** The message as an object; undefined when it is of no use here. */
  function read(buffer) {
    if (!(buffer instanceof ArrayBuffer)) return undefined;
    const reader = createReader(buffer);
    const [version, art] = [reader.byte(), reader.byte()];
    if (version !== DRAWING || art !== tag) return undefined;
    const time = continuous(reader.time());
    const kind = reader.byte();
    const count = kind & 3;
    const plate = reader.byte();
    const mouths = reader.bytes(FORMER + 1 + count);
    const eyes = kind & EYES ? reader.bytes(mouths.length) : Array(mouths.length).fill(reader.byte());
    let gesture = null;
    let phases = [0, 0];
    if (kind & GESTURE) {
      gesture = gestures[reader.byte()] ?? null;
      phases = [reader.share(), reader.share()];
    }
    const first = bases.map(() => reader.number());
    const last = count ? first.map((value) => value + reader.number()) : first;
    const known = plate < manifest.poses.length && mouths.every((one) => one < manifest.mouths)
      && eyes.every((one) => one < manifest.eyes);
    if (!reader.ok || !known) return undefined;
    const pose = (at, phase, values) => ({
      time: at, said: time, plate, gesture, phase, values: values.map((value) => value / UNIT),
    });
    const told = [pose(time, phases[0], first)];
    if (count) told.push(pose(time + count * TICK, phases[1], last));
    return { time, mouths, eyes, told };
  }

  return {
    continuous,
    get latest() {
      return base;
    },
    /** Take a message in; its time, or undefined when it is of no use here. */
    hear(buffer) {
      const message = read(buffer);
      if (!message) return undefined;
      const { time, mouths, eyes, told } = message;
      const newest = base === undefined || time >= base ? time : base;
      if (newest === time) {
        // What was foretold before and is not said again does not come about.
        base = time;
        poses = poses.filter((one) => one.time <= time || one.said >= time);
        for (const [at, one] of sprites) if (at > time && one.said < time) sprites.delete(at);
      }
      mouths.forEach((mouth, i) => {
        const at = time + (i - FORMER) * TICK;
        if (at > newest && time < newest) return; // overtaken
        if (!sprites.has(at) || sprites.get(at).said <= time) sprites.set(at, { said: time, pair: [mouth, eyes[i]] });
      });
      for (const one of told) if (one.time <= newest || one.said === newest) insert(one);
      return time;
    },
    /** `[state, fading]` for `renderer.draw` at a time; null while nothing is known. */
    at(time) {
      if (!poses.length) return null;
      let i = poses.length - 1;
      while (i && poses[i].time > time) i -= 1;
      const [from, until] = [poses[i], poses[i + 1]];
      // Between two ticks it moves evenly; after a longer silence it holds.
      const near = until && until.time - from.time <= 6 * TICK;
      const k = near ? Math.min(1, Math.max(0, (time - from.time) / (until.time - from.time))) : 0;
      const state = { plate: from.plate, gesture: from.gesture, phase: from.phase };
      bases.forEach((name, b) => {
        state[name] = k ? from.values[b] + (until.values[b] - from.values[b]) * k : from.values[b];
      });
      if (k && until.gesture === from.gesture && until.phase > from.phase) state.phase += (until.phase - from.phase) * k;
      // A mouth belongs to its tick. The last one known holds.
      let tick = from.time;
      while (sprites.has(tick + TICK) && tick + TICK <= time) tick += TICK;
      [state.mouth, state.eyes] = sprites.get(tick).pair;
      if (from.plate !== shown) {
        changed = shown < 0 ? -Infinity : from.time;
        shown = from.plate;
      }
      return [state, Math.min(FADE, Math.max(0, FADE - (time - changed) / TICK)) / (FADE + 1)];
    },
  };
}

// Which moment of the program is heard now: by the sound's own clock, or, while no sound is played, by when
// messages come.

const RATE = 48; // RTP units a millisecond
const STALE_MS = 1000; // sound that was last played so long ago is not being played
const WINDOW_MS = 250;
const FOLLOW_MS = 60; // in which most of a difference is made up: sound is stretched and squeezed as packets come
const DECODED_MS = 20; // before it is heard, sound is told of: it has been decoded, a packet at a time
const BEHIND_MS = 80; // behind the messages while there is no sound
const JUMP_MS = 80; // a larger difference is a jump, a smaller one drifts away

/** A running estimate of program time less page time, from readings that are at most too early. */
function createOffset() {
  let readings = [];
  let value;
  let before = 0;
  return {
    read(now, offset) {
      readings = readings.filter((one) => now - one.now < WINDOW_MS);
      readings.push({ now, offset });
      // The upper ones: a reading is late by as much as the sound is handed on in pieces.
      const sorted = readings.map((one) => one.offset).sort((a, b) => a - b);
      const found = sorted[Math.floor((sorted.length - 1) * 0.9)];
      value = value === undefined || Math.abs(found - value) > JUMP_MS ? found : value + (found - value) * (1 - Math.exp((before - now) / FOLLOW_MS));
      before = now;
    },
    get value() {
      return value;
    },
    forget() {
      readings = [];
      value = undefined;
    },
  };
}

/** `receiver` is that of the sound, if any; `continuous` makes RTP times continuous. */
function createTime(receiver, continuous) {
  const played = createOffset();
  const came = createOffset();
  let last; // RTP time of the reading before
  return {
    /** A message of this time has come. */
    came(time) {
      came.read(performance.now(), time / RATE - performance.now());
    },
    /** The program time that is heard now, in RTP units; undefined while nothing is known. */
    now() {
      const now = performance.now();
      const [source] = receiver?.getSynchronizationSources?.() ?? [];
      let fresh = false;
      if (source?.rtpTimestamp !== undefined) {
        // Some browsers count from the epoch.
        const at = source.timestamp > 1e11 ? source.timestamp - performance.timeOrigin : source.timestamp;
        fresh = now - at < STALE_MS;
        if (fresh && source.rtpTimestamp !== last) {
          last = source.rtpTimestamp;
          played.read(now, continuous(source.rtpTimestamp) / RATE - at - DECODED_MS);
        }
      }
      if (!fresh) played.forget();
      if (played.value !== undefined) return (now + played.value) * RATE;
      return came.value === undefined ? undefined : (now + came.value - BEHIND_MS) * RATE;
    },
    get bySound() {
      return played.value !== undefined;
    },
  };
}

// Which canvas, if any, shows a played stream. Views take it in place of the <video>.

const faces = new WeakMap();

/** `{canvas, taken, set(canvas), watch(callback)}`; `watch` returns how to stop. */
function faceOf(stream) {
  if (!faces.has(stream)) {
    const watchers = new Set();
    const face = {
      canvas: null,
      /** The element that shows the canvas: its size is that of the picture. */
      taken: null,
      set(canvas) {
        if (canvas !== face.canvas) face.canvas?.remove();
        face.canvas = canvas;
        face.taken = null;
        for (const tell of [...watchers]) tell();
      },
      /** An element shows the canvas, or (null) does not any more. */
      take(element) {
        face.taken = element;
        for (const tell of [...watchers]) tell();
      },
      watch(callback) {
        watchers.add(callback);
        return () => watchers.delete(callback);
      },
    };
    faces.set(stream, face);
  }
  return faces.get(stream);
}

// A figure that is drawn here: art and messages in, a canvas out.


const KINDS = new Set(['pack', 'pack+label']);
const START_MS = 8000; // from the connection to the first picture
const SILENT_MS = 4000; // without a message the stream is lost to us
const SLOWEST_MS = 50; // a picture: slower, and video serves better
const HIDDEN_MS = 200;
const JUDGED_MS = 3000;
const SETTLED_MS = 250; // an element that changes its size is waited for
const LEAST = 96; // px of a side
const SOFTWARE = /swiftshader|llvmpipe|softpipe|basic render/i; // browsers do not all call these slow
let real; // whether WebGL2 runs on a graphics card

function hasCard() {
  if (real === undefined) {
    const probe = document.createElement('canvas').getContext('webgl2', { failIfMajorPerformanceCaveat: true });
    const named = probe?.getExtension('WEBGL_debug_renderer_info');
    const renderer = named ? probe.getParameter(named.UNMASKED_RENDERER_WEBGL) : '';
    real = Boolean(probe) && !SOFTWARE.test(renderer);
    probe?.getExtension('WEBGL_lose_context')?.loseContext();
  }
  return real;
}

/** Whether a stream with this description is to be drawn here. */
function wantsDrawing(about) {
  const wish = engineOptions.draw ?? 'auto';
  if (wish === 'never' || !about || about.version !== DRAWING || !KINDS.has(about.kind)) return false;
  const able = typeof DecompressionStream === 'function' && typeof WebGL2RenderingContext === 'function';
  return able && (wish === 'always' || hasCard());
}

/** What is asked of the connection: a channel that both sides know of. */
function openChannel(pc) {
  const channel = pc.createDataChannel('drawing', { negotiated: true, id: 0, ordered: false, maxRetransmits: 0 });
  channel.binaryType = 'arraybuffer';
  return channel;
}

/** The art, from the server or the browser's own cache. */
async function fetchArt(origin, appID, about, token) {
  const url = `${origin}/art/${encodeURIComponent(appID)}/${encodeURIComponent(about.art)}`;
  const response = await fetch(url, { headers: { Authorization: `Bearer ${token}` } });
  if (!response.ok) throw new Error(`art: HTTP ${response.status}`);
  return response.arrayBuffer();
}

/**
 * To be called before the connection is asked for: art is made ready meanwhile.
 * `scene` is the stream's description with `drawing`; `art` a promise of its bytes; `face` where the canvas is
 * shown, if it is. `failed` is called once, when it cannot go on. `first` resolves with the first picture.
 */
function startFigure({ scene, art, channel, receiver, face, failed }) {
  const about = scene.drawing;
  const [canvas, begun] = [document.createElement('canvas'), performance.now()];
  Object.assign(canvas, { width: about.width, height: about.height });
  const [video] = canvas.captureStream(0).getVideoTracks();
  const figures = { pictures: 0, slowest: 0, bySound: false, messages: 0, time: undefined, steps: {} };
  let renderer;
  let states;
  let time;
  let connectedAt = Infinity;
  let heardAt = begun;
  let closed = false;
  let early = [];
  let settle;
  let size = [canvas.width, canvas.height];
  let settling;
  const first = new Promise((resolve, reject) => {
    settle = { resolve, reject };
  });
  first.catch(() => {}); // it may have failed before anybody asks

  function close() {
    closed = true;
    clearInterval(watchdog);
    clearTimeout(settling);
    sizes.disconnect();
    channel.onmessage = null;
    video.stop();
    renderer?.close();
  }

  /** `again`: it may be the network's fault, and worth another attempt. */
  function fail(why, again = false) {
    if (closed) return;
    close();
    const problem = Object.assign(new Error(why), { again });
    settle.reject(problem);
    failed(problem);
  }

  /** On the way to the first picture, ms since the beginning. */
  const step = (name) => {
    figures.steps[name] = Math.round(performance.now() - begun);
  };

  channel.onopen = () => step('open');
  channel.onmessage = ({ data }) => {
    heardAt = performance.now();
    figures.messages += 1;
    if (figures.messages === 1) step('heard');
    if (!states) {
      early = [...early, data].slice(-8);
      return;
    }
    const at = states.hear(data);
    if (at !== undefined) time.came(at);
  };
  channel.onclose = () => figures.steps.open && fail('channel closed'); // else nobody answered yet
  canvas.addEventListener('webglcontextlost', () => fail('context lost'));

  /** The px that the element has for the picture, as far as the art has them too. */
  function wanted() {
    const element = face.taken;
    const box = element?.getBoundingClientRect();
    if (!box?.width || !box.height) return [about.width, about.height];
    const fit = getComputedStyle(canvas).objectFit === 'cover' ? Math.max : Math.min;
    const ratio = window.devicePixelRatio || 1;
    const most = Math.max(1, 1 / renderer.scale);
    const k = Math.min(most, fit((box.width * ratio) / about.width, (box.height * ratio) / about.height));
    return [about.width, about.height].map((side) => Math.max(LEAST, Math.round((side * k) / 2) * 2));
  }

  function resize() {
    clearTimeout(settling);
    settling = setTimeout(async () => {
      if (closed || !renderer) return;
      const better = wanted();
      if (better.every((side, i) => Math.abs(side - size[i]) <= 2)) return;
      size = better;
      try {
        await renderer.resize(...better);
      } catch (error) {
        fail(error.message);
      }
    }, SETTLED_MS);
  }
  const sizes = new ResizeObserver(resize);

  let judged = performance.now();
  let counted = 0;
  let pauses = 0; // the browser draws nothing for a page that is not seen

  function judge(now) {
    if (now - judged < JUDGED_MS) return;
    const each = (now - judged) / Math.max(1, counted);
    figures.slowest = Math.max(figures.slowest, pauses ? 0 : each);
    if (!pauses && each > SLOWEST_MS && renderer.whole && (engineOptions.draw ?? 'auto') !== 'always') fail('too slow');
    [judged, counted, pauses] = [now, 0, 0];
  }

  /** Nobody sees a hidden page, but it may wait for the first picture. */
  function next() {
    if (!document.hidden) requestAnimationFrame(draw);
    else setTimeout(() => draw(performance.now()), HIDDEN_MS);
  }

  function draw(now) {
    if (closed) return;
    next();
    const at = time.now();
    const found = at === undefined ? null : states.at(at);
    if (!found) return;
    Object.assign(figures, { bySound: time.bySound, time: at, now: performance.now(), state: found[0] });
    try {
      renderer.draw(...found);
    } catch (error) {
      fail(error.message);
      return;
    }
    counted += 1;
    figures.pictures += 1;
    if (!face.taken) video.requestFrame();
    if (figures.pictures === 1) {
      step('drawn');
      settle.resolve();
    }
    judge(now);
  }

  const watchdog = setInterval(() => {
    const now = performance.now();
    if (document.hidden) pauses += 1;
    if (!figures.pictures && now - connectedAt > START_MS) fail('nothing to draw');
    else if (figures.pictures && now - heardAt > SILENT_MS) fail('no messages', true);
  }, 500);

  (async () => {
    const bytes = await art;
    step('art');
    const bundle = openBundle(bytes);
    if (closed) return;
    const { manifest } = bundle;
    const waiting = createStates(manifest, parseInt(about.art.slice(0, 2), 16));
    const clock = createTime(receiver, waiting.continuous);
    const frame = { width: about.width, height: about.height, background: about.background, transparent: scene.transparent, label: about.label };
    const made = await createRenderer(canvas, bundle, frame, Math.floor(manifest.poses.length / 2));
    if (closed) {
      made.close();
      return;
    }
    step('renderer');
    [renderer, states, time] = [made, waiting, clock];
    for (const data of early) if (states.hear(data) !== undefined) time.came(states.latest);
    early = [];
    next();
    resize();
  })().catch((error) => fail(error.message));

  return {
    canvas,
    video,
    first,
    figures,
    close,
    step,
    /** Media can come from now on. */
    connected() {
      connectedAt = performance.now();
      step('connected');
    },
    /** The canvas is shown by another element, or by none. */
    placed() {
      sizes.disconnect();
      if (face.taken) sizes.observe(face.taken);
      if (renderer) resize();
    },
  };
}

// What shows a stream on the page: one <video>, or over it one <canvas>, for a stream that is drawn here or transparent.


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
  let unwatch;
  const face = faceOf(stream);
  const wishes = { volume: 100, audioMuted: false, videoMuted: false };

  function clear() {
    unwatch?.();
    unwatch = undefined;
    if (box && face.taken === box) {
      face.canvas?.remove();
      face.take(null);
    }
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
      if (mine !== video || stopDrawing || face.canvas || !isTransparent()) return;
      const canvas = document.createElement('canvas');
      canvas.style.cssText = look;
      stopDrawing = composite(video, canvas) || undefined;
      if (stopDrawing) {
        video.style.opacity = '0';
        box.append(canvas);
      }
    };
    /** A stream that is drawn on this page is shown by the very canvas; another view has the video of it. */
    const take = () => {
      if (mine !== video || face.taken) return;
      if (face.canvas) {
        face.canvas.style.cssText = look;
        video.style.opacity = '0';
        box.append(face.canvas);
        face.take(box);
      } else if (!stopDrawing) video.style.opacity = '';
    };
    unwatch = face.watch(take);
    take();
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
 * `link()` gives `{url, token, iceServers, origin, appID, scene}`, the last being the stream's description;
 * `where` has isListed(), whether a room that we are in lists the stream, and isElsewhere(), which resolves to
 * whether there is such a stream at all; `on` has state(name, code), quality(stats), forgotten().
 * `first` resolves to the MediaStream, which stays the same object for ever.
 */
function startPlaying(link, where, options, on) {
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
          for (const stream of message.streams) known.set(stream.streamID, stream);
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
      return { url, token: room.token, iceServers: room.iceServers, origin, appID, scene: known.get(streamID) };
    };
    const isListed = () => [...rooms.values()].some((room) => room.streams.has(streamID));
    const isElsewhere = async () => {
      const found = await Promise.all([...rooms.values()].map(({ room }) => room.find(streamID)));
      return found.some(Boolean);
    };
    playing = startPlaying(link, { isListed, isElsewhere }, options || {}, {
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
    /** Figures of a stream that is drawn on this page; null while it is video. */
    drawing: (streamID) => plays.get(streamID)?.drawn ?? null,
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
