export interface ZegoUser { userID: string; userName?: string }
export interface ZegoStreamInfo {
  streamID: string; user: ZegoUser; extraInfo: string;
  urlsFLV: string; urlsRTMP: string; urlsHLS: string; urlsHttpsFLV: string; urlsHttpsHLS: string;
}
export interface ZegoError extends Error { code: number; errorCode: number; msg: string; extendedData: string }
export interface PlayOption { video?: boolean; audio?: boolean; jitterBufferTarget?: number; [more: string]: unknown }
export interface ViewOption {
  objectFit?: 'cover' | 'contain' | 'fill'; mirror?: boolean; muted?: boolean;
  enableAutoplayDialog?: boolean; clearLastFrame?: boolean;
}
export interface CaptionWord { Text: string; StartMs: number; EndMs: number }
export interface Caption { roomID: string; DriveId: string; Text: string; StartMs: number; EndMs: number; Words: CaptionWord[] }
export interface RoomChannelMessage {
  method: string;
  content: { roomID: string; sendIDName: string; sendNickName: string; msgType: number; msgContent: string };
  params: { roomid: string; send_idname: string; send_nickname: string; msg_type: number; msg_content: string };
}
export interface RemoteStreamView {
  play(container: string | HTMLElement, option?: ViewOption): void;
  playVideo(container: string | HTMLElement, option?: ViewOption): void;
  playAudio(option?: ViewOption): void;
  stop(): void; stopVideo(): void; stopAudio(): void; resume(): void;
  setVolume(volume: number): boolean;
  setAudioMuted(muted: boolean): boolean;
  setVideoMuted(muted: boolean): boolean;
  useAudioOutputDevice(id: string): Promise<void>;
  takeStreamSnapshot(): ImageData | null;
  on(event: 'autoplayFailed', callback: (stream: MediaStream) => void): boolean;
  off(event: string, callback?: (...values: any[]) => void): boolean;
}
export interface LocalStream { stream: MediaStream; playVideo(element: HTMLElement): void; [more: string]: unknown }
export interface StateUpdate { streamID: string; state: string; errorCode: number; extendedData: string }
export interface EngineEvents {
  roomStateChanged: (roomID: string, reason: string, errorCode: number, extendedData: string) => void;
  roomStateUpdate: (roomID: string, state: string, errorCode: number, extendedData: string) => void;
  roomStreamUpdate: (roomID: string, updateType: 'ADD' | 'DELETE', streamList: ZegoStreamInfo[], extendedData: string) => void;
  roomUserUpdate: (roomID: string, updateType: 'ADD' | 'DELETE', userList: ZegoUser[]) => void;
  roomOnlineUserCountUpdate: (roomID: string, count: number) => void;
  playerStateUpdate: (update: StateUpdate) => void;
  publisherStateUpdate: (update: StateUpdate) => void;
  playQualityUpdate: (streamID: string, stats: Record<string, any>) => void;
  remoteCameraStatusUpdate: (streamID: string, status: 'OPEN' | 'MUTE') => void;
  remoteMicStatusUpdate: (streamID: string, status: 'OPEN' | 'MUTE') => void;
  tokenWillExpire: (roomID: string) => void;
  recvExperimentalAPI: (message: RoomChannelMessage) => void;
  captions: (caption: Caption) => void;
}
export declare class ZegoExpressEngine {
  constructor(appID: number, server?: string, options?: { scenario?: number; [more: string]: unknown });
  static version: string;
  static setEngineOptions(options: {
    server?: string; nativeMethodName?: boolean; draw?: 'auto' | 'never' | 'always'; [more: string]: unknown;
  }): void;
  static use(module: unknown): void;
  loginRoom(roomID: string, token: string, user: ZegoUser, config?: { userUpdate?: boolean; maxMemberCount?: number }): Promise<boolean>;
  logoutRoom(roomID?: string): void;
  startPlayingStream(streamID: string, option?: PlayOption): Promise<MediaStream>;
  stopPlayingStream(streamID: string): Promise<void>;
  drawing(streamID: string): { pictures: number; messages: number; [more: string]: unknown } | null;
  createRemoteStreamView(stream: MediaStream, option?: unknown): RemoteStreamView;
  on<E extends keyof EngineEvents>(event: E, callback: EngineEvents[E]): boolean;
  off<E extends keyof EngineEvents>(event: E, callback?: EngineEvents[E]): boolean;
  callExperimentalAPI(call: { method: string; params?: object }): Promise<any>;
  checkSystemRequirements(type?: string, level?: number): Promise<Record<string, any>>;
  destroyEngine(): void;
  createZegoStream(option?: { camera?: { video?: unknown; audio?: unknown } }): Promise<LocalStream>;
  createStream(option?: { camera?: { video?: unknown; audio?: unknown } }): Promise<MediaStream>;
  startPublishingStream(streamID: string, stream: LocalStream | MediaStream, option?: unknown): boolean;
  stopPublishingStream(streamID: string): boolean;
  destroyStream(stream: LocalStream | MediaStream): void;
  renewToken(token: string, roomID?: string): boolean;
  mutePlayStreamAudio(streamID: string, muted: boolean): boolean;
  mutePlayStreamVideo(streamID: string, muted: boolean): boolean;
  getVersion(): string;
  [more: string]: any;
}
declare const bundle: { ZegoExpressEngine: typeof ZegoExpressEngine };
export default bundle;
