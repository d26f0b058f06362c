// The engine of the vendor's Express Web SDK 3.x, as its pages use it, over our server (contract section 11).

import { CODES, fault, unwrapped } from './errors.js';
import { listeners } from './events.js';
import { connect, connected } from './media.js';
import { startPlaying } from './playing.js';
import { enterRoom } from './room.js';
import { engineOptions, findServer } from './server.js';
import { createView } from './view.js';

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

export class ZegoExpressEngine {
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
