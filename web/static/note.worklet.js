/* Hands the samples of a microphone to the page, 2048 at a time, for voice notes: an AudioWorkletProcessor. */
class Note extends AudioWorkletProcessor {
  constructor() {
    super();
    this.samples = new Float32Array(2048);
    this.filled = 0;
  }

  process([channels]) {
    const [left, right] = channels;
    if (!left) return true;
    for (let i = 0; i < left.length; i += 1) {
      this.samples[this.filled] = right ? (left[i] + right[i]) / 2 : left[i];
      this.filled += 1;
      if (this.filled === this.samples.length) {
        this.port.postMessage(this.samples);
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor('note', Note);
