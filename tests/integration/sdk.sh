#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: labels=quick,full timeout=60 presets=release
# The installed SDK builds every skeleton plugin out of tree with `pkg-config --cflags gauntlet-sdk` and nothing else.
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cmake --install "${GT_BUILD_DIR:?}" --prefix "$place/prefix" >"$place/log" 2>&1 || {
  cat "$place/log"
  exit 1
}
export PKG_CONFIG_PATH=$place/prefix/lib/pkgconfig
read -ra cflags <<<"$(pkg-config --cflags gauntlet-sdk)"
skeletons=$(pkg-config --variable=skeletondir gauntlet-sdk)

built=0
for source in "$skeletons"/*.c; do
  if [ ! -e "$source" ]; then break; fi
  plugin=$place/$(basename "$source" .c).so
  (cd "$place" && "${CC:-gcc}" -std=gnu17 -O2 -Wall -Wextra -Werror -fPIC -shared "${cflags[@]}" -o "$plugin" "$source")
  if nm --dynamic --undefined-only "$plugin" | grep -E ' gt_'; then
    echo "$plugin needs symbols of the runtime: a plugin gets everything through its host table"
    exit 1
  fi
  built=$((built + 1))
done
if [ "$built" = 0 ]; then
  echo "no skeleton plugin was installed in $skeletons"
  exit 1
fi
echo "ok: $built skeletons built out of tree"
