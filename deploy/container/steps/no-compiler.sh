#!/bin/sh
# Fails when this root holds a compiler, an assembler, a linker, or a program that installs packages for Python or Node.
set -eu
found=$(find / -xdev \( -type f -o -type l \) \( -path '*/bin/*' -o -path '*/libexec/*' -o -path '*/sbin/*' \) \
  \( -name cc -o -name 'c[0-9]9' -o -name 'c++*' -o -name cpp -o -name 'cpp-[0-9]*' -o -name '*gcc*' -o -name '*g++*' \
  -o -name cc1 -o -name cc1plus -o -name 'clang*' -o -name tcc -o -name as -o -name '*-as' -o -name ld -o -name 'ld.*' \
  -o -name '*-ld' -o -name gold -o -name lld -o -name make -o -name rustc -o -name cargo -o -name go -o -name tsc \
  -o -name node -o -name npm -o -name 'pip*' -o -name uv \) -print | grep -v '/bin/ld\.so$' || true)
packages=$(dpkg-query -W -f '${Package}\n' | grep -E '^(gcc|g\+\+|cpp|clang|tcc|binutils|make|rustc|golang|nodejs)(-[0-9]+)?$|-dev$' || true)
[ -z "$found$packages" ] && exit 0
printf 'not in a result:\n%s\n%s\n' "$found" "$packages" >&2
exit 1
