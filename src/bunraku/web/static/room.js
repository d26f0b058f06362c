// A room's signalling socket: who is there, what is published, channel messages.

export class Room {
  constructor({ appId, roomId, token, userId, onevent }) {
    this.login = { type: 'login', appID: appId, roomID: roomId, token, userID: userId, userName: userId };
    this.onevent = onevent;
    this.closed = false;
    this.attempt = 0;
    this.connect();
  }

  connect() {
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    this.socket = new WebSocket(`${scheme}://${location.host}/rtc/room`);
    this.socket.onopen = () => {
      this.attempt = 0;
      this.socket.send(JSON.stringify(this.login));
    };
    this.socket.onmessage = ({ data }) => this.onevent(JSON.parse(data));
    this.socket.onclose = () => {
      if (this.closed) return;
      this.attempt += 1;
      setTimeout(() => this.closed || this.connect(), Math.min(8000, 300 * 2 ** this.attempt));
    };
  }

  close() {
    this.closed = true;
    this.socket.close();
  }
}
