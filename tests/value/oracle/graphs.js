'use strict';
// Seeded random graphs of everything that V8 can clone.

function generator(seed) {
  let state = seed >>> 0;
  return () => {  // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const resizableBuffers = typeof ArrayBuffer.prototype.resize === 'function';
const flagsV = (() => { try { return Boolean(new RegExp('a', 'v')); } catch { return false; } })();

// Whether this V8 reads an Error that is reached from its own cause, and causes at all.
const errorCauses = (() => {
  const v8 = require('v8');
  try {
    const s = new v8.Serializer();
    s.writeHeader();
    s.writeValue(new Error('m', { cause: 1 }));
    const d = new v8.Deserializer(s.releaseBuffer());
    d.readHeader();
    return d.readValue().cause === 1;
  } catch { return false; }
})();

class Graph {
  constructor(seed) {
    this.random = generator(seed);
    this.made = [];
    this.budget = 5 + this.below(60);
  }
  below(n) { return Math.floor(this.random() * n); }
  pick(list) { return list[this.below(list.length)]; }
  chance(p) { return this.random() < p; }

  number() {
    return this.pick([
      () => this.below(200) - 100, () => this.below(2 ** 32) - 2 ** 31, () => this.random() * 10 ** (this.below(600) - 300),
      () => this.pick([0, -0, NaN, Infinity, -Infinity, 2 ** 31, -(2 ** 31), 2 ** 31 - 1, 2 ** 53, -(2 ** 53), 5e-324, 1.7976931348623157e308]),
    ])();
  }
  string() {
    const units = this.pick([
      () => 32 + this.below(95), () => this.below(256), () => this.below(65536), () => 0xd800 + this.below(2048),
      () => this.pick([0, 10, 39, 92, 0x20ac, 0xfeff, 0xfffd, 0xffff]),
    ]);
    let text = '';
    for (let n = this.pick([0, 1, 2, 5, 17, this.below(300)]); n > 0; --n) text += String.fromCharCode(this.chance(0.05) ? 0x1f600 : units());
    return this.chance(0.1) ? text + '\u{1f600}' : text;
  }
  key() {
    return this.pick([
      () => this.string(), () => String(this.below(20)), () => this.pick(['', '01', '-1', '4294967294', '4294967295', '3000000000', '2147483648', '1.5']),
      () => 'k' + this.below(10),
    ])();
  }
  bigint() {
    let n = 0n;
    for (let words = this.pick([0, 1, 1, 2, 3, this.below(80)]); words > 0; --words) n = (n << 64n) | BigInt(Math.floor(this.random() * 2 ** 53)) * 2049n;
    n = this.pick([n, n, (1n << 64n) - 1n, 1n << 63n, 1n << 64n]);
    return this.chance(0.5) ? -n : n;
  }
  primitive() {
    return this.pick([() => undefined, () => null, () => true, () => false, () => this.number(), () => this.number(), () => this.bigint(), () => this.string(),
      () => this.string()])();
  }
  keep(object) {
    this.made.push(object);
    return object;
  }
  buffer() {
    const old = this.made.filter((o) => o instanceof ArrayBuffer);
    if (old.length > 0 && this.chance(0.5)) return this.pick(old);
    const size = this.pick([0, 1, 7, 8, 64, this.below(1000)]);
    const buffer = resizableBuffers && this.chance(0.3) ? new ArrayBuffer(size, { maxByteLength: size + this.below(100) }) : new ArrayBuffer(size);
    new Uint8Array(buffer).forEach((_, i, bytes) => { bytes[i] = this.below(256); });
    return this.keep(buffer);
  }
  view() {
    const buffer = this.buffer();
    const type = this.pick([Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array,
      BigInt64Array, BigUint64Array, DataView]);
    const unit = type.BYTES_PER_ELEMENT || 1;
    const offset = unit * this.below(Math.floor(buffer.byteLength / unit) + 1);
    const room = Math.floor((buffer.byteLength - offset) / unit);
    const whole = (buffer.byteLength - offset) % unit === 0;  // this V8 wants that of resizable ones too
    return this.keep(whole && this.chance(0.4) ? new type(buffer, offset) : new type(buffer, offset, this.below(room + 1)));
  }
  regexp() {
    const flags = ['d', 'g', 'i', 'm', 's', 'y'].filter(() => this.chance(0.3)).join('') + this.pick(flagsV ? ['', 'u', 'v'] : ['', 'u']);
    return this.keep(new RegExp(this.pick(['a', '', '[a-z]+/x', '\u20ac', 'caf\u00e9', '(?:)']), flags));
  }
  error() {
    const type = this.pick([Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError]);
    const error = this.chance(0.2) ? new type() : new type(this.string());
    if (this.chance(0.3)) error.stack = this.string();
    if (this.chance(0.1)) error.stack = undefined;
    if (errorCauses && this.chance(0.3)) error.cause = this.value();  // before it is kept: no way leads back
    return this.keep(error);
  }
  boxed() { return this.keep(Object(this.pick([true, false, this.number(), this.bigint(), this.string()]))); }

  fill(count, put) {
    for (let n = this.below(count); n > 0; --n) put();
  }
  object() {
    const object = this.keep({});
    this.fill(8, () => { Object.defineProperty(object, this.key(), { value: this.value(), enumerable: true, configurable: true, writable: true }); });
    return object;
  }
  array() {
    const array = this.keep([]);
    this.fill(12, () => { array.push(this.value()); });
    if (this.chance(0.3)) this.fill(5, () => { array[this.below(40)] = this.value(); });
    if (this.chance(0.1)) array[this.pick([1000, 5_000_000, 4294967294])] = this.value();
    if (this.chance(0.1)) array.length += this.below(10) * (array.length < 1000 ? 1 : 0);
    if (this.chance(0.1) && array.length > 0) delete array[this.below(array.length)];
    if (this.chance(0.2)) this.fill(4, () => { array['x' + this.string()] = this.value(); });
    return array;
  }
  map() {
    const map = this.keep(new Map());
    this.fill(12, () => { map.set(this.value(), this.value()); });
    return map;
  }
  set() {
    const set = this.keep(new Set());
    this.fill(12, () => { set.add(this.value()); });
    return set;
  }
  value() {
    if (this.made.length > 0 && this.chance(0.12)) return this.pick(this.made);
    if (--this.budget < 0 || this.chance(0.35)) return this.primitive();
    return this.pick([() => this.object(), () => this.object(), () => this.array(), () => this.array(), () => this.map(), () => this.set(),
      () => this.view(), () => this.buffer(), () => this.regexp(), () => this.error(), () => this.boxed(),
      () => this.keep(new Date(this.pick([NaN, 0, -1, 8.64e15, -8.64e15, this.number() * 1e6])))])();
  }
}

module.exports = { Graph, resizableBuffers };
