#!/usr/bin/env bash
# What scripts/test and .ci/run make of what cmake and ctest answer, with a cmake and a ctest of our own in a copy of the
# scripts; and that each script explains itself and turns away what it does not know.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

box=$(mktemp -d)
trap 'rm -rf "$box"' EXIT
mkdir "$box/bin" "$box/tree"
cp -r scripts .ci CMakePresets.json "$box/tree"
printf '#!/usr/bin/env bash\nexit 0\n' >"$box/tree/scripts/check"

# cmake succeeds, but for the preset that is named in $box/unbuildable. ctest writes the results that $box holds for the
# preset (tests failures skipped), or none, and notes its arguments.
cat >"$box/bin/cmake" <<'FAKE'
#!/usr/bin/env bash
[[ " $* " != *"$(cat "$BOX/unbuildable" 2>/dev/null || echo nothing)"* ]]
FAKE
cat >"$box/bin/ctest" <<'FAKE'
#!/usr/bin/env bash
echo "$*" >>"$BOX/calls"
while (($#)); do
  case $1 in
    --test-dir) preset=${2#build/} ;;
    --output-junit) results=$2 ;;
  esac
  shift
done
[[ -e $BOX/$preset ]] || exit 8
read -r all bad off <"$BOX/$preset"
printf '<?xml version="1.0"?>\n<testsuite name="(empty)"\n\ttests="%s"\n\tfailures="%s"\n\tdisabled="0"\n\tskipped="%s"\n\thostname=""\n>\n' \
  "$all" "$bad" "$off" >"$results"
((bad == 0)) && [[ ! -e $BOX/not_run ]]
FAKE
chmod +x "$box"/bin/*

failures=0
expect() {  # expect WHAT STATUS LAST_LINE COMMAND…
  local what=$1 status=$2 last=$3 got=0 said
  shift 3
  : >"$box/calls"
  said=$(cd "$box/tree" && BOX=$box PATH=$box/bin:$PATH LOCKSTEP_SKIP_SETUP=1 "$@" 2>/dev/null) || got=$?
  said=${said##*$'\n'}
  if [[ $got != "$status" || $said != "$last" ]]; then
    echo "FAILED: $what: expected status $status and '$last', got $got and '$said'"
    failures=$((failures + 1))
  fi
}
called() {  # called WHAT COUNT PATTERN: how many ctest runs of the last command fit
  local count
  count=$(grep -c -e "$3" "$box/calls" || true)
  if [[ $count != "$2" ]]; then
    echo "FAILED: $1: expected $2 runs with '$3', got $count: $(cat "$box/calls")"
    failures=$((failures + 1))
  fi
}

echo 10 0 2 >"$box/dev"
echo 5 0 0 >"$box/release"
expect "all pass" 0 "13 passed, 0 failed, 2 skipped" scripts/test
called "all pass" 2 '-LE ^full\$'
called "the release tests run one by one" 1 'build/release .*-j 1 '
expect "what CI runs ends with the same line" 0 "13 passed, 0 failed, 2 skipped" .ci/run
expect "an argument goes to ctest" 0 "13 passed, 0 failed, 2 skipped" scripts/test -R store
called "an argument goes to ctest" 2 '-R store'
expect "one preset alone" 0 "5 passed, 0 failed, 0 skipped" scripts/test --only release
called "one preset alone" 1 '.'
echo 7 1 0 >"$box/tsan"
expect "--full has ThreadSanitizer's" 1 "19 passed, 1 failed, 2 skipped" scripts/test --full
called "--full leaves no test out" 0 '-LE'
echo 5 2 1 >"$box/release"
expect "failures are counted" 1 "10 passed, 2 failed, 3 skipped" scripts/test
expect "and are CI's status" 1 "10 passed, 2 failed, 3 skipped" .ci/run
echo 5 0 1 >"$box/release"
touch "$box/not_run"
expect "a test that could not be started is a failure" 1 "12 passed, 2 failed, 1 skipped" scripts/test
rm "$box/not_run" "$box/release"
expect "a ctest that left no results is a failure" 1 "8 passed, 1 failed, 2 skipped" scripts/test
echo 5 0 0 >"$box/release"
echo "build/dev" >"$box/unbuildable"
expect "what cannot be built is a failure, and the rest still runs" 1 "5 passed, 1 failed, 0 skipped" scripts/test
rm "$box/unbuildable"
echo 0 0 0 | tee "$box/dev" >"$box/release"
expect "no test at all is a failure" 1 "0 passed, 1 failed, 0 skipped" scripts/test
printf '#!/usr/bin/env bash\nexit 1\n' >"$box/tree/scripts/check"
echo 5 0 0 >"$box/dev"
expect "a failed check is CI's status, and the tests still run" 1 "5 passed, 0 failed, 0 skipped" .ci/run

for script in setup build test check check-layers check-tidy; do
  help=$("scripts/$script" --help) || { echo "FAILED: scripts/$script --help"; failures=$((failures + 1)); }
  for part in usage: Examples "Exit status"; do
    grep -q "$part" <<<"$help" || { echo "FAILED: scripts/$script --help has no '$part'"; failures=$((failures + 1)); }
  done
done
for command in "setup --nonsense" "build nonsense" "build --nonsense" "test --only nonsense" "check --nonsense" \
  "check-layers --nonsense" "check-tidy --nonsense"; do
  status=0
  # shellcheck disable=SC2086  # words
  scripts/$command >/dev/null 2>&1 || status=$?
  [[ $status == 2 ]] || { echo "FAILED: scripts/$command: status $status"; failures=$((failures + 1)); }
done

((failures == 0)) && echo "scripts: all as expected"
((failures == 0))
