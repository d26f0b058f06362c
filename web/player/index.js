export { ZegoExpressEngine } from './src/engine.js';
export { createView } from './src/view.js';

import { ZegoExpressEngine } from './src/engine.js';

export default { ZegoExpressEngine };
