# Keycloak. Its data are in memory: a test makes the realm that it needs, and a restart is a provider with new keys.

keycloak_version=26.7.3

# Built once, which takes a minute of work: a start of what is not built does that each time.
keycloak_install() {
  maven copy "-Dartifact=org.keycloak:keycloak-quarkus-dist:$keycloak_version:zip" "-DoutputDirectory=$1"
  python3 -m zipfile -e "$1"/*.zip "$1"
  rm "$1"/*.zip
  bash "$1/keycloak-$keycloak_version/bin/kc.sh" build --db=dev-mem --cache=local --health-enabled=true
}

# As kc.sh runs it, without the shell before it, which would be the process that is signalled.
keycloak_start() {
  local home
  home="$(component_dir keycloak)/keycloak-$keycloak_version"
  run_process keycloak env KC_BOOTSTRAP_ADMIN_USERNAME=admin KC_BOOTSTRAP_ADMIN_PASSWORD=admin \
    java "${java_options[@]}" -Xmx384m "-Dkc.home.dir=$home" "-Djboss.server.config.dir=$home/conf" \
    -Djava.util.logging.manager=org.jboss.logmanager.LogManager -Dpicocli.disable.closures=true \
    -Djava.util.concurrent.ForkJoinPool.common.threadFactory=io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory \
    --add-opens=java.base/java.util=ALL-UNNAMED --add-opens=java.base/java.util.concurrent=ALL-UNNAMED --add-opens=java.base/java.security=ALL-UNNAMED \
    -cp "$home/lib/quarkus-run.jar" io.quarkus.bootstrap.runner.QuarkusEntryPoint start --optimized --http-enabled=true --hostname-strict=false \
    --http-host=127.0.0.1 "--http-port=$(port keycloak)" "--http-management-port=$(port keycloak_management)"
}

keycloak_ready() {
  curl -sf -m 2 -o /dev/null "http://127.0.0.1:$(port keycloak)/realms/master/.well-known/openid-configuration"
}
