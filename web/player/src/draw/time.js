// Which moment of the program is heard now: by the sound's own clock, or, while no sound is played, by when
// messages come.

const RATE = 48; // RTP units a millisecond
const STALE_MS = 1000; // sound that was last played so long ago is not being played
const WINDOW_MS = 250;
const FOLLOW_MS = 60; // in which most of a difference is made up: sound is stretched and squeezed as packets come
const DECODED_MS = 20; // before it is heard, sound is told of: it has been decoded, a packet at a time
const BEHIND_MS = 80; // behind the messages while there is no sound
const JUMP_MS = 80; // a larger difference is a jump, a smaller one drifts away

/** A running estimate of program time less page time, from readings that are at most too early. */
function createOffset() {
  let readings = [];
  let value;
  let before = 0;
  return {
    read(now, offset) {
      readings = readings.filter((one) => now - one.now < WINDOW_MS);
      readings.push({ now, offset });
      // The upper ones: a reading is late by as much as the sound is handed on in pieces.
      const sorted = readings.map((one) => one.offset).sort((a, b) => a - b);
      const found = sorted[Math.floor((sorted.length - 1) * 0.9)];
      value = value === undefined || Math.abs(found - value) > JUMP_MS ? found : value + (found - value) * (1 - Math.exp((before - now) / FOLLOW_MS));
      before = now;
    },
    get value() {
      return value;
    },
    forget() {
      readings = [];
      value = undefined;
    },
  };
}

/** `receiver` is that of the sound, if any; `continuous` makes RTP times continuous. */
export function createTime(receiver, continuous) {
  const played = createOffset();
  const came = createOffset();
  let last; // RTP time of the reading before
  return {
    /** A message of this time has come. */
    came(time) {
      came.read(performance.now(), time / RATE - performance.now());
    },
    /** The program time that is heard now, in RTP units; undefined while nothing is known. */
    now() {
      const now = performance.now();
      const [source] = receiver?.getSynchronizationSources?.() ?? [];
      let fresh = false;
      if (source?.rtpTimestamp !== undefined) {
        // Some browsers count from the epoch.
        const at = source.timestamp > 1e11 ? source.timestamp - performance.timeOrigin : source.timestamp;
        fresh = now - at < STALE_MS;
        if (fresh && source.rtpTimestamp !== last) {
          last = source.rtpTimestamp;
          played.read(now, continuous(source.rtpTimestamp) / RATE - at - DECODED_MS);
        }
      }
      if (!fresh) played.forget();
      if (played.value !== undefined) return (now + played.value) * RATE;
      return came.value === undefined ? undefined : (now + came.value - BEHIND_MS) * RATE;
    },
    get bySound() {
      return played.value !== undefined;
    },
  };
}
