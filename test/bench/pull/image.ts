/**
 * The images that pulls are measured with, as OCI layouts under /var/cache/wherry-bench: made once, of Debian packages that apt
 * fetches, their files as dpkg would leave them, without running anything of theirs.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const CACHE = process.env['WHERRY_BENCH_CACHE'] ?? '/var/cache/wherry-bench'

/** Packages of each layer, lowest first; what they depend on comes with them. Chosen for 2 GB in 61,000 files, 790 MB as gzip. */
const LAYERS: readonly (readonly string[])[] = [
  ['?essential', 'apt'],
  ['build-essential', 'git', 'curl', 'ca-certificates'],
  ['python3-full', 'python3-scipy'],
  ['openjdk-17-jdk-headless'],
  ['fonts-noto-cjk'],
  ['postgresql-15'],
  ['golang-1.19-src'],
  ['firefox-esr'],
]

/** Folders that are links into /usr. */
const MERGED = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32']

export interface BenchImage {
  readonly name: string
  /** Folder of the OCI layout; the reference in it is `bench`. */
  readonly layout: string
  readonly layers: readonly BenchLayer[]
}

export interface BenchLayer {
  readonly digest: string
  /** Bytes, compressed and as a tar archive. */
  readonly size: number
  readonly tarSize: number
  /** Entries of the archive, and how many of them are files. */
  readonly entries: number
  readonly files: number
}

const nice = (program: string, args: readonly string[], input?: string): string =>
  execFileSync('nice', ['-n', '10', program, ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'inherit'],
    ...(input === undefined ? {} : { input }),
  })

/** apt as on a machine where nothing is installed. */
const apt = (...args: readonly string[]): string => {
  mkdirSync(join(CACHE, 'archives/partial'), { recursive: true })
  writeFileSync(join(CACHE, 'status'), '')
  const options = [
    `Dir::State::status=${CACHE}/status`,
    `Dir::State::extended_states=${CACHE}/extended`,
    `Dir::Cache::archives=${CACHE}/archives`,
  ]
  return nice('apt-get', ['-qq', '-y', '--no-install-recommends', ...options.flatMap((option) => ['-o', option]), 'install', ...args])
}

/** Names of the files of these packages and of all they need. */
const closure = (packages: readonly string[], known: string): string[] =>
  apt('--print-uris', '-o', `Dir::Cache::archives=${known}`, ...packages)
    .split('\n')
    .filter((line) => line.startsWith("'"))
    .map((line) => line.split(' ')[1]!)
    .sort()

/** Unpacks packages into `root`, and writes down what dpkg would. */
const extract = (packages: readonly string[], root: string): void => {
  const info = join(root, 'var/lib/dpkg/info')
  mkdirSync(info, { recursive: true })
  const script = `set -e; cd "$1"; shift
for deb; do
  name=$(dpkg-deb -f "$deb" Package)
  dpkg-deb --fsys-tarfile "$deb" | tar -xpf - --keep-directory-symlink
  dpkg-deb -e "$deb" control.tmp
  for file in control.tmp/*; do mv "$file" "var/lib/dpkg/info/$name.\${file##*/}"; done
  rmdir control.tmp
  dpkg-deb --fsys-tarfile "$deb" | tar -t | sed 's#^\\.##; s#/$##' >"var/lib/dpkg/info/$name.list"
done
cat var/lib/dpkg/info/*.control >var/lib/dpkg/status`
  nice('bash', ['-c', script, 'extract', root, ...packages.map((name) => join(CACHE, 'archives', name))])
}

const sha256OfFile = (path: string): string => nice('sha256sum', [path]).slice(0, 64)

/** A folder as a gzipped layer among the layout's blobs. */
const pack = (folder: string, layout: string, exclude: readonly string[]): BenchLayer & { readonly diffID: string } => {
  const [tar, zipped] = [join(layout, 'layer.tar'), join(layout, 'layer.tar.gz')]
  const excluded = exclude.map((name) => `--exclude=./${name}`)
  nice('tar', [
    '--sort=name',
    '--format=posix',
    '--pax-option=delete=atime,delete=ctime',
    '--numeric-owner',
    '--anchored',
    ...excluded,
    '-cf',
    tar,
    '-C',
    folder,
    '.',
  ])
  const types = nice('bash', ['-c', 'tar -tvf "$0" | cut -c1', tar]).trimEnd().split('\n')
  const layer = {
    diffID: sha256OfFile(tar),
    tarSize: statSync(tar).size,
    entries: types.length,
    files: types.filter((type) => type === '-' || type === 'h').length,
  }
  nice('bash', ['-c', 'gzip -6 -n <"$0" >"$1"', tar, zipped])
  const digest = sha256OfFile(zipped)
  const size = statSync(zipped).size
  renameSync(zipped, join(layout, 'blobs/sha256', digest))
  rmSync(tar)
  return { ...layer, digest, size }
}

const putBlob = (layout: string, mediaType: string, value: unknown) => {
  const bytes = Buffer.from(JSON.stringify(value))
  const digest = createHash('sha256').update(bytes).digest('hex')
  writeFileSync(join(layout, 'blobs/sha256', digest), bytes)
  return { mediaType, digest: `sha256:${digest}`, size: bytes.length }
}

type Packed = ReturnType<typeof pack>

const finish = (layout: string, packed: readonly Packed[]): void => {
  const config = putBlob(layout, 'application/vnd.oci.image.config.v1+json', {
    os: 'linux',
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    config: { Cmd: ['bash'], Env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'] },
    rootfs: { type: 'layers', diff_ids: packed.map(({ diffID }) => `sha256:${diffID}`) },
    history: packed.map((_, index) => ({ created_by: `layer ${index}` })),
  })
  const manifest = putBlob(layout, 'application/vnd.oci.image.manifest.v1+json', {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config,
    layers: packed.map(({ digest, size }) => ({
      mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
      digest: `sha256:${digest}`,
      size,
    })),
  })
  writeFileSync(
    join(layout, 'index.json'),
    JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest, annotations: { 'org.opencontainers.image.ref.name': 'bench' } }] }),
  )
  writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  writeFileSync(join(layout, 'layers.json'), JSON.stringify(packed))
}

/** The layout `name`, made if it is not there; a half-made one is made anew. */
const cached = (name: string, recipe: unknown, make: (layout: string, work: string) => Packed[]): BenchImage => {
  const key = createHash('sha256').update(JSON.stringify(recipe)).digest('hex').slice(0, 12)
  const layout = join(CACHE, `${name}-${key}`)
  if (!existsSync(layout)) {
    const [work, half] = [join(CACHE, `${name}.work`), join(CACHE, `${name}.half`)]
    for (const folder of [work, half]) rmSync(folder, { recursive: true, force: true })
    mkdirSync(work, { recursive: true })
    mkdirSync(join(half, 'blobs/sha256'), { recursive: true })
    console.error(`making the image ${name} in ${CACHE}: this takes minutes, once`)
    finish(half, make(half, work))
    rmSync(work, { recursive: true })
    renameSync(half, layout)
  }
  return { name, layout, layers: JSON.parse(readFileSync(join(layout, 'layers.json'), 'utf8')) as BenchLayer[] }
}

/** The image of DESIGN §7: a distribution with compilers and languages, 8 layers. */
export const bigImage = (): BenchImage =>
  cached('big', LAYERS, (layout, work) => {
    const empty = join(work, 'none')
    mkdirSync(join(empty, 'partial'), { recursive: true })
    apt('--download-only', ...LAYERS.flat())
    let below: readonly string[] = []
    return LAYERS.map((_, index) => {
      const all = closure(LAYERS.slice(0, index + 1).flat(), empty)
      const root = join(work, String(index))
      for (const name of MERGED) {
        mkdirSync(join(root, 'usr', name), { recursive: true })
        symlinkSync(`usr/${name}`, join(root, name))
      }
      extract(
        all.filter((name) => !below.includes(name)),
        root,
      )
      for (const name of MERGED)
        if (readdirSync(join(root, 'usr', name)).length === 0 && index > 0) rmSync(join(root, 'usr', name), { recursive: true })
      below = all
      const layer = pack(root, layout, index === 0 ? [] : MERGED)
      rmSync(root, { recursive: true })
      return layer
    })
  })

/** One layer of 60,000 files of 0–8 KiB in 600 folders. */
export const smallFilesImage = (): BenchImage =>
  cached('small', [60_000, 600, 'words'], (layout, work) => {
    const root = join(work, 'root')
    // words in no order: they compress as texts do
    const words = Array.from({ length: 2000 }, (_, index) =>
      createHash('md5')
        .update(String(index))
        .digest('base64url')
        .slice(0, 2 + (index % 9)),
    )
    for (let folder = 0; folder < 600; folder += 1) {
      const path = join(root, `srv/files/${folder % 20}/${folder}`)
      mkdirSync(path, { recursive: true })
      for (let file = 0; file < 100; file += 1) {
        const seed = createHash('shake256', { outputLength: 4096 }).update(`${folder}/${file}`).digest()
        const text = Array.from({ length: 2047 }, (_, index) => words[seed.readUInt16LE(2 * index + 2) % words.length]).join(' ')
        writeFileSync(join(path, `file-${file}.txt`), text.slice(0, seed.readUInt16LE(0) % 8192))
      }
    }
    return [pack(root, layout, [])]
  })
