"use strict";
// SHA-256 (FIPS 180-4) of a file of any size, piece by piece: the browser's own takes a whole file into memory.
const Sha256 = (() => {
  const K = new Int32Array(64);
  const START = new Int32Array(8);
  // The first 32 bits of the fractional parts of square and cube roots of the first primes, §4.2.2 and §5.3.3.
  for (let number = 2, found = 0; found < 64; number += 1) {
    let prime = true;
    for (let by = 2; by * by <= number; by += 1) if (number % by === 0) { prime = false; break; }
    if (!prime) continue;
    if (found < 8) START[found] = ((Math.sqrt(number) % 1) * 4294967296) >>> 0;
    K[found] = ((Math.cbrt(number) % 1) * 4294967296) >>> 0;
    found += 1;
  }

  class Sha256 {
    constructor() {
      this.state = START.slice();
      this.block = new Uint8Array(64);
      this.filled = 0;
      this.length = 0;
      this.words = new Int32Array(64);
    }

    update(bytes) {
      this.length += bytes.length;
      let at = 0;
      if (this.filled) {
        const taken = Math.min(64 - this.filled, bytes.length);
        this.block.set(bytes.subarray(0, taken), this.filled);
        this.filled += taken;
        at = taken;
        if (this.filled < 64) return this;
        this.compress(this.block, 0);
        this.filled = 0;
      }
      for (; at + 64 <= bytes.length; at += 64) this.compress(bytes, at);
      this.block.set(bytes.subarray(at));
      this.filled = bytes.length - at;
      return this;
    }

    digest() {
      const length = this.length;
      const padding = new Uint8Array((this.filled < 56 ? 64 : 128) - this.filled);
      padding[0] = 0x80;
      const view = new DataView(padding.buffer);
      view.setUint32(padding.length - 8, Math.floor(length / 536870912));
      view.setUint32(padding.length - 4, (length % 536870912) * 8);
      this.update(padding);
      const out = new Uint8Array(32);
      const written = new DataView(out.buffer);
      this.state.forEach((word, place) => written.setInt32(place * 4, word));
      return out;
    }

    compress(bytes, from) {
      const w = this.words;
      for (let t = 0, at = from; t < 16; t += 1, at += 4) {
        w[t] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
      }
      for (let t = 16; t < 64; t += 1) {
        const x = w[t - 15];
        const y = w[t - 2];
        const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
        const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
        w[t] = (w[t - 16] + s0 + w[t - 7] + s1) | 0;
      }
      const s = this.state;
      let a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7];
      for (let t = 0; t < 64; t += 1) {
        const S1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
        const one = (h + S1 + ((e & f) ^ (~e & g)) + K[t] + w[t]) | 0;
        const S0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
        const two = (S0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        h = g; g = f; f = e; e = (d + one) | 0; d = c; c = b; b = a; a = (one + two) | 0;
      }
      s[0] += a; s[1] += b; s[2] += c; s[3] += d; s[4] += e; s[5] += f; s[6] += g; s[7] += h;
    }
  }
  return Sha256;
})();
