#!/bin/bash
# Installs what the suites need and this machine lacks, by Debian's package names. As root only: others run what they can, and each
# test that cannot run names what is missing. No daemon is started.
set -euo pipefail
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || exit 0

packages=(
  busybox-static libseccomp2 libseccomp-dev gcc libc6-dev strace iproute2 util-linux procps
  binutils binutils-aarch64-linux-gnu qemu-user-static
  podman crun runc containerd containernetworking-plugins uidmap dbus-daemon
)
missing=()
for package in "${packages[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0
echo "installing ${missing[*]}" >&2

export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d # 101: services that come with packages are not started
if ! [ -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod 755 $policy
  trap 'rm -f $policy' EXIT
fi
apt-get -qq update >&2
apt-get -qq install -y --no-install-recommends "${missing[@]}" >&2
