// Sound of this machine as a drive: a dropped file, or the microphone, as PCM over the drive's WebSocket.

import { call } from './api.js';

const RATE = 24000;
const FRAME = 4096; // samples

async function open(appId, taskId) {
  const { DriveId, WssAddress } = await call(appId, 'DriveByWsStream', { TaskId: taskId });
  const socket = new WebSocket(WssAddress);
  socket.binaryType = 'arraybuffer';
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error('The drive could not be opened.'));
  });
  const say = (Action) => socket.send(JSON.stringify({ Action, Payload: { DriveId, SampleRate: RATE, Channel: 1 } }));
  say('Start');
  return {
    send(samples) {
      const pcm = new Int16Array(samples.length);
      for (let i = 0; i < samples.length; i += 1) pcm[i] = Math.max(-1, Math.min(1, samples[i])) * 32767;
      if (socket.readyState === WebSocket.OPEN) socket.send(pcm);
    },
    finish() {
      if (socket.readyState === WebSocket.OPEN) say('Stop');
      setTimeout(() => socket.close(), 500);
    },
  };
}

/** Have a file's sound spoken. */
export async function playFile(appId, taskId, file) {
  const decoder = new AudioContext({ sampleRate: RATE });
  const sound = await decoder.decodeAudioData(await file.arrayBuffer()).finally(() => decoder.close());
  const drive = await open(appId, taskId);
  const channels = [...Array(sound.numberOfChannels).keys()].map((i) => sound.getChannelData(i));
  for (let at = 0; at < sound.length; at += FRAME) {
    const part = new Float32Array(Math.min(FRAME, sound.length - at));
    for (const channel of channels) for (let i = 0; i < part.length; i += 1) part[i] += channel[at + i] / channels.length;
    drive.send(part);
  }
  drive.finish();
}

/** Speak through the figure until `stop()`. */
export async function microphone(appId, taskId) {
  const media = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true } });
  const context = new AudioContext({ sampleRate: RATE });
  await context.audioWorklet.addModule('/console/static/capture-worklet.js');
  const drive = await open(appId, taskId);
  const node = new AudioWorkletNode(context, 'capture', { numberOfOutputs: 0 });
  node.port.onmessage = ({ data }) => drive.send(data);
  context.createMediaStreamSource(media).connect(node);
  return {
    async stop() {
      media.getTracks().forEach((track) => track.stop());
      await context.close();
      drive.finish();
    },
  };
}
