'use strict';
// node echo.js IN OUT: each value of IN (4 bytes of length before each) is decoded and encoded again by V8.
const fs = require('fs');
const v8 = require('v8');

const input = fs.readFileSync(process.argv[2]);
const output = [];
for (let at = 0; at < input.length;) {
  const size = input.readUInt32LE(at);
  const deserializer = new v8.Deserializer(input.subarray(at + 4, at + 4 + size));
  at += 4 + size;
  deserializer.readHeader();
  let value;
  try {
    value = deserializer.readValue();
  } catch (error) {
    output.push(Buffer.alloc(4));  // V8 11 does not read an Error that is reached from its own cause
    continue;
  }
  const serializer = new v8.Serializer();
  serializer.writeHeader();
  serializer.writeValue(value);
  const bytes = serializer.releaseBuffer();
  const head = Buffer.alloc(4);
  head.writeUInt32LE(bytes.length);
  output.push(head, bytes);
}
fs.writeFileSync(process.argv[3], Buffer.concat(output));
