/** `wherry pull` in small: node wherry.ts STORE REFERENCE, from a registry that speaks plain http. */
import { pull } from '../../../image/pull/pull.ts'
import { parseReference } from '../../../image/reference.ts'
import { registrySource } from '../../../image/registry/source.ts'
import { openStore } from '../../../image/store/store.ts'

const [root = '', text = ''] = process.argv.slice(2)
const reference = parseReference(text)
const source = registrySource(reference, { endpoints: [{ registry: reference.domain, repository: reference.path, insecure: true }] })
try {
  const { digest, fresh } = await pull(source, openStore(root), {
    reference,
    ...(process.env['DOWNLOADS'] === undefined ? {} : { downloads: Number(process.env['DOWNLOADS']) }),
  })
  console.log(digest, fresh)
} finally {
  await source.close()
}
