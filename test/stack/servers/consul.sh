# Consul 1.8.7 from Debian's bullseye suite.

consul_version=1.8.7

consul_install() {
  debian_unpack bullseye "$1" consul
  "$1/usr/bin/consul" version | grep -F "$consul_version"
}

consul_start() {
  mkdir -p "$stack_state/data/consul"
  run_process consul "$(component_dir consul)/usr/bin/consul" agent -server -bootstrap-expect=1 -node=muster-stack \
    "-data-dir=$stack_state/data/consul" -log-level=warn -bind=127.0.0.1 -client=127.0.0.1 \
    "-http-port=$(port consul)" "-serf-lan-port=$(port consul_serf)" "-server-port=$(port consul_server)" \
    -serf-wan-port=-1 -dns-port=-1 -grpc-port=-1 -hcl='performance { raft_multiplier = 1 }'
}

# A leader alone is not enough: the catalog must list Consul itself.
consul_ready() {
  local api
  api="http://127.0.0.1:$(port consul)/v1"
  [[ "$(curl -sf -m 2 "$api/status/leader")" == *:* && "$(curl -sf -m 2 "$api/catalog/services")" == *'"consul"'* ]]
}
