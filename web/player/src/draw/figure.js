// A figure that is drawn here: art and messages in, a canvas out.

import { engineOptions } from '../server.js';
import { openBundle } from './bundle.js';
import { createRenderer } from './renderer.js';
import { createStates, DRAWING } from './states.js';
import { createTime } from './time.js';

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
export function wantsDrawing(about) {
  const wish = engineOptions.draw ?? 'auto';
  if (wish === 'never' || !about || about.version !== DRAWING || !KINDS.has(about.kind)) return false;
  const able = typeof DecompressionStream === 'function' && typeof WebGL2RenderingContext === 'function';
  return able && (wish === 'always' || hasCard());
}

/** What is asked of the connection: a channel that both sides know of. */
export function openChannel(pc) {
  const channel = pc.createDataChannel('drawing', { negotiated: true, id: 0, ordered: false, maxRetransmits: 0 });
  channel.binaryType = 'arraybuffer';
  return channel;
}

/** The art, from the server or the browser's own cache. */
export async function fetchArt(origin, appID, about, token) {
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
export function startFigure({ scene, art, channel, receiver, face, failed }) {
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
