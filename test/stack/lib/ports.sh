# One block of ports below 32768, outside the range the kernel hands out to clients. Chosen at the first start, then kept in the state directory.

port_names=(mysql consul consul_serf consul_server apicurio kafka kafka_controller kafka_proxied kafka_advertised keycloak keycloak_management)
declare -A ports=()

port() { printf '%s' "${ports[$1]}"; }

is_port_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

is_block_free() {
  local i
  for i in "${!port_names[@]}"; do
    is_port_free "$(($1 + i))" || return 1
  done
}

choose_ports() {
  local base i
  if [[ ! -f "$stack_state/ports" ]]; then
    base="${STACK_PORT_BASE:-27430}"
    until is_block_free "$base"; do
      base=$((base + 20))
      ((base < 32700)) || die "no free ports: set STACK_PORT_BASE"
    done
    echo "$base" >"$stack_state/ports.new"
    mv "$stack_state/ports.new" "$stack_state/ports"
  fi
  base="$(<"$stack_state/ports")"
  for i in "${!port_names[@]}"; do
    ports[${port_names[$i]}]=$((base + i))
  done
}
