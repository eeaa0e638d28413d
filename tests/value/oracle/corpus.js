'use strict';
// node corpus.js FOLDER COUNT: V8's own bytes of random graphs, as seeds of a fuzzer.
const fs = require('fs');
const path = require('path');
const v8 = require('v8');
const { Graph } = require('./graphs.js');

for (let seed = 1; seed <= Number(process.argv[3]); ++seed) {
  const serializer = new v8.Serializer();
  serializer.writeHeader();
  serializer.writeValue(new Graph(seed * 7919).value());
  fs.writeFileSync(path.join(process.argv[2], `node_${seed}`), serializer.releaseBuffer());
}
