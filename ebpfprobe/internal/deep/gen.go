package deep

//go:generate go tool -modfile=../../../tools/go.mod bpf2go -cc clang-14 -strip llvm-strip-14 -tags linux -target amd64,arm64 -type command -type argv -type server -type histogram bpf deep.bpf.c -- -mcpu=v3 -O2 -Wall -Wextra -Werror -I../bpf
