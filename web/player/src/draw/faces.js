// Which canvas, if any, shows a played stream. Views take it in place of the <video>.

const faces = new WeakMap();

/** `{canvas, taken, set(canvas), watch(callback)}`; `watch` returns how to stop. */
export function faceOf(stream) {
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
