# Installs components into the cache. A component is a directory with its version in its name; it is built in a temporary
# directory and renamed when it is complete, so whatever has its final name is whole.

component_dir() {
  local version="$1_version"
  printf '%s' "$stack_cache/$1-${!version}"
}

is_installed() {
  local component
  for component in "${components[@]}"; do
    [[ -d "$(component_dir "$component")" ]] || return 1
  done
  [[ -f "$stack_bin/.complete" && -x "$stack_bin/consul" ]]
}

require_debian() {
  if [[ "$(id -u)" != 0 || ! -f /etc/debian_version ]] || ! command -v apt-get >/dev/null; then
    log "installing the servers needs root on Debian; elsewhere 'docker compose up' gives the same servers"
    exit 3
  fi
  command -v go >/dev/null || die "Go is missing: it builds grpcurl and connectconformance"
}

# Debian packages for the commands this machine lacks.
install_debian_packages() {
  local package_of=(kcat:kcat curl:curl java:openjdk-17-jre-headless mvn:maven python3:python3-venv) missing=() entry
  for entry in "${package_of[@]}"; do
    command -v "${entry%%:*}" >/dev/null || missing+=("${entry#*:}")
  done
  if ((${#missing[@]} > 0)); then
    log "installing ${missing[*]}"
    apt-get -q update >&2
    DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${missing[@]}" >&2
  fi
}

install_component() {
  local name="$1" dir building build_log="$stack_cache/install-$1.log" started=$SECONDS
  dir="$(component_dir "$name")"
  if [[ -d "$dir" ]]; then return; fi
  log "installing $name"
  building="$dir.new"
  rm -rf -- "$building"
  mkdir -p "$building"
  # In a process of its own and not as a condition, because `set -e` does not hold inside a condition.
  ("${name}_install" "$building") >"$build_log" 2>&1 &
  if ! wait $!; then
    tail -n 20 "$build_log" >&2
    die "could not install $name; the log is $build_log"
  fi
  mv "$building" "$dir"
  log "installed $name in $((SECONDS - started)) s"
}

# debian_unpack SUITE DIR PACKAGE...: unpacks packages of another Debian suite, with all they depend on, into DIR.
# This machine's package database is neither read nor changed, and no package script runs.
debian_unpack() {
  local suite="$1" dir="$2" mirror archive
  shift 2
  mirror="$(. /etc/os-release && apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' 'Origin: Debian' |
    awk -v codename="$VERSION_CODENAME" '$2 == codename { uri = $1 } END { print uri }')"
  [[ -n "$mirror" ]] || die "no Debian mirror in this machine's apt sources"
  mkdir -p "$dir/apt/lists/partial" "$dir/apt/archives/partial"
  : >"$dir/apt/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$dir/apt/sources.list"
  local apt=(
    apt-get -q
    -o "Dir::Etc::sourcelist=$dir/apt/sources.list" -o Dir::Etc::sourceparts=-
    -o "Dir::State=$dir/apt" -o "Dir::State::status=$dir/apt/status" -o "Dir::Cache=$dir/apt"
    -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Check-Valid-Until=false
  )
  "${apt[@]}" update
  "${apt[@]}" install -y --download-only --no-install-recommends "$@"
  for archive in "$dir"/apt/archives/*.deb; do
    dpkg -x "$archive" "$dir"
  done
  rm -rf "$dir/apt" "$dir/usr/share/doc" "$dir/usr/share/locale"
}

# maven GOAL OPTION...: a goal of the Maven dependency plugin. One at a time, because Maven's local repository is not safe to share.
# Newer versions of the plugin insist on parent poms, and Apicurio's cannot be had.
maven() {
  local goal="$1"
  shift
  flock "$stack_cache/maven.lock" mvn -B -q "org.apache.maven.plugins:maven-dependency-plugin:2.8:$goal" "$@"
}
