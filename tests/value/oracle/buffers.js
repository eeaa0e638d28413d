'use strict';
// node buffers.js IN OUT: what IN holds takes two buffers along, whose contents stand beside it; V8 writes it to OUT the same way.
const assert = require('assert');
const fs = require('fs');
const v8 = require('v8');

const buffers = [new Uint8Array([1, 2, 3, 4]).buffer, new ArrayBuffer(0)];

const reader = new v8.Deserializer(fs.readFileSync(process.argv[2]));
reader.readHeader();
buffers.forEach((buffer, index) => reader.transferArrayBuffer(index, buffer));
const value = reader.readValue();
assert.strictEqual(value.view.buffer, buffers[0]);
assert.deepStrictEqual([...value.view], [2, 3]);
assert.strictEqual(value.empty, buffers[1]);
assert.strictEqual(value.again, buffers[0]);
assert.strictEqual(value.copied.byteLength, 2);

const writer = new v8.Serializer();
writer.writeHeader();
buffers.forEach((buffer, index) => writer.transferArrayBuffer(index, buffer));
writer.writeValue(value);
fs.writeFileSync(process.argv[3], writer.releaseBuffer());
