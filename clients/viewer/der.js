"use strict";
// A reader of DER (X.690 §10), as far as tokens and certificates need it. It reads one form of everything and refuses
// all others: lengths are definite and as short as they can be, and nothing reaches beyond what it lies in.
const Der = (() => {
  const { Wrong } = Checks;
  const SEQUENCE = 0x30;
  const SET = 0x31;

  // The value whose tag stands at `at`, inside what ends at `end`: its tag, its own bytes, and where its content lies.
  function valueAt(data, at, end) {
    if (at + 2 > end) throw new Wrong("a structure ends inside a value");
    const tag = data[at];
    if ((tag & 0x1f) === 0x1f) throw new Wrong("a structure has a tag of several bytes");
    let length = data[at + 1];
    let from = at + 2;
    if (length >= 0x80) {
      const count = length - 0x80;
      if (count < 1 || count > 4 || from + count > end) throw new Wrong("a length is of no form that DER has");
      length = data.subarray(from, from + count).reduce((sum, one) => sum * 256 + one, 0);
      if (length < 0x80 || length < 256 ** (count - 1)) throw new Wrong("a length is longer than it has to be");
      from += count;
    }
    if (from + length > end) throw new Wrong("a value is longer than what it lies in");
    return { tag, whole: data.subarray(at, from + length), content: data.subarray(from, from + length) };
  }

  // The one value that these bytes are.
  function parse(data) {
    const found = valueAt(data, 0, data.length);
    if (found.whole.length !== data.length) throw new Wrong("something stands behind a structure");
    return found;
  }

  // The values inside a constructed one, which they fill.
  function inside(value) {
    if ((value.tag & 0x20) === 0) throw new Wrong("a value has none inside it");
    const found = [];
    for (let at = 0; at < value.content.length;) {
      const one = valueAt(value.content, at, value.content.length);
      found.push(one);
      at += one.whole.length;
    }
    return found;
  }

  function tagged(value, tag, what) {
    if (value === undefined || value.tag !== tag) throw new Wrong(`${what} is not where it has to be`);
    return value;
  }

  const sequence = (value, what) => inside(tagged(value, SEQUENCE, what));
  const set = (value, what) => inside(tagged(value, SET, what));
  const octets = (value, what) => tagged(value, 0x04, what).content;

  // An object identifier in digits.
  function oid(value) {
    const { content } = tagged(value, 0x06, "an object identifier");
    if (content.length === 0 || content.at(-1) >= 0x80) throw new Wrong("an object identifier is cut");
    const arcs = [];
    let arc = 0n;
    let begins = true;
    for (const one of content) {
      if (begins && one === 0x80) throw new Wrong("an object identifier is longer than it has to be");
      arc = arc * 128n + BigInt(one & 0x7f);
      begins = one < 0x80;
      if (begins) { arcs.push(arc); arc = 0n; }
    }
    const first = arcs[0] < 80n ? arcs[0] / 40n : 2n;
    return [first, arcs[0] - first * 40n, ...arcs.slice(1)].join(".");
  }

  // The bytes of a whole number that is not negative, without leading zeros.
  function unsigned(value, what) {
    const { content } = tagged(value, 0x02, what);
    if (content.length === 0 || content[0] >= 0x80 || (content.length > 1 && content[0] === 0 && content[1] < 0x80)) {
      throw new Wrong(`${what} is no number of the form that DER has`);
    }
    return content[0] === 0 ? content.subarray(1) : content;
  }

  // A small number.
  function small(value, what) {
    const bytes = unsigned(value, what);
    if (bytes.length > 4) throw new Wrong(`${what} is too large`);
    return bytes.reduce((sum, one) => sum * 256 + one, 0);
  }

  // The bytes of a bit string of whole bytes.
  function bits(value, what) {
    const { content } = tagged(value, 0x03, what);
    if (content.length === 0 || content[0] !== 0) throw new Wrong(`${what} is not of whole bytes`);
    return content.subarray(1);
  }

  function boolean(value, what) {
    const { content } = tagged(value, 0x01, what);
    if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) throw new Wrong(`${what} is neither true nor false`);
    return content[0] === 0xff;
  }

  const text = (value) => new TextDecoder(value.tag === 0x1e ? "utf-16be" : "utf-8").decode(value.content);

  // GeneralizedTime or UTCTime, in milliseconds since 1970.
  function time(value, what) {
    const said = new TextDecoder("latin1").decode(value?.content);
    const form = { 0x18: /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\.\d*[1-9])?Z$/, 0x17: /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/ }[value?.tag];
    const parts = form?.exec(said);
    if (!parts) throw new Wrong(`${what} is no time of the form that DER has`);
    const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number);
    const whole = value.tag === 0x18 ? year : year + (year < 50 ? 2000 : 1900);
    const at = Date.UTC(whole, month - 1, day, hour, minute, second);
    const back = new Date(at);
    if (whole < 1000 || back.getUTCMonth() !== month - 1 || back.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59) {
      throw new Wrong(`${what} is no time that there is`);
    }
    return at + Math.floor(Number(parts[7] ?? 0) * 1000);
  }

  return { parse, inside, tagged, sequence, set, octets, oid, unsigned, small, bits, boolean, text, time, SEQUENCE, SET };
})();
