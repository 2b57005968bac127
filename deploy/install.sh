#!/bin/sh
# Installs the program and its dependencies into the virtual environment PREFIX, from the lock files.
#   deploy/install.sh PREFIX [TORCH_INDEX]
# TORCH_INDEX is a package index for torch only, such as PyTorch's index of CPU builds; without it
# torch comes from the default index, and all packages are verified by hash.
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
