package lean

//go:generate go tool -modfile=../../../tools/go.mod bpf2go -cc clang-14 -strip llvm-strip-14 -tags linux -target amd64,arm64 -type server -type event -type event_text -type event_script -type info -type histogram -type slot_key -type port_key bpf lean.bpf.c -- -mcpu=v3 -Wall -Wextra -Wno-unused-parameter -Werror
