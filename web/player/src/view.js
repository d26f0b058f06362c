// What shows a stream on the page: one <video>, or over it one <canvas>, for a stream that is drawn here or transparent.

import { faceOf } from './draw/faces.js';
import { CODES, fault, unwrapped } from './errors.js';
import { listeners } from './events.js';
import { composite } from './transparent.js';

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
export function createView(stream, isTransparent) {
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
