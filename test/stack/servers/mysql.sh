# MySQL from Debian's unstable suite, run straight from the unpacked packages with their own C library.

mysql_version=sid

mysql_install() {
  debian_unpack sid "$1" mysql-server-core mysql-client-core
  mysql_program "$1" sbin/mysqld --version
}

# mysql_command_line DIR PROGRAM ARGUMENT...: leaves the command line for one of MySQL's programs in the caller's array mysql_command.
mysql_command_line() {
  local dir="$1" program="$2" loaders
  shift 2
  loaders=("$dir"/usr/lib/*-linux-gnu/ld-linux-*.so.*)
  mysql_command=("${loaders[0]}" --library-path "$(dirname "${loaders[0]}")" "$dir/usr/$program" "$@")
}

mysql_program() {
  local mysql_command
  mysql_command_line "$@"
  "${mysql_command[@]}"
}

mysql_start() {
  local dir data="$stack_state/data/mysql" mysql_command
  dir="$(component_dir mysql)"
  local options=(--no-defaults "--basedir=$dir/usr" "--user=$(id -un)")

  if [[ ! -d "$data" ]]; then
    rm -rf -- "$data.new"
    mkdir -p "$stack_state/data" "$stack_state/log"
    mysql_program "$dir" sbin/mysqld "${options[@]}" --initialize-insecure "--datadir=$data.new" >>"$stack_state/log/mysql.log" 2>&1
    mv "$data.new" "$data"
  fi

  # Run at every start. One statement a line.
  cat >"$stack_state/data/mysql.sql" <<'EOF'
CREATE DATABASE IF NOT EXISTS muster;
CREATE USER IF NOT EXISTS root@'127.0.0.1';
GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;
CREATE USER IF NOT EXISTS muster@'%' IDENTIFIED BY 'muster';
GRANT ALL ON `muster%`.* TO muster@'%';
EOF

  # Left behind by a kill. MySQL would refuse to start if another process had been given its pid since.
  rm -f "$data"/mysql.sock*

  # The suites make some two hundred databases: tables in one file are made for less than half of the CPU.
  # log-bin-trust-function-creators: with it a user without SUPER may create triggers.
  mysql_command_line "$dir" sbin/mysqld "${options[@]}" \
    "--datadir=$data" "--init-file=$stack_state/data/mysql.sql" \
    --bind-address=127.0.0.1 "--port=$(port mysql)" "--socket=$data/mysql.sock" "--pid-file=$data/mysql.pid" \
    --mysqlx=OFF --secure-file-priv=NULL --skip-name-resolve \
    --innodb-file-per-table=OFF --performance-schema=OFF \
    --innodb-flush-log-at-trx-commit=1 --max-connections=500 --log-bin-trust-function-creators=1
  run_process mysql "${mysql_command[@]}"
}

mysql_ready() {
  ! is_port_free "$(port mysql)" &&
    mysql_program "$(component_dir mysql)" bin/mysql --no-defaults --protocol=tcp --host=127.0.0.1 "--port=$(port mysql)" \
      --user=muster --password=muster --execute='SELECT 1' muster >/dev/null 2>&1
}
