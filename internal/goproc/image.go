package goproc

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Limits on what is taken from a program's file.
const (
	maxTable   = 1 << 29 // bytes of one slice of the function table
	scanChunk  = 1 << 20
	maxScan    = 1 << 30 // bytes looked through for one thing
	headerSize = 72      // of runtime.pcHeader
)

// image is the ELF file of a process's program.
type image struct {
	f    *elf.File
	arch arch
	bias uint64 // from an address in the file to the one in the process
}

func newImage(r io.ReaderAt, entry uint64) (*image, error) {
	f, err := elf.NewFile(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotGo, err)
	}
	i := slices.IndexFunc(arches, func(a arch) bool { return a.elf == uint16(f.Machine) })
	if i < 0 || f.Class != elf.ELFCLASS64 || f.Data != elf.ELFDATA2LSB {
		return nil, fmt.Errorf("%w: goroutines can be read on amd64 and arm64 only, the program is for %v",
			errors.ErrUnsupported, f.Machine)
	}
	return &image{f: f, arch: arches[i], bias: entry - f.Entry}, nil
}

// at reads from the file what the process has at an address.
func (m *image) at(addr uint64, buf []byte) bool {
	addr -= m.bias
	for _, p := range m.f.Progs {
		if p.Type != elf.PT_LOAD || addr < p.Vaddr || addr-p.Vaddr > p.Filesz {
			continue
		}
		if uint64(len(buf)) > p.Filesz-(addr-p.Vaddr) {
			continue
		}
		n, err := p.ReadAt(buf, int64(addr-p.Vaddr))
		return n == len(buf) && (err == nil || errors.Is(err, io.EOF))
	}
	return false
}

// pcHeader returns the address in the process of the function table's header:
// the section's, where there are section headers, else that of its magic number
// in a segment that is not written to.
func (m *image) pcHeader() (uint64, error) {
	for _, s := range m.f.Sections {
		if s.Name == ".gopclntab" || s.Name == ".data.rel.ro.gopclntab" {
			if addr := s.Addr + m.bias; m.isHeader(addr) {
				return addr, nil
			}
		}
	}
	magic := []byte{pclnMagic & 0xff, 0xff, 0xff, 0xff, 0, 0, byte(m.arch.quantum), 8}
	for _, p := range m.f.Progs {
		if p.Type != elf.PT_LOAD {
			continue
		}
		var found uint64
		err := scan(fileMemory{m}, p.Vaddr+m.bias, p.Vaddr+m.bias+min(p.Filesz, maxScan), scanChunk, len(magic),
			func(addr uint64, b []byte) bool {
				for from := 0; ; {
					i := bytes.Index(b[from:], magic)
					if i < 0 {
						return true
					}
					if a := addr + uint64(from+i); a%8 == 0 && m.isHeader(a) {
						found = a
						return false
					}
					from += i + 1
				}
			})
		if err != nil {
			return 0, err
		}
		if found != 0 {
			return found, nil
		}
	}
	return 0, errors.New("no function table (pclntab) in the program: it may be packed or encrypted")
}

// isHeader tells a pcHeader from bytes that look like its magic number: its
// offsets follow one another.
func (m *image) isHeader(addr uint64) bool {
	b := make([]byte, headerSize)
	if !m.at(addr, b) || u32(b, 0) != pclnMagic || b[6] != byte(m.arch.quantum) || b[7] != 8 {
		return false
	}
	last := uint64(headerSize) - 8
	for off := uint64(32); off < headerSize; off += 8 {
		v := u64(b, off)
		if v < last || v > maxTable {
			return false
		}
		last = v
	}
	return u64(b, 8) > 0
}

// fileMemory reads the program's file by the process's addresses.
type fileMemory struct{ m *image }

func (f fileMemory) read(ps []piece) error {
	for i := range ps {
		ps[i].ok = f.m.at(ps[i].addr, ps[i].buf)
	}
	return nil
}

// writable lists the parts of the process's memory that the file's writable
// segments were loaded to, as far as the file fills them.
func (m *image) writable() [][2]uint64 {
	var rs [][2]uint64
	for _, p := range m.f.Progs {
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_W != 0 && p.Filesz > 0 {
			from := p.Vaddr + m.bias
			rs = append(rs, [2]uint64{from, from + min(p.Filesz, maxScan)})
		}
	}
	return rs
}
