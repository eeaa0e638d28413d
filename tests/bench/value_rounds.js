'use strict';
// Encodes and decodes values by the line: "encode object 1000" is answered by the nanoseconds that one of them took. The
// same values and words as in value_rounds.cpp; "write" and "read" make and take the very bytes that Fairway does, where
// v8.serialize has host objects and v8.deserialize views of its input.
const readline = require('readline');
const v8 = require('v8');

const values = {
  object: {kind: 'frame', id: 1234567, width: 1920, height: 1080, scale: 0.75, key: true, from: 'camera-1'},
  numbers: Array.from({length: 1000}, (_, i) => i + 0.5),
  bytes: Uint8Array.from({length: 1 << 20}, (_, i) => i),
};

function nanoseconds(count, work, subject) {
  const start = process.hrtime.bigint();
  for (let i = 0; i < count; ++i) work(subject);
  return Number(process.hrtime.bigint() - start) / count;
}

function write(value) {
  const serializer = new v8.Serializer();
  serializer.writeHeader();
  serializer.writeValue(value);
  return serializer.releaseBuffer();
}

function read(bytes) {
  const deserializer = new v8.Deserializer(bytes);
  deserializer.readHeader();
  return deserializer.readValue();
}

const works = {
  encode: [v8.serialize, (value) => value],
  decode: [v8.deserialize, v8.serialize],
  write: [write, (value) => value],
  read: [read, write],
};

readline.createInterface({input: process.stdin}).on('line', (line) => {
  const [name, subject, count] = line.split(' ');
  const [work, prepare] = works[name];
  console.log(nanoseconds(+count, work, prepare(values[subject])));
});
