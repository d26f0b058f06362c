// <bunraku-player room="…" stream="…" token="…" app="…" user="…" server="…" muted captions plain>

import { ZegoExpressEngine } from './src/engine.js';

const STYLE = `
  :host { display: block; position: relative; min-height: 120px; overflow: hidden; }
  #stage { position: absolute; inset: 0; }
  #caption { position: absolute; inset: auto 8% 6%; margin: auto; width: fit-content; max-width: 84%; padding: .3em .7em;
    border-radius: .5em; font: 1rem/1.4 system-ui, sans-serif; color: #fff; background: rgba(0, 0, 0, .6); unicode-bidi: plaintext; }
  #caption:empty { display: none; }
  #state { position: absolute; inset: 0; display: grid; place-items: center; font: 1rem system-ui, sans-serif; color: gray; }
  #state:empty, :host([plain]) #state { display: none; }
`;

class BunrakuPlayer extends HTMLElement {
  connectedCallback() {
    if (!this.shadowRoot) {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLE);
      const root = this.attachShadow({ mode: 'open' });
      root.adoptedStyleSheets = [sheet];
      for (const id of ['stage', 'caption', 'state']) {
        const part = document.createElement('div');
        part.id = id;
        root.append(part);
      }
      root.getElementById('state').setAttribute('role', 'status');
      root.getElementById('caption').setAttribute('aria-live', 'off');
    }
    this.start();
  }

  disconnectedCallback() {
    this.engine?.destroyEngine();
    this.engine = undefined;
  }

  part(id) {
    return this.shadowRoot.getElementById(id);
  }

  async start() {
    const get = (name) => this.getAttribute(name) || '';
    const engine = new ZegoExpressEngine(Number(get('app')), get('server'));
    this.engine = engine;
    const user = get('user') || `viewer-${Math.random().toString(36).slice(2, 10)}`;
    engine.on('playerStateUpdate', ({ state, errorCode }) => {
      this.part('state').textContent = state === 'PLAYING' ? '' : errorCode ? '…' : '';
      this.dispatchEvent(new CustomEvent('state', { detail: { state, errorCode } }));
    });
    engine.on('captions', (caption) => {
      this.dispatchEvent(new CustomEvent('caption', { detail: caption }));
      if (this.hasAttribute('captions')) this.showCaption(caption);
    });
    engine.on('roomStateChanged', (room, reason, code, msg) => {
      if (reason === 'KICKOUT' || reason === 'RECONNECT_FAILED') this.failed({ code, msg });
    });
    try {
      await engine.loginRoom(get('room'), get('token'), { userID: user, userName: user });
      const stream = await engine.startPlayingStream(get('stream'));
      if (this.engine !== engine) return;
      engine.createRemoteStreamView(stream).play(this.part('stage'), {
        objectFit: get('fit') || 'contain',
        muted: this.hasAttribute('muted'),
        enableAutoplayDialog: !this.hasAttribute('plain'),
      });
    } catch (error) {
      if (this.engine === engine) this.failed(error);
    }
  }

  failed(error) {
    this.part('state').textContent = `${error.code ?? ''} ${error.msg ?? error.message ?? ''}`;
    this.dispatchEvent(new CustomEvent('error', { detail: error }));
  }

  showCaption({ Words }) {
    const words = Words || [];
    this.part('caption').textContent = words.map((w) => w.Text).join(' ');
    clearTimeout(this.fade);
    this.fade = setTimeout(() => {
      this.part('caption').textContent = '';
    }, 4000);
  }
}

if (!customElements.get('bunraku-player')) customElements.define('bunraku-player', BunrakuPlayer);
