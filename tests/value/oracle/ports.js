'use strict';
// node ports.js IN OUT: ports are host objects, as src/wire/VALUES.md says; what IN holds is written to OUT by V8.
const assert = require('assert');
const fs = require('fs');
const v8 = require('v8');

class Port {}
const ports = [new Port(), new Port()];

class Reader extends v8.Deserializer {
  _readHostObject() { return ports[this.readUint32()]; }
}

const reader = new Reader(fs.readFileSync(process.argv[2]));
reader.readHeader();
const value = reader.readValue();
assert.strictEqual(value.first, ports[1]);
assert.strictEqual(value.second, ports[0]);
assert.strictEqual(value.again, ports[1]);
fs.writeFileSync(process.argv[3], 'ok');
