#!/usr/bin/env bash
# scripts/setup against a dpkg-query and an apt-get of our own: what it installs, when it says nothing, whom it turns away.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

box=$(mktemp -d)
trap 'rm -rf "$box"' EXIT
mkdir "$box/bin"
touch "$box/calls" "$box/missing"

# All packages are there but those in $box/missing; apt-get notes how it was called, and then they are there as well.
cat >"$box/bin/dpkg-query" <<'FAKE'
#!/usr/bin/env bash
status=0
for package in "${@:4}"; do
  if grep -qx -- "$package" "$BOX/missing"; then status=1; else echo "$package installed"; fi
done
exit $status
FAKE
cat >"$box/bin/apt-get" <<'FAKE'
#!/usr/bin/env bash
echo "apt-get $* frontend=$DEBIAN_FRONTEND" >>"$BOX/calls"
if [[ -e $BOX/broken && " $* " == *" install "* ]]; then echo "E: no such mirror" >&2; exit 100; fi
[[ " $* " == *" install "* ]] && : >"$BOX/missing"
exit 0
FAKE
printf '#!/usr/bin/env bash\nexit 0\n' | tee "$box/bin/node" >"$box/bin/npm"
cat >"$box/bin/sudo" <<'FAKE'
#!/usr/bin/env bash
[[ $1 == -n ]] && shift
exec "$@"
FAKE
chmod +x "$box"/bin/*

failures=0
expect() {  # expect WHAT CONDITION…
  local what=$1
  shift
  if ! "$@"; then
    echo "FAILED: $what (status $status; said: $said; called: $(cat "$box/calls"))"
    failures=$((failures + 1))
  fi
}
said_has() { [[ $said == *"$1"* ]]; }
calls_have() { [[ $(cat "$box/calls") == *"$1"* ]]; }
calls_lack() { [[ $(cat "$box/calls") != *"$1"* ]]; }
setup() {  # setup ID VERSION ARGUMENT…: on that system; sets status and said
  printf 'PRETTY_NAME="%s %s"\nID=%s\nVERSION_ID="%s"\n' "$1" "$2" "$1" "$2" >"$box/os-release"
  shift 2
  : >"$box/calls"
  status=0
  said=$(env -u LOCKSTEP_SKIP_SETUP BOX="$box" PATH="$box/bin:$PATH" LOCKSTEP_OS_RELEASE="$box/os-release" \
    scripts/setup "$@" 2>&1 </dev/null) || status=$?
}

for system in "debian 12" "debian 13" "ubuntu 24.04" "ubuntu 24.10" "ubuntu 26.04"; do
  # shellcheck disable=SC2086  # two words
  setup $system
  expect "$system with everything: silent, nothing called" test "$status/$said/$(wc -c <"$box/calls")" == "0//0"
done

for system in "debian 11" "debian 14" "debian sid" "ubuntu 22.04" "ubuntu 23.10" "fedora 40"; do
  # shellcheck disable=SC2086
  setup $system
  expect "$system is turned away" test "$status" == 3
done
setup debian 11
expect "an unsupported system: status 3" test "$status" == 3
expect "an unsupported system: says which are supported" said_has "supported are Debian 12 and 13, Ubuntu 24.04 and later"
expect "an unsupported system: says which it is" said_has "debian 11 is not supported"
LOCKSTEP_OS_RELEASE=$box/nothing scripts/setup >/dev/null 2>&1 && status=0 || status=$?
expect "no os-release: status 3" test "$status" == 3

printf 'libfmt-dev\ncatch2\n' >"$box/missing"
setup debian 12 --list
expect "--list names what is missing, and installs nothing" test "$status/$said/$(wc -c <"$box/calls")" == $'0/libfmt-dev\ncatch2/0'
setup debian 12
expect "missing: status 0" test "$status" == 0
expect "missing: says in one line what it installs" test "$said" == "setup: installing libfmt-dev catch2"
expect "missing: one update, one install" test "$(wc -l <"$box/calls")" == 2
expect "missing: only these" calls_have "install -y --no-install-recommends libfmt-dev catch2 frontend=noninteractive"
setup debian 12
expect "a second time: silent, nothing called" test "$status/$said/$(wc -c <"$box/calls")" == "0//0"

printf 'clang-tidy-19\nnodejs\nnpm\n' >"$box/missing"
setup debian 12
expect "without --dev the tools are not looked for" test "$status/$said" == "0/"
setup debian 12 --dev
expect "--dev installs the tools" calls_have "install -y --no-install-recommends clang-tidy-19 frontend"
expect "--dev leaves a Node that is there alone" calls_lack nodejs

echo libfmt-dev >"$box/missing"
touch "$box/broken"
setup debian 12
expect "a failed install: status 1" test "$status" == 1
expect "a failed install: shows apt's words" said_has "E: no such mirror"
expect "a failed install: says what to do by hand" said_has "apt-get install libfmt-dev"
setup debian 12 --nonsense
expect "an unknown argument: status 2" test "$status" == 2
expect "an unknown argument: is named" said_has "--nonsense"

((failures == 0)) && echo "setup: all as expected"
((failures == 0))
