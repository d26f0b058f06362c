// A client of the digital human API: signed calls and room tokens. No dependencies.
// Types are made from the OpenAPI file by `npm run generate`.

import { createCipheriv, createHash, randomBytes, randomInt } from 'node:crypto';

const md5 = (text) => createHash('md5').update(text).digest('hex');

/** The server answered with a Code other than 0. */
export class ApiError extends Error {
  constructor(action, envelope) {
    super(`${action}: ${envelope.Message} (${envelope.Code})`);
    this.name = 'ApiError';
    this.action = action;
    this.code = envelope.Code;
    this.requestId = envelope.RequestId;
  }
}

export class Client {
  #secret;

  constructor({ baseUrl, appId, serverSecret, timeout = 15000 }) {
    this.baseUrl = baseUrl.replace(/\/$/, '');
    this.appId = appId;
    this.timeout = timeout;
    this.#secret = serverSecret;
  }

  /** The call's Data. Throws ApiError, or what fetch throws when the server is away. */
  async call(action, body = {}) {
    const nonce = randomBytes(8).toString('hex');
    const now = Math.floor(Date.now() / 1000);
    const query = new URLSearchParams({
      Action: action,
      AppId: String(this.appId),
      SignatureNonce: nonce,
      Timestamp: String(now),
      Signature: md5(`${this.appId}${nonce}${this.#secret}${now}`),
      SignatureVersion: '2.0',
    });
    const answer = await fetch(`${this.baseUrl}/?${query}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(this.timeout),
    });
    const envelope = await answer.json();
    if (envelope.Code !== 0) throw new ApiError(action, envelope);
    return envelope.Data ?? {};
  }

  /** Bring a digital human to life; its TaskId, as soon as it streams. */
  async perform(digitalHumanId, { roomId, streamId, ...config }) {
    const { TaskId } = await this.call('CreateDigitalHumanStreamTask', {
      DigitalHumanConfig: { DigitalHumanId: digitalHumanId },
      RTCConfig: { RoomId: roomId, StreamId: streamId },
      ...config,
    });
    for (;;) {
      const state = await this.call('GetDigitalHumanStreamTaskStatus', { TaskId });
      if (state.Status === 3) return TaskId;
      if (state.Status !== 1) throw new Error(state.FailReason ?? 'the stream was stopped');
      await new Promise((done) => setTimeout(done, 150));
    }
  }

  /** A room token, "token04", for a page that watches. */
  roomToken(userId, { seconds = 3600, payload = '' } = {}) {
    const now = Math.floor(Date.now() / 1000);
    const expire = now + seconds;
    const vector = randomBytes(8).toString('hex');
    const cipher = createCipheriv('aes-256-cbc', this.#secret, vector);
    const sealed = Buffer.concat([
      cipher.update(JSON.stringify({
        app_id: this.appId, user_id: userId, nonce: randomInt(2 ** 31), ctime: now, expire, payload,
      })),
      cipher.final(),
    ]);
    const head = Buffer.alloc(10);
    head.writeBigInt64BE(BigInt(expire));
    head.writeUInt16BE(vector.length, 8);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(sealed.length);
    return '04' + Buffer.concat([head, Buffer.from(vector), length, sealed]).toString('base64');
  }
}
