# Starts and stops processes by pid files. A pid file holds the pid and the process's start time, so a pid the kernel
# has since given to another process is never signalled.

ready_seconds=120
stop_seconds=60

# For the servers in Java: twice as fast to start, and fewer threads beside the tests.
java_options=(-XX:TieredStopAtLevel=1 -XX:+UseSerialGC)

# The start time of a living process, in clock ticks since boot; fails when it has ended.
start_time() {
  local stat fields
  stat="$(cat "/proc/$1/stat" 2>/dev/null)" || return 1
  read -ra fields <<<"${stat##*) }"
  [[ ${fields[0]} != Z ]] || return 1
  printf '%s' "${fields[19]}"
}

# Prints the pid of a server we started, if it still runs.
running_pid() {
  local pid started
  read -r pid started 2>/dev/null <"$stack_state/run/$1.pid" || return 1
  [[ -n "$started" && "$(start_time "$pid")" == "$started" ]] || return 1
  printf '%s' "$pid"
}

is_running() { running_pid "$1" >/dev/null; }

# run_process NAME COMMAND...: in the background, in its own session, holding none of our files open.
run_process() {
  local name="$1" pid
  shift
  mkdir -p "$stack_state/run" "$stack_state/log"
  setsid -- "$@" </dev/null >>"$stack_state/log/$name.log" 2>&1 {lock_fd}>&- &
  pid=$!
  printf '%s %s\n' "$pid" "$(start_time "$pid")" >"$stack_state/run/$name.pid"
}

wait_until_ready() {
  local name="$1" deadline=$((SECONDS + ready_seconds))
  until "${name}_ready"; do
    if ! is_running "$name" || ((SECONDS >= deadline)); then
      tail -n 20 "$stack_state/log/$name.log" >&2
      die "$name did not become ready; its log is $stack_state/log/$name.log"
    fi
    sleep 0.1
  done
  log "$name is ready on port $(port "$name")"
}

# stop_process NAME [SIGNAL]: returns when the process has ended; after stop_seconds it is killed.
stop_process() {
  local name="$1" signal="${2:-TERM}" pid deadline=$((SECONDS + stop_seconds))
  if pid="$(running_pid "$name")"; then
    log "stopping $name"
    kill -s "$signal" "$pid" || true
    while is_running "$name"; do
      if ((SECONDS >= deadline)); then
        log "$name ignored SIG$signal for $stop_seconds s: killing it"
        kill -s KILL "$pid" || true
        deadline=$((SECONDS + stop_seconds))
      fi
      sleep 0.1
    done
  fi
  rm -f "$stack_state/run/$name.pid"
}
