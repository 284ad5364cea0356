package syscalls

//go:generate go tool -modfile=../../../tools/go.mod bpf2go -cc clang-14 -strip llvm-strip-14 -tags linux -target amd64,arm64 -type call -type server -type histogram bpf syscalls.bpf.c -- -mcpu=v3 -O2 -Wall -Wextra -Werror -I../bpf
