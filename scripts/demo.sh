#!/bin/bash
# npm run demo: a container in namespaces of its own, with limits, from Debian's busybox. Needs root and, if busybox is missing, apt.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo "the demo needs root: it makes namespaces and cgroups" >&2; exit 1; }
command -v busybox >/dev/null || (apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y busybox-static) >&2

oci=$PWD/bin/wherry-oci
work=$(mktemp -d)
id=demo-$$
trap '"$oci" --root "$work/state" delete --force "$id"; rm -rf "$work"' EXIT
say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] && [ -z "${NO_COLOR-}" ] || say() { printf '\n%s\n' "$*"; }

say '# a bundle: busybox as the root filesystem, a config.json with limits'
mkdir -p "$work/bundle/rootfs/"{bin,etc,proc,sys,dev,tmp}
cp "$(command -v busybox)" "$work/bundle/rootfs/bin/busybox"
for applet in sh id ps hostname mount cat sleep ls grep head; do ln -s busybox "$work/bundle/rootfs/bin/$applet"; done
echo 'root:x:0:0:root:/root:/bin/sh' >"$work/bundle/rootfs/etc/passwd"
echo 'root:x:0:' >"$work/bundle/rootfs/etc/group"
cd "$work/bundle"
"$oci" spec
node -e '
  const fs = require("node:fs"), config = JSON.parse(fs.readFileSync("config.json"))
  config.process.terminal = false
  config.process.args = ["sleep", "60"]
  config.hostname = "wherry"
  config.linux.resources = { ...config.linux.resources, memory: { limit: 64 << 20 }, cpu: { quota: 50000, period: 100000 }, pids: { limit: 32 } }
  config.linux.namespaces = ["pid", "network", "ipc", "uts", "mount", "cgroup", "user"].map((type) => ({ type }))
  config.linux.uidMappings = config.linux.gidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }]
  fs.writeFileSync("config.json", JSON.stringify(config, null, 2))'
chown -R 100000:100000 rootfs
chmod 711 "$work" "$work/bundle" # root of the container is nobody here, and has to get to its root filesystem

wherry() { "$oci" --root "$work/state" "$@"; }
say '$ wherry-oci explain        # what is going to happen, call by call (a part)'
wherry explain . | head -n 40
say "\$ wherry-oci run --detach $id"
wherry run --detach "$id" </dev/null
say "\$ wherry-oci state $id"
wherry state "$id"
inside() { say "\$ wherry-oci exec $id $*"; wherry exec "$id" "$@"; }
inside id
inside ps
inside hostname
inside mount
inside sh -c 'grep . /proc/self/uid_map /proc/self/cgroup | head -n 4'
say '# its limits, as the kernel has them'
find /sys/fs/cgroup -path "*/$id/*" \( -name memory.max -o -name memory.limit_in_bytes -o -name cpu.max -o -name cpu.cfs_quota_us -o -name pids.max \) |
  while read -r file; do printf '%-70s %s\n' "$file" "$(cat "$file")"; done
say "\$ wherry-oci ps $id"
wherry ps "$id"
say "\$ wherry-oci kill $id KILL; wherry-oci delete $id"
wherry kill "$id" KILL
until [[ $(wherry state "$id") == *'"stopped"'* ]]; do sleep 0.05; done
wherry delete "$id"
say '# nothing is left'
wherry list
