/** What a registry of the tests holds: repositories with blobs (in memory, or in files) and documents. */
import { statSync } from 'node:fs'
import { type Digest, digestOf } from '../../../image/digest.ts'
import type { Document } from '../../../image/source.ts'
import type { TestContent } from '../images.ts'
import type { FilePart } from './answer.ts'

export interface Repository {
  readonly blobs: Map<string, Uint8Array | FilePart>
  /** By digest. */
  readonly documents: Map<string, Document>
  /** Tag to digest. */
  readonly tags: Map<string, Digest>
}

export class Contents {
  readonly repositories = new Map<string, Repository>()

  repository(name: string): Repository {
    let repository = this.repositories.get(name)
    if (repository === undefined) {
      repository = { blobs: new Map(), documents: new Map(), tags: new Map() }
      this.repositories.set(name, repository)
    }
    return repository
  }

  /** The image or index with all it refers to; its document gets the tags. */
  add(name: string, content: TestContent, ...tags: readonly string[]): void {
    const repository = this.repository(name)
    for (const { descriptor, bytes } of content.blobs) repository.blobs.set(descriptor.digest, bytes)
    for (const document of content.documents) repository.documents.set(document.digest, document)
    for (const tag of tags) repository.tags.set(tag, content.document.digest)
  }

  addBlob(name: string, bytes: Uint8Array): Digest {
    const digest = digestOf(bytes)
    this.repository(name).blobs.set(digest, bytes)
    return digest
  }

  /** A blob that stays in its file, for large ones. */
  addFile(name: string, digest: Digest, file: string): void {
    this.repository(name).blobs.set(digest, { file, start: 0, length: statSync(file).size })
  }

  addDocument(name: string, document: Document, ...tags: readonly string[]): void {
    const repository = this.repository(name)
    repository.documents.set(document.digest, document)
    for (const tag of tags) repository.tags.set(tag, document.digest)
  }

  document(name: string, reference: string): Document | undefined {
    const repository = this.repositories.get(name)
    return repository?.documents.get(repository.tags.get(reference) ?? reference)
  }
}
