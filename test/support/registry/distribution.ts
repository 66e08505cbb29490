/** The well-behaved answers: distribution-spec 1.1, pull, push, and the little of content discovery that tests want. */
import { randomUUID } from 'node:crypto'
import { type Digest, digestOf, parseDigest } from '../../../image/digest.ts'
import { type Answer, type Exchange, failure, lengthOf } from './answer.ts'
import type { Contents } from './contents.ts'

const NAME = /^[a-z0-9]+(?:[._-][a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-][a-z0-9]+)*)*$/

/** Bytes received so far, per upload. */
type Uploads = Map<string, { repository: string; parts: Buffer[]; length: number }>

const part = ({ body }: Answer, start: number, end: number): NonNullable<Answer['body']> => {
  if (body === undefined) return Buffer.alloc(0)
  if (body instanceof Uint8Array) return body.subarray(start, end)
  return { file: body.file, start: body.start + start, length: end - start }
}

/** RFC 9110, 14: one range, `bytes=5-` or `bytes=5-9`. */
const ranged = (answer: Answer, header: string | undefined): Answer => {
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(header ?? '') ?? []
  if (from === undefined) return answer
  const size = lengthOf(answer)
  const start = Number(from)
  const end = to === '' || to === undefined ? size : Math.min(size, Number(to) + 1)
  if (start >= size) return { ...failure(416, 'RANGE_INVALID', 'range beyond the end'), headers: { 'Content-Range': `bytes */${size}` } }
  return {
    ...answer,
    status: 206,
    headers: { ...answer.headers, 'Content-Range': `bytes ${start}-${end - 1}/${size}` },
    body: part(answer, start, end),
  }
}

export class Distribution {
  readonly #contents: Contents
  readonly #uploads: Uploads = new Map()
  /** Uploads begun and neither completed nor cancelled. */
  get uploads(): number {
    return this.#uploads.size
  }

  constructor(contents: Contents) {
    this.#contents = contents
  }

  async answer(exchange: Exchange): Promise<Answer> {
    const { path, method } = exchange
    if (path === '/v2/' || path === '/v2')
      return { status: 200, headers: { 'Docker-Distribution-API-Version': 'registry/2.0' }, body: Buffer.from('{}') }
    const [, name, kind, rest] = /^\/v2\/(.+)\/(manifests|blobs|tags)\/(.*)$/.exec(path) ?? []
    if (name === undefined || rest === undefined) return failure(404, 'UNSUPPORTED', 'no such place')
    if (!NAME.test(name)) return failure(400, 'NAME_INVALID', 'invalid repository name')
    if (kind === 'tags') return this.#tags(name)
    if (kind === 'manifests') return method === 'PUT' ? this.#putDocument(name, rest, exchange) : this.#document(name, rest)
    if (rest.startsWith('uploads/')) return this.#upload(name, rest.slice('uploads/'.length), exchange)
    return this.#blob(name, rest, exchange)
  }

  #tags(name: string): Answer {
    const repository = this.#contents.repositories.get(name)
    if (repository === undefined) return failure(404, 'NAME_UNKNOWN', 'repository name not known to registry')
    return { status: 200, body: Buffer.from(JSON.stringify({ name, tags: [...repository.tags.keys()] })) }
  }

  #document(name: string, reference: string): Answer {
    if (!this.#contents.repositories.has(name)) return failure(404, 'NAME_UNKNOWN', 'repository name not known to registry')
    const document = this.#contents.document(name, reference)
    if (document === undefined) return failure(404, 'MANIFEST_UNKNOWN', 'manifest unknown')
    return {
      status: 200,
      headers: { 'Content-Type': document.mediaType, 'Docker-Content-Digest': document.digest },
      body: document.bytes,
    }
  }

  async #putDocument(name: string, reference: string, exchange: Exchange): Promise<Answer> {
    const bytes = await exchange.body()
    const repository = this.#contents.repository(name)
    const value: { config?: { digest: string }; layers?: { digest: string }[]; manifests?: { digest: string }[] } = JSON.parse(
      bytes.toString(),
    )
    const missing = [...(value.config === undefined ? [] : [value.config]), ...(value.layers ?? [])].find(
      ({ digest }) => !repository.blobs.has(digest),
    )
    if (missing !== undefined) return failure(400, 'MANIFEST_BLOB_UNKNOWN', `blob unknown to registry: ${missing.digest}`)
    const child = value.manifests?.find(({ digest }) => !repository.documents.has(digest))
    if (child !== undefined) return failure(400, 'MANIFEST_UNKNOWN', `manifest unknown to registry: ${child.digest}`)
    const digest = digestOf(bytes)
    if (reference.includes(':') && reference !== digest)
      return failure(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content')
    this.#contents.addDocument(
      name,
      { mediaType: exchange.request.headers['content-type'] ?? '', digest, bytes },
      ...(reference.includes(':') ? [] : [reference]),
    )
    return { status: 201, headers: { Location: `/v2/${name}/manifests/${digest}`, 'Docker-Content-Digest': digest } }
  }

  #blob(name: string, digest: string, exchange: Exchange): Answer {
    const body = this.#contents.repositories.get(name)?.blobs.get(digest)
    if (body === undefined) return failure(404, 'BLOB_UNKNOWN', 'blob unknown to registry')
    return ranged(
      {
        status: 200,
        headers: { 'Content-Type': 'application/octet-stream', 'Docker-Content-Digest': digest, 'Accept-Ranges': 'bytes' },
        body,
      },
      exchange.method === 'GET' ? exchange.request.headers.range : undefined,
    )
  }

  async #upload(name: string, id: string, exchange: Exchange): Promise<Answer> {
    const { method, query } = exchange
    if (id === '' && method === 'POST') return this.#begin(name, query)
    const upload = this.#uploads.get(id)
    if (upload === undefined || upload.repository !== name) return failure(404, 'BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry')
    const state = (status: number): Answer => ({
      status,
      headers: {
        Location: `/v2/${name}/blobs/uploads/${id}?state=${randomUUID()}`,
        'Docker-Upload-UUID': id,
        // of an upload without bytes, registries say 0-0 too
        Range: `0-${Math.max(0, upload.length - 1)}`,
      },
    })
    if (method === 'GET') return state(204)
    if (method === 'DELETE') {
      this.#uploads.delete(id)
      return { status: 204 }
    }
    if (method === 'PATCH' || method === 'PUT') {
      const range = exchange.request.headers['content-range']
      if (range !== undefined && Number(range.split('-')[0]) !== upload.length) return { ...state(416), body: Buffer.from('{}') }
      const append = (chunk: Buffer): void => {
        upload.parts.push(chunk)
        upload.length += chunk.length
      }
      // what has come is kept when the connection breaks
      for await (const chunk of exchange.pieces()) append(chunk)
      if (method === 'PATCH') return state(202)
      return this.#complete(name, id, query.get('digest'))
    }
    return failure(405, 'UNSUPPORTED', 'no such method')
  }

  #begin(name: string, query: URLSearchParams): Answer {
    const mount = query.get('mount')
    const from = query.get('from')
    if (mount !== null && from !== null) {
      const bytes = this.#contents.repositories.get(from)?.blobs.get(mount)
      if (bytes !== undefined) {
        this.#contents.repository(name).blobs.set(mount, bytes)
        return { status: 201, headers: { Location: `/v2/${name}/blobs/${mount}`, 'Docker-Content-Digest': mount } }
      }
    }
    const id = randomUUID()
    this.#uploads.set(id, { repository: name, parts: [], length: 0 })
    return {
      status: 202,
      headers: { Location: `/v2/${name}/blobs/uploads/${id}?state=${randomUUID()}`, 'Docker-Upload-UUID': id, Range: '0-0' },
    }
  }

  #complete(name: string, id: string, wanted: string | null): Answer {
    const bytes = Buffer.concat(this.#uploads.get(id)!.parts)
    let digest: Digest
    try {
      digest = parseDigest(wanted ?? '')
    } catch {
      return failure(400, 'DIGEST_INVALID', 'no digest')
    }
    this.#uploads.delete(id)
    if (digestOf(bytes) !== digest) return failure(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content')
    this.#contents.repository(name).blobs.set(digest, bytes)
    return { status: 201, headers: { Location: `/v2/${name}/blobs/${digest}`, 'Docker-Content-Digest': digest } }
  }
}
