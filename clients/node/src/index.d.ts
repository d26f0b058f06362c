import type { components, operations } from './api.js';

type Json<T> = T extends { content: { 'application/json': infer B } } ? B : never;
type Answer<A extends Action> = Json<operations[A]['responses'][200]>;

/** The names of the API's actions. */
export type Action = keyof operations;

/** What an action asks for. */
export type Params<A extends Action> = operations[A] extends { requestBody?: infer R }
  ? Json<NonNullable<R>> : Record<string, never>;

/** What it answers. */
export type Data<A extends Action> = Answer<A> extends { Data?: infer D } ? NonNullable<D> : Record<string, never>;

export type Schemas = components['schemas'];

/** The server answered with a Code other than 0. */
export class ApiError extends Error {
  readonly action: string;
  readonly code: number;
  readonly requestId: string;
}

export interface Options {
  baseUrl: string;
  appId: number;
  /** 32 characters; never in a browser. */
  serverSecret: string;
  /** Milliseconds until a call is given up. */
  timeout?: number;
}

type Config = Omit<Params<'CreateDigitalHumanStreamTask'>, 'DigitalHumanConfig' | 'RTCConfig'>;

export class Client {
  constructor(options: Options);
  readonly baseUrl: string;
  readonly appId: number;
  /** Throws ApiError, or what fetch throws when the server is away. */
  call<A extends Action>(action: A, body?: Params<A>): Promise<Data<A>>;
  /** Bring a digital human to life; its TaskId, as soon as it streams. */
  perform(digitalHumanId: string, config: { roomId: string; streamId: string } & Config): Promise<string>;
  /** A room token, "token04", for a page that watches. */
  roomToken(userId: string, options?: { seconds?: number; payload?: string }): string;
}
