package golabels

//go:generate go tool -modfile=../../../tools/go.mod bpf2go -cc clang-14 -strip llvm-strip-14 -tags linux -target amd64,arm64 -type go_process -type go_write -type go_write_key -type go_write_flag -type go_outcome bpf golabels.bpf.c -- -mcpu=v3 -O2 -Wall -Wextra -Werror -I../bpf
