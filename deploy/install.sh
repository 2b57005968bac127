#!/bin/sh
# Installs the program and all it needs into the virtual environment PREFIX, from the locks.
#   deploy/install.sh PREFIX [TORCH_INDEX]
# TORCH_INDEX is a package index for torch alone, such as PyTorch's own for CPUs; without it torch
# comes from the ordinary index with everything checked by hash.
set -eu
prefix=$1
torch_index=${2:-}
root=$(cd "$(dirname "$0")/.." && pwd)
pip="$prefix/bin/python -m pip --quiet --disable-pip-version-check"

python3 -m venv "$prefix"
if [ -n "$torch_index" ]; then
	$pip install --index-url "$torch_index" \
		"$(sed -n 's/^\(torch==[^ ]*\).*/\1/p' "$root/requirements/torch.txt")"
else
	$pip install --require-hashes -r "$root/requirements/torch.txt"
fi
$pip install --require-hashes -r "$root/requirements/runtime.txt"
$pip install --no-deps --no-build-isolation "$root"
