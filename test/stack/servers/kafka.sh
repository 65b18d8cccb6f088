# Kafka: one node that is broker and controller.
#
# Its listener PROXIED advertises another port than the one it listens on. A test that runs a TCP proxy from the advertised
# port to the listening one, and connects to the advertised one, has all its Kafka traffic on that proxy and can cut it.

kafka_version=4.2.0

kafka_install() {
  cat >"$1/pom.xml" <<EOF
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>muster.stack</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$kafka_version</version>
    </dependency>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>$kafka_version</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.25.3</version>
    </dependency>
  </dependencies>
</project>
EOF
  maven copy-dependencies -f "$1/pom.xml" -DincludeScope=runtime "-DoutputDirectory=$1/libs"
}

# Leaves the start of every Kafka command line in the caller's array kafka_java.
kafka_java_command() {
  kafka_java=(java "${java_options[@]}" -Xmx384m -Dlog4j2.level=WARN -cp "$(component_dir kafka)/libs/*")
}

kafka_start() {
  local data="$stack_state/data/kafka" config="$stack_state/data/kafka.properties" kafka_java
  kafka_java_command
  mkdir -p "$data" "$stack_state/log"
  cat >"$config" <<EOF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$(port kafka_controller)
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listeners=PLAINTEXT://127.0.0.1:$(port kafka),PROXIED://127.0.0.1:$(port kafka_proxied),CONTROLLER://127.0.0.1:$(port kafka_controller)
advertised.listeners=PLAINTEXT://127.0.0.1:$(port kafka),PROXIED://127.0.0.1:$(port kafka_advertised)
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$data
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
EOF
  if [[ ! -f "$data/meta.properties" ]]; then
    "${kafka_java[@]}" kafka.tools.StorageTool format --config "$config" --cluster-id bXVzdGVyLXN0YWNrLTAwMQ >>"$stack_state/log/kafka.log" 2>&1
  fi
  run_process kafka "${kafka_java[@]}" kafka.Kafka "$config"
}

kafka_ready() {
  ! is_port_free "$(port kafka)" && kcat -b "127.0.0.1:$(port kafka)" -L -m 2 2>/dev/null | grep -q "at 127.0.0.1:$(port kafka)"
}
