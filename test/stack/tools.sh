# The tools that tests use, in one directory: grpcurl, connectconformance, kcat, kafka-topics, mysql, a Python with gRPC,
# moto_server and aws, and Java with Apicurio's deserializer.

grpcurl_version=1.9.4
conformance_version=1.0.7
python_version=grpc-1.85.1
# Of moto, which emulates AWS, and of AWS's command line.
moto_version=5.2.5-1.46.3

grpcurl_install() {
  GOBIN="$1" go install -ldflags "-s -w -X main.version=v$grpcurl_version" "github.com/fullstorydev/grpcurl/cmd/grpcurl@v$grpcurl_version"
}

conformance_install() {
  GOBIN="$1" go install -ldflags "-s -w" "connectrpc.com/conformance/cmd/connectconformance@v$conformance_version"
  "$1/connectconformance" --version
}

python_install() {
  local version="${python_version#grpc-}"
  python3 -m venv "$1"
  "$1/bin/python" -m pip install -q "grpcio==$version" "grpcio-tools==$version" "grpcio-health-checking==$version" protobuf==7.36.2
  "$1/bin/python" -c 'import grpc, grpc_health, grpc_tools'
}

moto_install() {
  python3 -m venv "$1"
  "$1/bin/python" -m pip install -q "moto==${moto_version%-*}" "awscli==${moto_version#*-}" flask==3.1.3 flask-cors==6.0.5
  "$1/bin/python" -c 'import awscli, flask_cors, moto.server'
}

write_tools() {
  local mysql_command kafka_java
  mkdir -p "$stack_bin"
  ln -sfn "$(component_dir grpcurl)/grpcurl" "$stack_bin/grpcurl"
  ln -sfn "$(component_dir conformance)/connectconformance" "$stack_bin/connectconformance"
  ln -sfn "$(command -v kcat)" "$stack_bin/kcat"
  ln -sfn "$(component_dir consul)/usr/bin/consul" "$stack_bin/consul"
  # Not a link: Python finds its packages by the path it was called with.
  write_wrapper python "$(component_dir python)/bin/python"
  write_wrapper moto_server "$(component_dir moto)/bin/python" -m moto.server
  write_wrapper aws "$(component_dir moto)/bin/python" -m awscli
  mysql_command_line "$(component_dir mysql)" bin/mysql
  write_wrapper mysql "${mysql_command[@]}"
  kafka_java_command
  write_wrapper kafka-topics "${kafka_java[@]}" org.apache.kafka.tools.TopicCommand
  write_serde
  touch "$stack_bin/.complete"
}

write_wrapper() {
  local name="$1"
  shift
  printf '#!/bin/sh\nexec%s "$@"\n' "$(printf " '%s'" "$@")" >"$stack_bin/$name.new"
  chmod +x "$stack_bin/$name.new"
  mv "$stack_bin/$name.new" "$stack_bin/$name"
}
