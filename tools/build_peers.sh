#!/usr/bin/env bash
# Build the foreign EEBUS stacks for the interop tests into .peers/bin. Needs Go and Rust (cargo).
# What is already built and unchanged is kept. Missing tools: a message and exit 3.
set -euo pipefail
cd "$(dirname "$0")/.."
out="$PWD/.peers"
mkdir -p "$out/bin"
failed=0

if command -v go >/dev/null; then
  for generation in current deployed; do
    echo "peers: Go, $generation generation of eebus-go"
    (cd "tests/interop/peers/$generation" && GOFLAGS=-mod=readonly go build -o "$out/bin/peer-$generation" .)
  done
else
  echo "peers: no Go toolchain, the eebus-go control boxes are left out" >&2
  failed=3
fi

rust_version=0.10.1
if [ -x "$out/bin/steuerbox" ] && [ "$(cat "$out/rust-version" 2>/dev/null)" = "$rust_version" ]; then
  echo "peers: Rust crate eebus $rust_version is there"
elif command -v cargo >/dev/null; then
  echo "peers: Rust crate eebus $rust_version (about five minutes on two cores)"
  cargo install --quiet --locked "eebus@$rust_version" --examples --features full --root "$out"
  echo "$rust_version" >"$out/rust-version"
else
  echo "peers: no Rust toolchain, the steuerbox program is left out" >&2
  failed=3
fi
exit $failed
