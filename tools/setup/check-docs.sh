#!/usr/bin/env bash
# `check-docs.sh GENERATOR...`: runs the generator of the documentation and compares what it writes with the
# files as they were, which it puts back. Exit codes: 0 the same; 1 they differ or one is missing.
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly FILES=(docs/catalog.md docs/errors.md schemas/catalog.json schemas/mission.json schemas/plugin.json)

before=$(mktemp -d)
# shellcheck disable=SC2317 # called by the trap
restore() {
    local file
    for file in "${FILES[@]}"; do
        rm -f "$file"
        [[ ! -f $before/$file ]] || cp -p "$before/$file" "$file"
    done
    rm -rf "$before"
}
mkdir "$before/docs" "$before/schemas"
for file in "${FILES[@]}"; do
    [[ ! -f $file ]] || cp -p "$file" "$before/$file"
done
trap restore EXIT

"$@"
status=0
for file in "${FILES[@]}"; do
    if [[ ! -f $before/$file ]]; then
        echo "docs: $file is missing; run: make docs" >&2
        status=1
    elif [[ ! -f $file ]]; then
        echo "docs: the generator wrote no $file" >&2
        status=1
    elif ! diff -u "$before/$file" "$file"; then
        echo "docs: $file does not say what the types say; run: make docs" >&2
        status=1
    fi
done
((status)) || echo "docs: ${FILES[*]} say what the types say"
exit "$status"
