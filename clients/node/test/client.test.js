// Against a server at BUNRAKU_URL; tests/agents/test_node.py starts one.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ApiError, Client } from 'bunraku-client';

const env = process.env;
const api = new Client({
  baseUrl: env.BUNRAKU_URL, appId: Number(env.BUNRAKU_APP_ID), serverSecret: env.BUNRAKU_SERVER_SECRET,
});
const until = async (look) => {
  for (let i = 0; i < 100; i += 1) {
    if (await look()) return;
    await new Promise((done) => setTimeout(done, 150));
  }
  assert.fail('it did not come to pass');
};

test('a digital human comes to life, speaks, and is sent away', async () => {
  const { DigitalHumans } = await api.call('GetDigitalHumanList');
  const human = DigitalHumans[0].DigitalHumanId;
  const { Timbres } = await api.call('GetTimbreList', { Limit: 20 });
  const [timbre] = Timbres;
  const task = await api.perform(human, { roomId: 'node', streamId: 'node' });
  const { DriveId } = await api.call('DriveByText', {
    TaskId: task, Text: 'Good morning from Node.', TTSConfig: { TimbreId: timbre.TimbreId },
  });
  await until(async () => {
    const { DriveList } = await api.call('GetDriveStatus', { DriveId });
    return DriveList[0].Status === 4;
  });
  await api.call('StopDigitalHumanStreamTask', { TaskId: task });
  await until(async () => (await api.call('QueryDigitalHumanStreamTasks')).TaskList.length === 0);
});

test('a refusal is an error with its code', async () => {
  const call = api.call('StopDigitalHumanStreamTask', { TaskId: 'nobody' });
  await assert.rejects(call, (error) => error instanceof ApiError && error.code === 400000005 && Boolean(error.requestId));
});

test('a room token is good for watching', async () => {
  const { DigitalHumans } = await api.call('GetDigitalHumanList');
  const task = await api.perform(DigitalHumans[0].DigitalHumanId, { roomId: 'seen', streamId: 'seen' });
  const watch = (token) => fetch(`${api.baseUrl}/whep/${api.appId}/seen`, {
    method: 'POST', body: 'v=0', headers: { 'Content-Type': 'application/sdp', Authorization: `Bearer ${token}` },
  });
  assert.equal((await watch('04nothing')).status, 401);
  assert.equal((await watch(api.roomToken('someone'))).status, 400); // let in; that is no offer
  await api.call('StopDigitalHumanStreamTask', { TaskId: task });
});
