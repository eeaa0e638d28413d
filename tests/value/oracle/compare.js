'use strict';
const assert = require('assert');

// Walks two graphs at once: the same values at the same places, and a one-to-one mapping of their objects. Iterative.
function compareGraphs(one, other) {
  const forth = new Map();
  const back = new Map();
  const work = [];
  const alike = (a, b) => {
    if (a === null || typeof a !== 'object') return assert.ok(Object.is(a, b), `${String(a)} became ${String(b)}`);
    assert.ok(b !== null && typeof b === 'object', 'an object became a primitive');
    assert.strictEqual(forth.has(a), back.has(b), 'sharing is lost or invented');
    if (forth.has(a)) return assert.strictEqual(forth.get(a), b, 'it is shared with something else');
    forth.set(a, b);
    back.set(b, a);
    work.push([a, b]);
  };
  alike(one, other);
  while (work.length > 0) {
    const [a, b] = work.pop();
    assert.strictEqual(Object.prototype.toString.call(a), Object.prototype.toString.call(b));
    assert.strictEqual(Object.getPrototypeOf(a), Object.getPrototypeOf(b));
    if (ArrayBuffer.isView(a)) {
      alike(a.buffer, b.buffer);
      assert.strictEqual(a.byteOffset, b.byteOffset);
      assert.strictEqual(a.byteLength, b.byteLength);
    } else if (a instanceof ArrayBuffer) {
      assert.strictEqual(a.resizable, b.resizable);
      assert.strictEqual(a.maxByteLength, b.maxByteLength);
      assert.ok(Buffer.from(a).equals(Buffer.from(b)), 'bytes differ');
    } else if (a instanceof Map) {
      assert.strictEqual(a.size, b.size);
      const others = b.entries();
      for (const [key, value] of a) {
        const [otherKey, otherValue] = others.next().value;
        alike(key, otherKey);
        alike(value, otherValue);
      }
    } else if (a instanceof Set) {
      assert.strictEqual(a.size, b.size);
      const others = b.values();
      for (const member of a) alike(member, others.next().value);
    } else if (a instanceof Date) {
      assert.ok(Object.is(a.getTime(), b.getTime()));
    } else if (a instanceof RegExp) {
      assert.strictEqual(String(a), String(b));
    } else if (a instanceof Error) {
      for (const key of ['message', 'stack', 'cause']) {
        assert.strictEqual(Object.hasOwn(a, key), Object.hasOwn(b, key), key);
        alike(a[key], b[key]);
      }
    } else if (a instanceof Number || a instanceof Boolean || a instanceof String || Object.prototype.toString.call(a) === '[object BigInt]') {
      assert.ok(Object.is(a.valueOf(), b.valueOf()));
    } else {
      if (Array.isArray(a)) assert.strictEqual(a.length, b.length);
      const keys = Object.keys(a);
      assert.deepStrictEqual(Object.keys(b), keys);
      for (const key of keys) alike(a[key], b[key]);
    }
  }
}

// Whether a view follows its buffer cannot be asked: it shows when the buffer grows.
function followsItsBuffer(view) {
  const before = view.byteLength;
  const { buffer } = view;
  const size = buffer.byteLength;
  const unit = view.BYTES_PER_ELEMENT || 1;
  if (!buffer.resizable || buffer.maxByteLength < size + unit) return undefined;
  buffer.resize(size + unit);
  const follows = view.byteLength !== before;
  buffer.resize(size);
  return follows;
}

module.exports = { compareGraphs, followsItsBuffer };
