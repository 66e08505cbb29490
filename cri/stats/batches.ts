/** Long lists in parts, for RPCs that stream them: no message comes near gRPC’s limit, and nobody waits for the whole. */

/** As many as `size` at a time. */
export async function* batches<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let batch: T[] = []
  for await (const item of items) {
    batch.push(item)
    if (batch.length < size) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
