#!/bin/sh
# Installs the Debian packages that the tests use and that are missing; nothing where all are there. No daemon is started.

set -eu

# What a package is known by on the machine, and its name.
packages='
/bin/busybox                          busybox-static
/usr/bin/objdump                      binutils
/usr/bin/aarch64-linux-gnu-as         binutils-aarch64-linux-gnu
/usr/bin/qemu-aarch64-static          qemu-user-static
/usr/bin/podman                       podman
/usr/bin/conmon                       conmon
/usr/bin/ctr                          containerd
/usr/sbin/runc                        runc
/usr/bin/crun                         crun
/usr/bin/newuidmap                    uidmap
/usr/bin/strace                       strace
/usr/bin/dbus-daemon                  dbus-daemon
/usr/bin/nsenter                      util-linux
/usr/bin/script                       bsdutils
/bin/ip                               iproute2
/bin/ps                               procps
/usr/lib/*/libseccomp.so.2            libseccomp2
/usr/lib/*/libnftables.so.1           libnftables1
/usr/bin/docker-registry              docker-registry
/usr/bin/skopeo                       skopeo
/usr/bin/umoci                        umoci
/usr/bin/buildah                      buildah
/usr/bin/openssl                      openssl
/usr/lib/cni/bridge                   containernetworking-plugins
/usr/sbin/iptables                    iptables
/usr/bin/pasta                        passt
/usr/bin/ss                           iproute2
/usr/bin/protoc                       protobuf-compiler
'

# The names are patterns: libraries lie in folders of their architecture.
there() {
  for file in $1; do [ -e "$file" ] && return 0; done
  return 1
}

missing=$(echo "$packages" | while read -r file package; do
  [ -z "$file" ] || there "$file" || echo "$package"
done)
# busybox without -static is a program that needs libraries, which a root filesystem of the tests does not have
if [ -e /bin/busybox ] && ldd /bin/busybox >/dev/null 2>&1; then missing="$missing busybox-static"; fi

[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
  echo "test setup: missing packages: $(echo $missing): install them as root, or some tests are skipped" >&2
  exit 0
fi
if ! command -v apt-get >/dev/null; then
  echo "test setup: no apt-get: missing are $(echo $missing), some tests are skipped" >&2
  exit 0
fi

# invoke-rc.d(8) asks this whether a daemon may be started: not for us. What was there stays.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
fi

export DEBIAN_FRONTEND=noninteractive
echo "test setup: installing $(echo $missing)" >&2
apt-get -qq update
# shellcheck disable=SC2086
apt-get -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 install $missing >/dev/null
