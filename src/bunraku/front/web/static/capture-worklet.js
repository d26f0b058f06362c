// Hands the microphone's samples to the page in pieces of 40 ms.

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.held = [];
    this.count = 0;
  }

  process([input]) {
    if (input[0]) {
      this.held.push(input[0].slice());
      this.count += input[0].length;
      if (this.count >= sampleRate * 0.04) {
        const whole = new Float32Array(this.count);
        let at = 0;
        for (const part of this.held) {
          whole.set(part, at);
          at += part.length;
        }
        this.port.postMessage(whole, [whole.buffer]);
        this.held = [];
        this.count = 0;
      }
    }
    return true;
  }
}

registerProcessor('capture', Capture);
