import { useEffect, useRef, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { ZegoExpressEngine } from 'zego-express-engine-webrtc';
import { VoiceChanger } from 'zego-express-engine-webrtc/voice-changer';

ZegoExpressEngine.use(VoiceChanger);
const wanted = Object.fromEntries(new URLSearchParams(location.search));

function App() {
  const engine = useRef(null);
  const [state, setState] = useState('idle');
  const [speaking, setSpeaking] = useState(false);
  const [said, setSaid] = useState('');

  useEffect(() => {
    const zg = new ZegoExpressEngine(Number(wanted.app), '');
    engine.current = zg;
    window.events = [];
    for (const name of ['roomStateChanged', 'roomStreamUpdate', 'playerStateUpdate', 'roomUserUpdate']) {
      zg.on(name, (...values) => window.events.push([name, ...JSON.parse(JSON.stringify(values))]));
    }
    zg.on('captions', ({ Text }) => setSaid((now) => `${now} ${Text}`.trim()));
    zg.on('recvExperimentalAPI', ({ method, content }) => {
      if (method !== 'onRecvRoomChannelMessage') return;
      const message = JSON.parse(content.msgContent);
      if (message.Product === 'digitalhuman' && message.Cmd === 1001) setSpeaking(message.Data.Status === 2);
    });
    (async () => {
      await zg.callExperimentalAPI({ method: 'onRecvRoomChannelMessage', params: {} });
      try {
        await zg.loginRoom(wanted.room, wanted.token, { userID: wanted.user, userName: wanted.user }, { userUpdate: true });
        setState('waiting');
        const stream = await zg.startPlayingStream(wanted.stream);
        zg.createRemoteStreamView(stream).play('remote-video', { enableAutoplayDialog: false });
        setState('playing');
      } catch (error) {
        setState(`failed ${error.code} ${error.msg || error.message}`);
      }
    })();
    return () => zg.destroyEngine();
  }, []);

  async function leave() {
    await engine.current.stopPlayingStream(wanted.stream);
    await engine.current.logoutRoom();
    setState('left');
  }

  return (
    <main>
      <p id="state">{state}</p>
      <p id="speaking">{String(speaking)}</p>
      <p id="said">{said}</p>
      <div id="remote-video" style={{ width: 360, height: 640 }} />
      <button id="leave" type="button" onClick={leave}>Leave</button>
    </main>
  );
}

createRoot(document.getElementById('root')).render(<App />);
