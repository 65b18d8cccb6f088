# Where things are, messages, locks and parallel work.

stack_cache="${XDG_CACHE_HOME:-$HOME/.cache}/muster-stack"
stack_state="${STACK_STATE:-${TMPDIR:-/tmp}/muster-stack}"
stack_bin="$stack_cache/bin"

log() { printf 'stack: %s\n' "$*" >&2; }

die() {
  log "$*"
  exit 1
}

# Waits for the lock on a file and holds it until the script ends. Servers must not inherit it: see run_process.
lock() {
  local file="$1" holder="$2"
  mkdir -p "$(dirname "$file")"
  if [[ -n "${lock_fd:-}" ]]; then exec {lock_fd}>&-; fi
  exec {lock_fd}>"$file"
  if ! flock --nonblock "$lock_fd"; then
    log "waiting for $holder to finish"
    flock "$lock_fd"
  fi
}

# in_parallel FUNCTION NAME...: calls FUNCTION once for each NAME, all at the same time; fails if one of them failed.
in_parallel() {
  local function="$1" name pid failed=0
  local -A name_of=()
  shift
  for name in "$@"; do
    ("$function" "$name") &
    name_of[$!]="$name"
  done
  for pid in "${!name_of[@]}"; do
    if ! wait "$pid"; then
      log "${function//_/ } ${name_of[$pid]}: failed"
      failed=1
    fi
  done
  return "$failed"
}
