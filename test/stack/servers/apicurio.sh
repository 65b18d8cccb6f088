# Apicurio Registry. Its data are in an H2 file, so they survive a restart.

apicurio_version=3.0.9

apicurio_install() {
  maven copy "-Dartifact=io.apicurio:apicurio-registry-app:$apicurio_version:tar.gz:all" "-DoutputDirectory=$1"
  tar -xzf "$1"/*.tar.gz -C "$1"
  rm "$1"/*.tar.gz
  find "$1" -name "apicurio-registry-app-$apicurio_version-runner.jar" | grep .
}

apicurio_start() {
  local jar
  jar="$(find "$(component_dir apicurio)" -name "apicurio-registry-app-$apicurio_version-runner.jar")"
  mkdir -p "$stack_state/data/apicurio"
  run_process apicurio env \
    APICURIO_STORAGE_SQL_KIND=h2 "APICURIO_DATASOURCE_URL=jdbc:h2:file:$stack_state/data/apicurio/registry" \
    APICURIO_DATASOURCE_JDBC_INITIAL_SIZE=2 APICURIO_DATASOURCE_JDBC_MIN_SIZE=2 APICURIO_DATASOURCE_JDBC_MAX_SIZE=10 \
    java "${java_options[@]}" -Xmx512m -Dquarkus.http.access-log.enabled=false \
    -Dquarkus.http.host=127.0.0.1 "-Dquarkus.http.port=$(port apicurio)" -jar "$jar"
}

apicurio_ready() {
  curl -sf -m 2 -o /dev/null "http://127.0.0.1:$(port apicurio)/apis/registry/v3/system/info"
}
