/** Writes V8’s code cache of FILE.js to FILE.ARCH.cache: `code-cache.cjs FILE.js`, run with the flags FILE.js is run with. */
'use strict'
const { readFileSync, writeFileSync } = require('node:fs')
const { createRequire } = require('node:module')
const { dirname } = require('node:path')
const v8 = require('node:v8')
const { Script } = require('node:vm')

const [, , filename] = process.argv
// Functions are compiled now and not when they are called. The flags are part of the cache’s key, so they are put back.
if (process.env.EAGER) v8.setFlagsFromString('--no-lazy')
const script = new Script(readFileSync(filename, 'latin1'), { filename })
if (process.env.EAGER) v8.setFlagsFromString('--lazy')
if (!process.env.EAGER) script.runInThisContext()(createRequire(filename), { exports: {} }, filename, dirname(filename))
writeFileSync(`${filename.slice(0, -3)}.${process.arch}.cache`, script.createCachedData())
