/** The store that the settings name, for verbs. */
import { openStore, type Store } from '../../image/store/store.ts'
import type { Context } from './context.ts'

/** For reading documents and names only: needs no rights but those of the files’ owner. Where there is no store an empty one is made. */
export const readStore = (context: Context): Store => {
  context.log.debug('opening the store', { root: context.root })
  return openStore(context.root)
}

/** For whatever touches layers: their files belong to ids that only root has, of the machine or of a user namespace, which is entered. */
export const changeStore = async (context: Context): Promise<Store> => {
  await context.enter()
  return readStore(context)
}

/** The same, for whoever runs what is there: blobs are not hashed again. */
export const useStore = async (context: Context): Promise<Store> => {
  await context.enter()
  return openStore(context.root, { trusting: true })
}
