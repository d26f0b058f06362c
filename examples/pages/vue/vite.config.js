import vue from '@vitejs/plugin-vue';

// The one change to a page of the vendor's: its package resolves to ours.
export default {
  base: './',
  plugins: [vue()],
  resolve: { alias: { 'zego-express-engine-webrtc': 'bunraku-player' } },
};
