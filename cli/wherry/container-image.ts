/** What containers have of their images. */
import { readRecord } from '../../image/store/layer-record.ts'
import type { Digest } from '../../image/digest.ts'
import type { ContainerConfig } from '../containers/config.ts'
import type { Home } from '../containers/home.ts'

/** Bytes of the files of its layers. */
export const imageSize = ({ root }: Pick<Home, 'root'>, { image }: ContainerConfig): number =>
  (image?.layers ?? [])
    .map((key) => readRecord({ root, readonly: true }, key as Digest))
    .reduce((sum, record) => sum + (typeof record === 'object' ? record.facts.size : 0), 0)
