# Sourced by ./run and ./test: what has to be on the machine, how it gets there, and how the tree is built.
# Expects `root` (the source directory). Says what it will install before it does.
# shellcheck shell=bash

: "${HOME:=/root}"
export HOME
export LC_ALL=C.UTF-8  # a debootstrap root has no other locale

say() { printf '%s\n' "$*"; }
die() {
  printf 'sluice: %s\n' "$1" >&2
  shift
  for line in "$@"; do printf '  → %s\n' "$line" >&2; done
  exit 1
}

# Debian 12 packages. "package:command" is also content with a command that came another way (Node from its own archive).
build_packages=(clang-19 lld-19 libclang-rt-19-dev cmake ninja-build ccache pkg-config ca-certificates curl:curl
  libboost1.81-dev libhiredis-dev libyaml-cpp-dev nlohmann-json3-dev libhyperscan-dev libspdlog-dev libgtest-dev libgmock-dev
  libsimdjson-dev libpcre2-dev libicu-dev libssl-dev libcli11-dev zlib1g-dev libbrotli-dev libzstd-dev libarchive-dev
  libbenchmark-dev libjemalloc-dev libfasttext-dev
  libphonenumber8 libprotobuf-dev libabsl-dev)
test_packages=(redis-server:redis-server openssl:openssl python3:python3 python3-venv git:git procps:ps nodejs:node npm:npm
  zsh:zsh fish:fish python3-jsonschema python3-yaml pyflakes3:pyflakes3)
# Symbols in sanitizer reports; bundles that a measurement changes; pages in a browser, which needs a font.
long_packages=(llvm-19 python3-yaml chromium:chromium fonts-dejavu-core)

installed() {
  [ "$(dpkg-query -W -f='${db:Status-Abbrev}' "$1" 2>/dev/null)" = "ii " ]
}

# install_missing PACKAGE[:COMMAND]…
install_missing() {
  [ "${SLUICE_SKIP_INSTALL:-}" = 1 ] && return 0
  local wanted package command missing=()
  for wanted in "$@"; do
    package=${wanted%%:*}
    command=${wanted#*:}
    if [ "$command" != "$wanted" ] && command -v "$command" >/dev/null 2>&1; then continue; fi
    if command -v dpkg-query >/dev/null 2>&1 && installed "$package"; then continue; fi
    missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0

  local system="an unknown system" id="" version=""
  if [ -r /etc/os-release ]; then
    id=$(. /etc/os-release && printf '%s' "${ID:-}")
    version=$(. /etc/os-release && printf '%s' "${VERSION_ID:-}")
    system=$(. /etc/os-release && printf '%s' "${PRETTY_NAME:-$id $version}")
  fi
  if [ "$id" != debian ] || [ "$version" != 12 ]; then
    die "packages are installed on Debian 12 only, and this is $system. Missing here, by Debian's names: ${missing[*]}" \
      "run it in a container:  docker run --rm -it -v \"\$PWD\":/src -w /src -p 8080:8080 debian:12 $0" \
      "or install what is missing yourself and say so:  SLUICE_SKIP_INSTALL=1 $0"
  fi
  if [ "$(dpkg --print-architecture)" != amd64 ]; then
    die "Hyperscan exists for amd64 only, and this machine is $(dpkg --print-architecture)" "use an x86-64 machine"
  fi

  say "These Debian packages are missing and will be installed now:"
  printf '%s\n' "${missing[@]}" | fmt_words
  local as_root=()
  if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
      die "installing packages needs root, and there is no sudo" \
        "as root:  apt-get update && apt-get install -y --no-install-recommends ${missing[*]}" "then again:  $0"
    fi
    if ! sudo -n true 2>/dev/null && [ ! -t 0 ]; then
      die "installing packages needs root, and sudo wants a password that nobody can type here" \
        "as root:  apt-get update && apt-get install -y --no-install-recommends ${missing[*]}" "then again:  $0"
    fi
    as_root=(sudo)
  fi
  # `env` because sudo drops the environment; services must not start as a side effect of a test's needs.
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 LC_ALL=C.UTF-8 apt-get -qq -o DPkg::Lock::Timeout=300
    -o Acquire::Retries=3)
  "${apt[@]}" update || die "apt-get update failed" "is the network up? apt's own words are above"
  "${apt[@]}" install -y --no-install-recommends "${missing[@]}" >/dev/null ||
    die "apt-get install failed" "apt's own words are above; after mending it, run $0 again"
  for package in "${missing[@]}"; do
    installed "$package" || die "the package $package is still missing after the installation" "apt-get install $package"
  done
  say "Installed ${#missing[@]} packages."
}

# unpack_headers PACKAGE DIRECTORY. For a -dev package that cannot be installed: libphonenumber-dev depends on the headers of Boost
# 1.74, which exclude those of 1.81. Its library is installed in the ordinary way; of the package only the headers are wanted.
unpack_headers() {
  local package=$1 directory=$2 work
  work=$(mktemp -d) || return 1
  chmod 755 "$work"
  if (cd "$work" && apt-get -qq -o APT::Sandbox::User=root download "$package" >/dev/null) && mkdir -p "$directory" &&
    dpkg -x "$work"/*.deb "$directory"; then
    rm -rf "$work"
    return 0
  fi
  rm -rf "$work"
  say "sluice: the headers of $package could not be fetched" >&2
  say "  → apt-get update, then again; or unpack the package into $directory yourself:  dpkg -x $package*.deb $directory" >&2
  return 1
}

# Words, one a line, to indented lines of bearable length (a base system has fmt, but not every container does).
fmt_words() {
  local word line="  "
  while read -r word; do
    if [ $((${#line} + ${#word})) -gt 100 ]; then
      printf '%s\n' "$line"
      line="  "
    fi
    line+="$word "
  done
  printf '%s\n' "$line"
}

# One job for each processor, but no more than memory bears: a unit of Asio or of a test needs up to 1.5 GB.
jobs_that_fit() {
  local processors kilobytes fit
  processors=$(nproc)
  kilobytes=$(awk '/^MemAvailable:/ {print $2}' /proc/meminfo)
  fit=$((kilobytes / 1500000))
  [ "$fit" -lt 1 ] && fit=1
  [ "$fit" -lt "$processors" ] && processors=$fit
  printf '%s' "$processors"
}

# build PRESET DIRECTORY TARGET… ("all" for everything). Quiet unless it fails.
build() {
  local preset=$1 directory=$2
  shift 2
  if [ ! -f "$directory/build.ninja" ]; then
    say "Configuring $directory"
    if ! (cd "$root" && cmake --preset "$preset" -B "$directory") >"$root/build/configure.log" 2>&1; then
      cat "$root/build/configure.log" >&2
      # A half-made configuration would be taken for a whole one by the next run.
      rm -f "$directory/build.ninja" "$directory/CMakeCache.txt"
      die "cmake could not configure the build" "what it said is above and in build/configure.log"
    fi
  fi
  say "Building $* in $directory with $(jobs_that_fit) jobs (the first time takes some minutes)"
  nice ninja -C "$directory" -j "$(jobs_that_fit)" "$@" || die "the build failed" "the compiler's words are above"
}
