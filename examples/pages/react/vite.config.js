// The one change to a page of the vendor's: its package resolves to ours.
export default {
  base: './',
  resolve: { alias: { 'zego-express-engine-webrtc': 'bunraku-player' } },
  esbuild: { jsx: 'automatic' },
};
