// Every panel of the console, in the order they are shown. One more is a module here, its looks beside it
// (panels.css), and a line below.
//
// A panel is `{id, title, create(desk)}`. `create` answers `{element}` and what it wants to hear of:
//   show()    it has come into view
//   look()    time to look again, every few seconds while it is in view
//   app()     another app was chosen, or the app has changed
//   closed()  the settings were closed
//   task()    another task is on the stage, or none
// What `desk` offers is in desk.js.

import { app } from './app.js';
import { audit } from './audit.js';
import { code } from './code.js';
import { log } from './log.js';
import { nodes } from './nodes.js';
import { outputs } from './outputs.js';
import { people } from './people.js';
import { running } from './running.js';
import { timeline } from './timeline.js';
import { voices } from './voices.js';

/** Below the cast, always in view. */
export const SIDE = [running, nodes];

/** Tabs below what is said: the task on the stage. */
export const TASK = [timeline, outputs, code, log];

/** Tabs of the settings. */
export const OFFICE = [app, people, voices, audit];
