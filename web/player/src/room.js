// One room's signalling: a WebSocket that logs in, tells of streams, people and messages, and comes back.

import { CODES, fault } from './errors.js';

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
export function enterRoom(origin, login, on) {
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
