// Errors as pages for the vendor's SDK read them: `error.msg || error.message`, `error.code`.

export const CODES = {
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

export function fault(code, text, extendedData = '') {
  const error = new Error(text);
  return Object.assign(error, { code, errorCode: code, msg: text, extendedData });
}

/** Vue must not wrap what we hand out: methods live in closures, and media objects break in a proxy. */
export function unwrapped(object) {
  return Object.defineProperty(object, '__v_skip', { value: true, enumerable: false });
}
