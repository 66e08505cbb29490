#!/bin/bash
# npm run demo: an image of three layers from a registry in this machine, and a container of it with limits and a published port. Needs root,
# and apt for what is missing. All of it happens in a network namespace and folders of its own, which go at the end.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo "the demo needs root: it makes namespaces, cgroups and a bridge" >&2; exit 1; }

missing=()
command -v busybox >/dev/null || missing+=(busybox-static)
for library in libseccomp.so.2:libseccomp2 libnftables.so.1:libnftables1; do
  ldconfig -p | grep -q "${library%:*}" || missing+=("${library#*:}")
done
[ ${#missing[@]} = 0 ] || (apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y "${missing[@]}" >/dev/null) >&2

if [ -z "${WHERRY_DEMO-}" ]; then WHERRY_DEMO=1 exec unshare --net -- bash scripts/demo.sh; fi
busybox ip link set lo up

node=$PWD/node_modules/.bin/node
work=$(mktemp -d)
export WHERRY_ROOT=$work/root WHERRY_RUN_ROOT=$work/run WHERRY_CONFIG=/dev/null
# the machine's settings of registries are none of the demo's
export CONTAINERS_REGISTRIES_CONF=/dev/null
wherry=$PWD/bin/wherry
registry=
finish() {
  "$wherry" rm --force web >/dev/null 2>&1 || true
  [ -z "$registry" ] || kill "$registry" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

if [ -t 1 ] && [ -z "${NO_COLOR-}" ]; then bold=$'\033[1m' plain=$'\033[0m'; else bold= plain=; fi
say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
wherry() {
  say "\$ wherry $*"
  "$wherry" "$@"
}

say '# a registry in this machine, with an image of three layers'
coproc SERVER { exec "$node" scripts/demo-registry.ts "$(command -v busybox)"; }
registry=$SERVER_PID
read -r host <&"${SERVER[0]}"
image=$host/hello
echo "$image"

wherry pull --tls-verify=false "$image"
wherry image layers "$image"
wherry run --detach --name web --memory 64m --cpus 0.5 --pids-limit 32 --publish 8080:80 "$image"
say '$ curl http://127.0.0.1:8080/'
"$node" -e '
  const get = (left) => fetch("http://127.0.0.1:8080/").then((answer) => answer.text()).then(console.log, (error) => {
    if (left === 0) throw error
    setTimeout(get, 50, left - 1) // httpd has to open its port first
  })
  get(100)'
wherry ps
wherry exec web ps
wherry exec web sh -c 'id; hostname; cat /etc/hosts'
wherry stats --no-stream web
wherry logs web
say "\$ wherry run --explain $image    # what is going to happen, call by call (a part)"
{ "$wherry" run --explain "$image" || [ $? = 141 ]; } | head -n 30 # 141: nobody reads on
wherry rm --force web
wherry rmi "$image"
say '# nothing is left'
wherry ps --all
wherry images
