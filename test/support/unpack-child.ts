/** Unpacks an archive where it runs, which may be a user namespace: argv is the folder and the archive. Prints facts or the error as JSON. */
import { readFileSync } from 'node:fs'
import { explainError } from '../../image/layer/pipeline.ts'
import { digestOf } from '../../image/digest.ts'
import { unpackTar } from './unpacked.ts'

const [folder, file] = process.argv.slice(2) as [string, string]
try {
  console.log(JSON.stringify(unpackTar(folder, readFileSync(file), { style: 'user' })))
} catch (error) {
  const job = { mediaType: '', digest: digestOf(Buffer.from('x')), size: 1 }
  const { kind, message } = explainError(job, error)
  console.log(JSON.stringify({ kind, message }))
}
