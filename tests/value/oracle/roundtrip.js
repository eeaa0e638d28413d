'use strict';
// node roundtrip.js FAIRWAY FIRST_SEED COUNT: random graphs go through `fairway value roundtrip`, and come back the same.
const assert = require('assert');
const { spawn } = require('child_process');
const v8 = require('v8');
const { Graph, resizableBuffers } = require('./graphs.js');
const { compareGraphs, followsItsBuffer } = require('./compare.js');

function encode(value) {
  const serializer = new v8.Serializer();
  serializer.writeHeader();
  serializer.writeValue(value);
  return serializer.releaseBuffer();
}
function decode(bytes) {
  const deserializer = new v8.Deserializer(bytes);
  deserializer.readHeader();
  return deserializer.readValue();
}
const hex = (bytes) => bytes.toString('hex').slice(0, 1000);
function framed(bytes) {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(bytes.length);
  return Buffer.concat([head, bytes]);
}

function deepEqual(one, other) {
  try {
    assert.deepStrictEqual(other, one);
    return true;
  } catch (error) {
    return false;
  }
}

function views(root) {
  const seen = new Set();
  const work = [root];
  const found = [];
  while (work.length > 0) {
    const value = work.pop();
    if (value === null || typeof value !== 'object' || seen.has(value)) continue;
    seen.add(value);
    if (ArrayBuffer.isView(value)) { found.push(value); continue; }
    if (value instanceof Map) for (const [key, entry] of value) work.push(entry, key);
    else if (value instanceof Set) for (const member of value) work.push(member);
    else for (const key of Object.keys(value)) work.push(value[key]);
    if (value instanceof Error) work.push(value.cause);
  }
  return found;
}

let deeplyEqual = 0;

function check(seed, bytes, answer) {
  const there = decode(bytes);  // as V8 alone gives it back
  const back = decode(answer);
  try {
    compareGraphs(there, back);
    // deepStrictEqual finds some Maps with cycles in their keys unlike themselves: it counts where it knows better.
    if (deepEqual(decode(bytes), there)) {
      assert.ok(deepEqual(there, back), 'deepStrictEqual sees a difference');
      ++deeplyEqual;
    }
    const mine = views(there);
    views(back).forEach((view, i) => assert.strictEqual(followsItsBuffer(view), followsItsBuffer(mine[i])));
  } catch (error) {
    error.message = `seed ${seed}: ${error.message.slice(0, 500)}\nsent     ${hex(bytes)}\nreceived ${hex(answer)}`;
    throw error;
  }
}

async function main() {
  const [program, first, count] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
  const sent = [];
  let skipped = 0;
  for (let seed = first; seed < first + count; ++seed) {
    const bytes = encode(new Graph(seed).value());
    try {
      decode(bytes);
    } catch {
      ++skipped;  // V8 does not read what it wrote: an Error in its own cause
      continue;
    }
    sent.push([seed, bytes]);
  }
  const child = spawn(program, ['value', 'roundtrip', '--stream'], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.on('error', () => {});
  child.stdin.end(Buffer.concat(sent.map(([, bytes]) => framed(bytes))));
  const parts = [];
  for await (const part of child.stdout) parts.push(part);
  const output = Buffer.concat(parts);
  let at = 0;
  let largest = 0;
  for (const [seed, bytes] of sent) {
    assert.ok(at + 4 <= output.length, `no answer to seed ${seed}: ${hex(bytes)}`);
    const size = output.readUInt32LE(at);
    check(seed, bytes, output.subarray(at + 4, at + 4 + size));
    largest = Math.max(largest, size);
    at += 4 + size;
  }
  assert.strictEqual(at, output.length);
  assert.ok(deeplyEqual > sent.length / 2, `deepStrictEqual took only ${deeplyEqual} of ${sent.length}`);
  assert.ok(skipped < count / 20, `${skipped} of ${count} graphs were skipped`);
  console.log(`${sent.length} graphs came back the same, the largest of ${largest} bytes, ${deeplyEqual} by deepStrictEqual too, ${skipped} skipped; V8 ${process.versions.v8}` +
    (resizableBuffers ? '' : '; no resizable buffers: they ask for Node 20'));
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
