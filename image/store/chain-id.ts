/** OCI config.md, "Layer ChainID": what stands for a layer upon all that are below it. */
import { type Digest, digestOf } from '../digest.ts'
import type { LayerIdentity } from './types.ts'

/** For each layer, lowest first. */
export const layerIdentities = (diffIDs: readonly Digest[]): LayerIdentity[] => {
  let below: Digest | undefined
  return diffIDs.map((diffID) => {
    below = below === undefined ? diffID : digestOf(Buffer.from(`${below} ${diffID}`))
    return { diffID, chainID: below }
  })
}
