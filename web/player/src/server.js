// Where our server is: what the page sets, a URL of its own, whence this module came, the page itself.

const HERE = import.meta.url;

const VENDOR = /(^|\.)zego(cloud)?\.(im|com)$|(^|\.)zegotech\.cn$|(^|\.)coolzcloud(accesshub)?\.com$/i;
export const engineOptions = {};

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
export function findServer(given) {
  const candidates = [engineOptions.server, window.ZEGO_DH_SERVER, given, HERE, window.location.href];
  for (const candidate of candidates) {
    const found = typeof candidate === 'string' && candidate ? origin(candidate) : null;
    if (found) return found;
  }
  return window.location.origin;
}
