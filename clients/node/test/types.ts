// Compiled, never run: what is right compiles, and what is wrong does not.

import { Client, type Data } from 'bunraku-client';

const api = new Client({ baseUrl: 'http://127.0.0.1:8080', appId: 1, serverSecret: 'x'.repeat(32) });
const { TaskId } = await api.call('CreateDigitalHumanStreamTask', {
  DigitalHumanConfig: { DigitalHumanId: 'anna' }, RTCConfig: { RoomId: 'r', StreamId: 's' },
});
const id: string = TaskId;
const list: Data<'QueryDigitalHumanStreamTasks'> = await api.call('QueryDigitalHumanStreamTasks');
const status: number = list.TaskList[0].Status;
// @ts-expect-error no such action
await api.call('Nothing');
// @ts-expect-error a parameter is missing
await api.call('DriveByText', { TaskId: id });
// @ts-expect-error Status is a number
const wrong: string = status;
export { wrong };
